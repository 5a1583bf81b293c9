// SPDX-License-Identifier: Apache-2.0
//
// PayloadReader::verify: every byte of the file is covered by exactly one of header, frame hash, section hash, metadata
// hash, trailer checksum, zero padding or (in an artifact) the stub object. Signatures are the exception: see
// FORMAT.md, section 8.
#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>

#include "payload/base/format.h"
#include "payload/base/thread.h"
#include "payload/format/head.h"
#include "payload/format/reader_state.h"
#include "payload/format/references.h"

namespace sealift::format {
namespace {

// For messages: the object's name as known to those who packed it.
std::string title(const Contents& contents, const Reference& reference) {
  const auto image = [&](std::string_view part) { return base::format("{} of image {}", part, reference.of); };
  switch (reference.part) {
    case Part::program:
      return base::format(
          "the program for {}",
          base::platform(std::ranges::find(contents.stubs, reference.object, &Stub::object)->architecture));
    case Part::file: return base::format("file {}", reference.of);
    case Part::image_root: return image("index or manifest");
    case Part::inner_index: return image("an inner index");
    case Part::manifest:
    case Part::config: return image("manifest or config");
    case Part::layer: return image("a layer");
  }
  return {};
}

std::string title(const Contents& contents, const Digest& digest) {
  std::string out;
  static_cast<void>(for_each_reference(contents, [&](const Reference& reference) -> Result<void> {
    if (out.empty() && reference.object.digest == digest) out = title(contents, reference);
    return {};
  }));
  return out.empty() ? "object " + digest.text() : out;
}

// Names are looked up in everything that the payload holds: of a file that is damaged all over, the first ones will do.
constexpr size_t kNamed = 1000;

std::string title_of_frame(const Contents& contents, const Index& index, size_t frame) {
  const uint64_t begin = index.plain_start(frame), end = begin + index.frames()[frame].plain_size;
  std::string out;
  size_t count = 0;
  for (const auto& object : index.objects()) {
    for (const auto& piece : index.pieces(object)) {
      const uint64_t from = index.plain_start(piece.frame) + piece.offset;
      if (from >= end || from + piece.size <= begin) continue;
      if (count == 0) out = title(contents, object.digest);
      ++count;
      break;
    }
  }
  if (count > 1) out += base::format(" and {} more", count - 1);
  return count == 0 ? "a frame of no object" : out;
}

// In small steps: the caches stay warm, and no thread needs memory for a whole frame.
Result<void> check_frame(const base::RandomAccessFile& file, base::FileOffset payload_offset, const Frame& frame) {
  SEALIFT_ASSIGN(const Digest digest, hash::sha256(file, payload_offset + frame.offset, frame.stored_size));
  if (digest != frame.stored_hash) {
    return fail(ErrorCode::corrupt, "these {} bytes do not match their hash", frame.stored_size);
  }
  return {};
}

// Collects damage from several threads.
class Findings {
 public:
  void add(std::string where, base::FileOffset offset, Error error) {
    const std::lock_guard lock(mutex_);
    damage_.push_back({std::move(where), offset, std::move(error)});
  }
  std::vector<Damage> take() {
    std::ranges::stable_sort(damage_, {}, &Damage::offset);
    return std::move(damage_);
  }

 private:
  std::mutex mutex_;
  std::vector<Damage> damage_;
};

class Progress {
 public:
  Progress(uint64_t total, const std::function<void(VerifyProgress)>& tell) : total_(total), tell_(tell) {}
  void add(uint64_t bytes) {
    const std::lock_guard lock(mutex_);
    done_ += bytes;
    if (tell_) tell_({done_, total_});
  }

