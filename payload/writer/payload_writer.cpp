// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>
#include <algorithm>
#include <array>

#include "payload/format/layout.h"
#include "payload/writer/writer_state.h"

namespace sealift::writer {
namespace {

// Files up to this size share a frame with others.
constexpr uint64_t kSmallObject = uint64_t{256} << 10;
constexpr size_t kReadSize = size_t{64} << 10;
// Of files that one read takes in, this many bytes are kept until they are written: opening and reading tens of
// thousands of them again takes longer than compressing them on another processor.
constexpr uint64_t kMaxKept = uint64_t{96} << 20;
constexpr unsigned kMaxThreads = 16;
constexpr int kMaxLevel = 19;

// Magic numbers of compressed formats: gzip, zstd, xz, bzip2, zip.
bool looks_compressed(ByteView front) {
  using namespace std::string_view_literals;
  const std::string_view text = base::as_text(front);
  constexpr auto kMagics = std::to_array<std::string_view>({"\x1f\x8b"sv, "\x28\xb5\x2f\xfd"sv,
                                                            "\xfd"
                                                            "7zXZ\0"sv,
                                                            "BZh"sv, "PK\x03\x04"sv});
  return std::ranges::any_of(kMagics, [&](std::string_view magic) { return text.starts_with(magic); });
}

// Stored as it is served, or in a base and not ours to change.
bool is_in_place(Form form) { return form == Form::raw || form == Form::base; }

}  // namespace

PayloadWriter::PayloadWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
PayloadWriter::~PayloadWriter() = default;

Result<std::unique_ptr<PayloadWriter>> PayloadWriter::create(const std::string& output, const Options& options) {
  if (options.zstd_level < 1 || options.zstd_level > kMaxLevel) {
    return fail(ErrorCode::usage, "compression level {} is not between 1 and {}", options.zstd_level, kMaxLevel);
  }
  struct stat status{};
  if (::stat(output.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) {
    return fail(ErrorCode::already_exists, "{} is a folder; name the file to write", output);
  }
  SEALIFT_ASSIGN(auto file, OutputFile::create(output));
  const unsigned threads = std::clamp(options.threads, 1U, kMaxThreads);
  return std::unique_ptr<PayloadWriter>(
      new PayloadWriter(std::make_unique<State>(output, options, threads, std::move(file))));
}

Result<void> PayloadWriter::add_base(const format::PayloadReader& base, const std::function<bool(const Digest&)>& keep,
                                     Base base_state) {
  State& state = *state_;
  const std::lock_guard guard(state.mutex);
  if (state.added) return fail(ErrorCode::internal, "bases come before objects");
  for (const auto& object : base.index().objects()) {
    if (keep && !keep(object.digest)) continue;
    state.objects.try_emplace(object.digest, StoredObject{object.size, Form::base, {}, state.bases.size()});
  }
  state.bases.push_back(&base);
  if (base_state == Base::was_verified) state.verified_bases.insert(&base);
  return {};
}

bool PayloadWriter::reserve(const format::ObjectRef& object) {
  State& state = *state_;
  const std::lock_guard guard(state.mutex);
  state.added = true;
  const auto at = state.objects.find(object.digest);
  if (at != state.objects.end() && is_in_place(at->second.form))
    return at->second.form == Form::raw && !at->second.origin;
  state.objects.insert_or_assign(object.digest, StoredObject{object.size, Form::raw, {}, 0});
  return true;
}

Result<format::ObjectRef> PayloadWriter::add(Origin origin, Storage storage) {
  State& state = *state_;
  SEALIFT_ASSIGN(const auto source, origin.open());
  hash::Sha256 hasher;
  StoredObject object;
  object.form = storage == Storage::raw ? Form::raw : Form::framed;
  const auto buffer = std::make_unique_for_overwrite<std::byte[]>(kReadSize);
  ByteView plain;
  for (bool last = false; !last;) {
    SEALIFT_TRY(state.options.cancel.check());
    SEALIFT_ASSIGN(const size_t count, base::read_full(*source, {buffer.get(), kReadSize}));
    last = count < kReadSize;
    plain = {buffer.get(), count};
    hasher.update(plain);
    if (object.size == 0 && looks_compressed(plain)) object.form = Form::raw;
    object.size += count;
  }
  if (object.form == Form::framed && object.size <= kSmallObject) object.form = Form::small;
  object.origin = std::move(origin);
  const format::ObjectRef reference{hasher.finish(), object.size};
  const std::lock_guard guard(state.mutex);
  state.added = true;
  // A duplicate counts only if it turns a compressed object into one that is served in place: otherwise the result
  // would depend on the order of the calls.
  const auto at = state.objects.find(reference.digest);
  const bool keeps = at != state.objects.end() && (object.form != Form::raw || is_in_place(at->second.form));
  if (keeps) return reference;
  if (object.form == Form::small && plain.size() == object.size && state.kept + object.size <= kMaxKept) {
    state.kept += object.size;
    object.kept.assign(plain.begin(), plain.end());
  }
  state.objects.insert_or_assign(reference.digest, std::move(object));
  return reference;
}

}  // namespace sealift::writer
