// SPDX-License-Identifier: Apache-2.0
//
// PlacedPayload::fill: writes announced bytes to their place and checks them on the way.
#include <algorithm>

#include "payload/writer/writer_state.h"

namespace sealift::writer {
namespace {

constexpr uint64_t kReadSize = uint64_t{1} << 20;
constexpr uint64_t kBetweenNotes = uint64_t{256} << 10;

// A range of the unfinished file.
class RangeSource final : public base::Source {
 public:
  RangeSource(int fd, uint64_t offset, uint64_t size) : fd_(fd), offset_(offset), left_(size) {}
  Result<size_t> read(std::span<std::byte> buffer) override {
    const auto part = buffer.first(static_cast<size_t>(std::min<uint64_t>(buffer.size(), left_)));
    SEALIFT_TRY(base::pread_exact(fd_, offset_, part));
    offset_ += part.size();
    left_ -= part.size();
    return part.size();
  }

 private:
  int fd_;
  uint64_t offset_, left_;
};

// Writes an object's bytes to its place and hashes each frame and the whole object.
class ObjectSink final : public base::Sink {
 public:
  // `partial` may be null; otherwise it hears how much has come.
  ObjectSink(const Target& target, const format::ObjectRef& object, std::span<PlacedFrame> frames,
             const CancelToken& cancel, Partial* partial)
      : target_(target), object_(object), frames_(frames), cancel_(cancel), partial_(partial) {}

  uint64_t position() const { return position_; }

  Result<void> write(ByteView data) override {
    SEALIFT_TRY(cancel_.check());
    if (data.size() > object_.size - position_)
      return fail(ErrorCode::corrupt, "more bytes came than the {} that were announced", object_.size);
    SEALIFT_TRY(take(data, true));
    if (position_ >= noted_ + kBetweenNotes || position_ == object_.size) note(position_);
    return {};
  }

  void note(uint64_t received) {
    if (partial_ != nullptr) partial_->note(object_.digest, received);
    noted_ = received;
  }

  // Goes on behind the first `size` bytes, which are there already. At a byte that can't be read it stops.
  Result<void> skip(uint64_t size) {
    if (size == 0) return {};
    RangeSource there(target_.fd, target_.payload_offset + frames_.front().frame.offset, size);
    return skip(there, size);
  }
  // The same bytes are at another place too.
  Result<void> skip(base::Source& there, uint64_t size) {
    Bytes buffer(static_cast<size_t>(std::min(size, kReadSize)));
    while (position_ < size) {
      SEALIFT_TRY(cancel_.check());
      const auto count = there.read(buffer);
      if (!count) return {};
      SEALIFT_TRY(take(ByteView(buffer).first(*count), false));
    }
    return {};
  }

  // The hashes of the frames, in their order and cut as here, are known from a file that holds the object: only the
  // whole is hashed.
  void know(const std::vector<format::Frame>& same) {
    for (size_t i = 0; i < frames_.size(); ++i) frames_[i].frame.stored_hash = same[i].stored_hash;
    are_frames_known_ = true;
  }

  Result<void> finish() {
    if (position_ != object_.size)
      return fail(ErrorCode::corrupt, "{} bytes came of the {} that were announced", position_, object_.size);
    const Digest digest = whole_.finish();
    if (digest != object_.digest)
      return fail(ErrorCode::corrupt, "the bytes have digest {}, {} was expected", digest.text(),
                  object_.digest.text());
    if (frames_.size() == 1) frames_.front().frame.stored_hash = digest;
    return {};
  }

 private:
  Result<void> take(ByteView data, bool is_new) {
    whole_.update(data);
    while (!data.empty()) {
      format::Frame& frame = frames_[number_].frame;
      const ByteView part =
          data.first(static_cast<size_t>(std::min<uint64_t>(data.size(), frame.stored_size - in_frame_)));
      if (is_new) SEALIFT_TRY(target_.put(frame.offset + in_frame_, part));
      if (hashes_frames()) own_.update(part);
      in_frame_ += part.size();
      position_ += part.size();
      data = data.subspan(part.size());
      if (in_frame_ < frame.stored_size) continue;
      if (hashes_frames()) frame.stored_hash = std::exchange(own_, {}).finish();
      in_frame_ = 0;
      ++number_;
    }
    return {};
  }

  bool hashes_frames() const { return frames_.size() > 1 && !are_frames_known_; }