 private:
  std::mutex mutex_;
  uint64_t done_ = 0;
  uint64_t total_;
  const std::function<void(VerifyProgress)>& tell_;
};

}  // namespace

Result<std::vector<Damage>> PayloadReader::verify(unsigned threads, const std::function<void(VerifyProgress)>& progress,
                                                  const CancelToken& cancel,
                                                  const std::function<bool(size_t)>& is_known) const {
  const State& state = *state_;
  const auto& frames = state.index.frames();
  const uint64_t file_size = state.payload_offset + payload_size();
  Findings findings;
  Progress told(file_size, progress);
  uint64_t frame_bytes = 0;
  for (const auto& frame : frames) frame_bytes += frame.stored_size;
  const auto note = [&](std::string_view where, base::FileOffset offset, const Result<void>& checked) {
    if (!checked) findings.add(std::string(where), offset, checked.error());
  };

  if (state.payload_offset != 0)
    note("head", 0, program_at_head(*state.file, state.contents).transform([](Architecture) {}));
  note("header", 0, [&]() -> Result<void> {
    std::array<std::byte, kHeaderSize> bytes;
    SEALIFT_TRY(state.file->read_at(state.payload_offset, bytes));
    auto parsed = parse_header(bytes);
    if (!parsed && parsed.error().code == ErrorCode::not_a_payload)
      return fail(ErrorCode::corrupt, "the header does not begin with its magic");
    SEALIFT_ASSIGN(const Header header, std::move(parsed));
    if (header.payload_size != payload_size())
      return fail(ErrorCode::corrupt, "header and trailer state different payload sizes");
    return {};
  }());
  // The metadata was checked when the payload was opened, but the medium may have changed since, or the first read may
  // have been lucky.
  note("metadata", state.trailer.metadata_offset, [&]() -> Result<void> {
    SEALIFT_ASSIGN(const Digest digest, hash::sha256(*state.file, state.payload_offset + state.trailer.metadata_offset,
                                                     state.trailer.metadata_size));
    if (digest != identity())
      return fail(ErrorCode::corrupt, "these {} bytes do not match their hash", state.trailer.metadata_size);
    return {};
  }());
  for (const auto& section : state.sections) {
    if (section.offset >= state.trailer.metadata_offset) continue;
    SEALIFT_TRY(cancel.check());
    auto digest = hash::sha256(*state.file, state.payload_offset + section.offset, section.size);
    if (!digest)
      findings.add(std::string(name(section.type)), section.offset, digest.error());
    else if (*digest != section.hash)
      findings.add(std::string(name(section.type)), section.offset,
                   Error{ErrorCode::corrupt, "the section does not match its hash", {}});
  }
  auto occupied = state.fixed_ranges();
  for (const auto& frame : frames) occupied.push_back({frame.offset, frame.stored_size});
  occupied.push_back({state.trailer.metadata_offset, 0});
  std::ranges::sort(occupied, {}, &ByteRange::offset);
  base::FileOffset end = 0;
  for (const auto& range : occupied) {
    note("padding", end, check_zeros(*state.file, state.payload_offset + end, range.offset - end));
    end = range.offset + range.size;
  }
  told.add(file_size - frame_bytes);

  std::atomic<size_t> damaged = 0;
  base::parallel_for(frames.size(), threads, [&](size_t i) {
    if (cancel.cancelled()) return;
    const bool known = is_known && is_known(i);
    if (auto checked = known ? Result<void>() : check_frame(*state.file, state.payload_offset, frames[i]); !checked) {
      const bool is_named = damaged.fetch_add(1) < kNamed;
      findings.add(is_named ? title_of_frame(state.contents, state.index, i) : "a frame", frames[i].offset,
                   std::move(checked).error());
    }
    told.add(frames[i].stored_size);
  });
  SEALIFT_TRY(cancel.check());
  return findings.take();
}

Result<std::vector<Damage>> PayloadReader::verify_objects(std::span<const Digest> objects, unsigned threads,
                                                          const CancelToken& cancel) const {
  // In file order, so that objects sharing a frame find it in the cache.
  std::vector<std::pair<uint32_t, Digest>> order;
  for (const auto& digest : objects) {
    const IndexObject* object = state_->index.find(digest);
    if (object == nullptr) return fail(ErrorCode::not_found, "the payload holds no object {}", digest.text());
    order.emplace_back(object->piece_count == 0 ? 0 : state_->index.pieces(*object).front().frame, digest);
  }
  std::ranges::sort(order);
  Findings findings;
  base::parallel_for(order.size(), threads, [&](size_t i) {
    if (cancel.cancelled()) return;
    base::FunctionSink nowhere([&](ByteView) { return cancel.check(); });
    if (auto read_back = read(order[i].second, {}, nowhere); !read_back && !cancel.cancelled()) {
      const auto& frames = state_->index.frames();
      const base::FileOffset offset = order[i].first < frames.size() ? frames[order[i].first].offset : 0;
      findings.add(title(state_->contents, order[i].second), offset, std::move(read_back).error());
    }
  });
  SEALIFT_TRY(cancel.check());
  return findings.take();
}

}  // namespace sealift::format
