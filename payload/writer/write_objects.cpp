// SPDX-License-Identifier: Apache-2.0
#include "payload/writer/write_objects.h"

#include <algorithm>

#include "payload/base/parallel.h"

namespace sealift::writer {
namespace {

std::unexpected<Error> has_changed(const StoredObject& object) {
  return fail(ErrorCode::corrupt, "{} has changed while it was packed; build again when nothing writes to it",
              object.origin->name);
}

// Reads an object a second time, and compares it with what it was.
class Rereader {
 public:
  static Result<Rereader> open(const Digest& digest, const StoredObject& object) {
    SEALIFT_ASSIGN(auto source, object.origin->open());
    return Rereader(digest, object, std::move(source));
  }

  // The next bytes; at most those that are left of the object.
  Result<void> read(std::span<std::byte> buffer) {
    SEALIFT_ASSIGN(const size_t count, base::read_full(*source_, buffer));
    hasher_.update(buffer.first(count));
    left_ -= count;
    if (count == buffer.size() && (left_ != 0 || hasher_.finish() == digest_)) return {};
    return has_changed(object_);
  }
  uint64_t left() const { return left_; }

 private:
  Rereader(const Digest& digest, const StoredObject& object, std::unique_ptr<base::Source> source)
      : digest_(digest), object_(object), source_(std::move(source)), left_(object.size) {}
  const Digest digest_;
  const StoredObject& object_;
  std::unique_ptr<base::Source> source_;
  hash::Sha256 hasher_;
  uint64_t left_;
};

// How many frames can be copied in one piece: those that follow each other at both ends, at most `most` bytes of them.
// `padded`: with the same padding between them.
size_t run_length(std::span<const PlacedFrame> frames, uint64_t most, bool padded) {
  const PlacedFrame& first = frames.front();
  uint64_t end = first.frame.stored_size;  // from the beginning of the first
  size_t count = 1;
  for (; count < frames.size(); ++count) {
    const PlacedFrame &last = frames[count - 1], &next = frames[count];
    if (next.base != first.base || next.source_number != last.source_number + 1) break;
    const uint64_t begin = next.source_offset - first.source_offset;
    if (next.frame.offset - first.frame.offset != begin || (begin != end && !padded)) break;
    end = begin + next.frame.stored_size;
    if (end > most) break;
  }
  return count;
}

Result<size_t> copy_run(std::span<const PlacedFrame> frames, const Target& target) {
  constexpr uint64_t kMost = uint64_t{64} << 20;  // so that cancelling and progress are not delayed
  const PlacedFrame& first = frames.front();
  const size_t count = run_length(frames, kMost, false);
  uint64_t size = 0;
  for (const auto& frame : frames.first(count)) size += frame.frame.stored_size;
  SEALIFT_TRY(copy_range(first.base->file(), first.base->payload_offset() + first.source_offset, target.fd,
                         target.payload_offset + first.frame.offset, size));
  return count;
}

// Of a verified base. 0 if the file system can't.
Result<size_t> share_run(std::span<PlacedFrame> frames, const Target& target) {
  constexpr uint64_t kMost = uint64_t{1} << 30;  // the last block of a run is not shared, and its frame is read again
  const PlacedFrame& first = frames.front();
  const size_t count = run_length(frames, kMost, true);
  const auto run = frames.first(count);
  const uint64_t begin = first.frame.offset, end = run.back().frame.offset + run.back().frame.stored_size;
  SEALIFT_ASSIGN(const auto shared, share_range(first.base->file(), first.base->payload_offset() + first.source_offset,
                                                target.fd, target.payload_offset + begin, end - begin));
  if (!shared) return 0;
  for (auto& frame : run) {
    const uint64_t at = frame.frame.offset - begin;
    frame.is_read_back = at >= shared->begin && at + frame.frame.stored_size <= shared->end;
  }
  return count;
}

}  // namespace

Result<void> copy_base_frames(std::span<PlacedFrame> frames, const std::set<const format::PayloadReader*>& verified,
                              const Target& target, const CancelToken& cancel, Progress& progress) {
  while (!frames.empty()) {
    SEALIFT_TRY(cancel.check());
    auto done = verified.contains(frames.front().base) ? share_run(frames, target) : Result<size_t>(0);
    if (done && *done == 0) done = copy_run(frames, target);
    if (!done) return fail_while(std::move(done).error(), "copying from a base");
    for (const auto& frame : frames.first(*done)) progress.add(frame.frame.stored_size);
    frames = frames.subspan(*done);
  }
  return {};
}

Result<std::vector<format::Frame>> compress(const LayoutBuilder& layout, const StoredObjects& objects,
                                            FrameWorkers& workers, const CancelToken& cancel, Progress& progress) {
  for (const auto& pack : layout.packs()) {
    SEALIFT_TRY(cancel.check());
    Bytes buffer = workers.acquire();
    size_t filled = 0;
    for (const auto& digest : pack.objects) {
      const StoredObject& object = objects.at(digest);
      const auto part = std::span(buffer).subspan(filled, static_cast<size_t>(object.size));
      if (object.kept.empty()) {
        SEALIFT_ASSIGN(auto again, Rereader::open(digest, object));
        SEALIFT_TRY(again.read(part));
      } else {
        std::ranges::copy(object.kept, part.begin());
      }
      filled += part.size();
    }
    SEALIFT_TRY(workers.submit(std::move(buffer), filled));
    progress.add(filled);
  }
  for (const auto& digest : layout.framed()) {
    SEALIFT_ASSIGN(auto object, Rereader::open(digest, objects.at(digest)));
    while (object.left() != 0) {
      SEALIFT_TRY(cancel.check());
      Bytes buffer = workers.acquire();
      const auto part = std::span(buffer).first(static_cast<size_t>(std::min(object.left(), format::kMaxFrameSize)));
      SEALIFT_TRY(object.read(part));
      SEALIFT_TRY(workers.submit(std::move(buffer), part.size()));
      progress.add(part.size());
    }
  }
  return workers.finish();
}

Result<void> fill_raw(PlacedPayload& payload, const StoredObjects& objects, unsigned threads, const CancelToken& cancel,
                      Progress& progress) {
  std::vector<const StoredObjects::value_type*> own;
  for (const auto& entry : objects) {
    if (entry.second.form == Form::raw && entry.second.origin) own.push_back(&entry);
  }
  return base::try_parallel(own.size(), threads, cancel, [&](size_t i, const CancelToken&) -> Result<void> {
    const auto& [digest, object] = *own[i];
    SEALIFT_ASSIGN(const auto source, object.origin->open());
    auto done = payload.fill(digest, [&](base::Sink& sink) -> Result<void> {
      SEALIFT_TRY(base::copy(*source, sink));
      return {};
    });
    if (!done && done.error().code == ErrorCode::corrupt) return has_changed(object);
    progress.add(object.size);
    return done;
  });
}

uint64_t work_of(std::span<const PlacedFrame> base_frames, const StoredObjects& objects) {
  uint64_t sum = 0;
  for (const auto& placed : base_frames) sum += placed.frame.stored_size;
  for (const auto& [digest, object] : objects) sum += object.origin ? object.size : 0;
  return sum;
}

}  // namespace sealift::writer