  const Target target_;
  const format::ObjectRef object_;
  const std::span<PlacedFrame> frames_;
  const CancelToken& cancel_;
  Partial* const partial_;
  hash::Sha256 whole_, own_;  // of the object; of the frame, if there are several
  uint64_t position_ = 0, in_frame_ = 0, noted_ = 0;
  size_t number_ = 0;  // of the frame
  bool are_frames_known_ = false;
};

bool is_cut_alike(std::span<const PlacedFrame> own, std::span<const format::Frame> theirs) {
  return std::ranges::equal(
      own, theirs, {}, [](const PlacedFrame& placed) { return placed.frame.stored_size; }, &format::Frame::stored_size);
}

}  // namespace

PlacedPayload::PlacedPayload(std::unique_ptr<State> state) : state_(std::move(state)) {}
PlacedPayload::~PlacedPayload() = default;

// Takes an object off the missing ones while it is filled, by `with` a sink for it, and back if that fails.
template <class With>
auto PlacedPayload::State::filling(const Digest& digest, const With& with)
    -> std::invoke_result_t<With, const format::ObjectRef&, std::span<PlacedFrame>> {
  {
    const std::lock_guard guard(mutex);
    if (missing.erase(digest) == 0)
      return fail(ErrorCode::internal, "{} was not reserved, or came already", digest.text());
  }
  const format::IndexObject& object = *index.find(digest);
  std::span<PlacedFrame> frames;
  if (object.piece_count != 0) {
    const auto run = index.frames_of(index.pieces(object).front());
    frames = std::span(layout.frames).subspan(run.begin, run.end - run.begin);
  }
  auto done = with(format::ObjectRef{digest, object.size}, frames);
  if (done) return done;
  const std::lock_guard guard(mutex);
  missing.insert(digest);
  return done;
}

Result<void> PlacedPayload::fill(const Digest& digest, const std::function<Result<void>(base::Sink&)>& give) {
  State& state = *state_;
  return state.filling(digest, [&](const format::ObjectRef& object, std::span<PlacedFrame> frames) -> Result<void> {
    ObjectSink sink(state.target(), object, frames, state.writer->options.cancel, nullptr);
    SEALIFT_TRY(give(sink));
    return sink.finish();
  });
}

Result<uint64_t> PlacedPayload::resume(const Digest& digest,
                                       const std::function<Result<void>(base::Sink&, uint64_t begin)>& give) {
  State& state = *state_;
  return state.filling(digest, [&](const format::ObjectRef& object, std::span<PlacedFrame> frames) -> Result<uint64_t> {
    for (uint64_t begin = found(digest);; begin = 0) {
      ObjectSink sink(state.target(), object, frames, state.writer->options.cancel, state.partial.get());
      SEALIFT_TRY(sink.skip(begin));
      begin = sink.position();
      sink.note(begin);
      auto done = begin == object.size && begin != 0 ? Result<void>() : give(sink, begin);
      if (done) done = sink.finish();
      if (done) return begin;
      // Bytes that don't fit together are worth nothing. A server that gives no parts may give the whole.
      const bool unfit = done.error().code == ErrorCode::corrupt ||
                         (done.error().code == ErrorCode::protocol && sink.position() == begin);
      sink.note(unfit ? 0 : sink.position());
      if (!unfit || begin == 0) return std::unexpected(std::move(done).error());
    }
  });
}

Result<bool> PlacedPayload::take_over(const Digest& digest, const format::PayloadReader& other) {
  State& state = *state_;
  const auto theirs = other.find(digest);
  if (!theirs || (theirs->size != 0 && !theirs->raw_offset)) return false;
  SEALIFT_TRY(
      state.filling(digest, [&](const format::ObjectRef& object, std::span<PlacedFrame> frames) -> Result<void> {
        if (frames.empty()) return {};
        const Target target = state.target();
        const uint64_t from = other.payload_offset() + *theirs->raw_offset, size = std::min(object.size, theirs->size);
        const uint64_t to = target.payload_offset + frames.front().frame.offset;
        ObjectSink sink(target, object, frames, state.writer->options.cancel, nullptr);
        SEALIFT_ASSIGN(const auto same, other.frames_of(std::span(&digest, 1)));
        if (is_cut_alike(frames, same)) sink.know(same);
        SEALIFT_ASSIGN(const auto shared, share_range(other.file(), from, target.fd, to, size));
        if (shared) {
          // The old file's pages are in memory more probably than the new one's.
          RangeSource there(other.file().fd(), other.file().fd_offset() + from, size);
          SEALIFT_TRY(sink.skip(there, size));
        } else {
          SEALIFT_TRY(copy_range(other.file(), from, target.fd, to, size));
          SEALIFT_TRY(sink.skip(size));
        }
        SEALIFT_TRY(sink.finish());
        for (auto& frame : frames) frame.is_read_back = true;
        return {};
      }));
  return true;
}

uint64_t PlacedPayload::found(const Digest& digest) const {
  return state_->partial ? state_->partial->found(digest) : 0;
}

std::unique_ptr<base::Source> PlacedPayload::stored(const Digest& digest) const {
  const format::IndexObject* object = state_->index.find(digest);
  if (object == nullptr) return nullptr;
  const auto offset = object->piece_count == 0 ? std::optional<base::FileOffset>(0) : state_->index.raw_offset(*object);
  if (!offset) return nullptr;
  const Target target = state_->target();
  return std::make_unique<RangeSource>(target.fd, target.payload_offset + *offset, object->size);
}

}  // namespace sealift::writer
