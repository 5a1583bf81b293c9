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

// Fills the buffer unless the source ends first.
Result<size_t> fill(base::Source& source, std::span<std::byte> buffer) {
  size_t filled = 0;
  while (filled < buffer.size()) {
    SEALIFT_ASSIGN(const size_t count, source.read(buffer.subspan(filled)));
    if (count == 0) break;
    filled += count;
  }
  return filled;
}

// Stored as it is served, or in a base and not ours to change.
bool is_in_place(Form form) { return form == Form::raw || form == Form::base || form == Form::reserved; }

// One of the workers' buffers; given back on destruction.
class BorrowedBuffer {
 public:
  explicit BorrowedBuffer(FrameWorkers& workers) : workers_(&workers), bytes_(workers.acquire()) {}
  BorrowedBuffer(const BorrowedBuffer&) = delete;
  BorrowedBuffer& operator=(const BorrowedBuffer&) = delete;
  ~BorrowedBuffer() {
    if (!bytes_.empty()) workers_->release(std::move(bytes_));
  }
  Bytes& bytes() { return bytes_; }
  Bytes take() { return std::exchange(bytes_, {}); }

 private:
  FrameWorkers* workers_;
  Bytes bytes_;
};

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
  const std::string folder = options.temporary_directory.empty() ? folder_of(output) : options.temporary_directory;
  SEALIFT_ASSIGN(auto spool, Spool::create(folder));
  const unsigned threads = std::clamp(options.threads, 1U, kMaxThreads);
  return std::unique_ptr<PayloadWriter>(
      new PayloadWriter(std::make_unique<State>(output, options, threads, std::move(spool))));
}

Result<void> PayloadWriter::add_base(const format::PayloadReader& base) {
  State& state = *state_;
  const std::lock_guard guard(state.mutex);
  if (state.added) return fail(ErrorCode::internal, "bases come before objects");
  for (const auto& object : base.index().objects()) {
    state.objects.try_emplace(object.digest, StoredObject{object.size, Form::base, 0, {}, state.bases.size()});
  }
  state.bases.push_back(&base);
  return {};
}

bool PayloadWriter::has(const Digest& digest) const {
  const std::lock_guard guard(state_->mutex);
  return state_->objects.contains(digest);
}

bool PayloadWriter::reserve(const format::ObjectRef& object) {
  State& state = *state_;
  const std::lock_guard guard(state.mutex);
  state.added = true;
  const auto at = state.objects.find(object.digest);
  if (at != state.objects.end() && is_in_place(at->second.form)) return at->second.form == Form::reserved;
  StoredObject stored;
  stored.size = object.size;
  stored.form = Form::reserved;
  for (uint64_t begin = 0; begin < object.size; begin += format::kMaxFrameSize) {
    const uint64_t size = std::min(object.size - begin, format::kMaxFrameSize);
    stored.frames.push_back(std::make_shared<SpooledFrame>(SpooledFrame{{0, size, size, format::Encoding::raw, {}}}));
  }
  state.objects.insert_or_assign(object.digest, std::move(stored));
  return true;
}

Result<format::ObjectRef> PayloadWriter::add(base::Source& source, Storage storage, std::optional<Digest> expected) {
  State& state = *state_;
  // A duplicate is stored again only to turn a compressed object into one that is served in place: otherwise the result
  // would depend on the order of the calls. Under the mutex.
  const auto keeps_it = [&](const Digest& digest) {
    const auto at = state.objects.find(digest);
    return at != state.objects.end() && (storage == Storage::automatic || is_in_place(at->second.form));
  };
  const auto keeps = [&](const Digest& digest) {
    const std::lock_guard guard(state.mutex);
    return keeps_it(digest);
  };
  StoredObject object;
  object.form = storage == Storage::raw ? Form::raw : Form::framed;
  const bool only_hash = expected && keeps(*expected);
  hash::Sha256 hasher;
  std::optional<Digest> digest;
  while (!digest) {
    SEALIFT_TRY(state.options.cancel.check());
    BorrowedBuffer buffer(state.workers);
    SEALIFT_ASSIGN(const size_t count, fill(source, buffer.bytes()));
    const bool last = count < buffer.bytes().size();
    const bool first = object.size == 0;
    const ByteView plain = ByteView(buffer.bytes()).first(count);
    hasher.update(plain);
    object.size += count;
    if (last) digest = hasher.finish();
    if (first && storage == Storage::automatic && looks_compressed(plain)) object.form = Form::raw;
    if (count == 0 || only_hash || (digest && keeps(*digest))) continue;
    if (first && last && object.form == Form::framed && count <= kSmallObject) {
      object.form = Form::small;
      SEALIFT_ASSIGN(object.spool_offset, state.spool.append(plain));
      continue;
    }
    const auto known = first && last ? digest : std::nullopt;
    SEALIFT_ASSIGN(auto frame, state.workers.submit(buffer.take(), count, object.form == Form::framed, known));
    object.frames.push_back(std::move(frame));
  }
  if (expected && *expected != *digest) {
    return fail(ErrorCode::corrupt, "the bytes have digest {}, {} was expected", digest->text(), expected->text());
  }
  const format::ObjectRef reference{*digest, object.size};
  const std::lock_guard guard(state.mutex);
  state.added = true;
  if (!keeps_it(*digest)) state.objects.insert_or_assign(*digest, std::move(object));
  return reference;
}

}  // namespace sealift::writer
