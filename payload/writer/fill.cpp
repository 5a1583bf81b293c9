// SPDX-License-Identifier: Apache-2.0
//
// PlacedPayload::fill: writes announced bytes to their place and checks them on the way.
#include <algorithm>

#include "payload/writer/writer_state.h"

namespace sealift::writer {
namespace {

// Writes an object's bytes to its place and hashes each frame and the whole object.
class ObjectSink final : public base::Sink {
 public:
  ObjectSink(const Target& target, const format::ObjectRef& object, std::span<PlacedFrame> frames,
             const CancelToken& cancel)
      : target_(target), object_(object), frames_(frames), cancel_(cancel) {}

  Result<void> write(ByteView data) override {
    SEALIFT_TRY(cancel_.check());
    if (data.size() > object_.size - position_)
      return fail(ErrorCode::corrupt, "more bytes came than the {} that were announced", object_.size);
    whole_.update(data);
    while (!data.empty()) {
      format::Frame& frame = frames_[number_].frame;
      const ByteView part =
          data.first(static_cast<size_t>(std::min<uint64_t>(data.size(), frame.stored_size - in_frame_)));
      SEALIFT_TRY(target_.put(frame.offset + in_frame_, part));
      own_.update(part);
      in_frame_ += part.size();
      position_ += part.size();
      data = data.subspan(part.size());
      if (in_frame_ < frame.stored_size) continue;
      frame.stored_hash = std::exchange(own_, {}).finish();
      in_frame_ = 0;
      ++number_;
    }
    return {};
  }

  Result<void> finish() {
    if (position_ != object_.size)
      return fail(ErrorCode::corrupt, "{} bytes came of the {} that were announced", position_, object_.size);
    const Digest digest = whole_.finish();
    if (digest != object_.digest)
      return fail(ErrorCode::corrupt, "the bytes have digest {}, {} was expected", digest.text(),
                  object_.digest.text());
    return {};
  }

 private:
  const Target target_;
  const format::ObjectRef object_;
  const std::span<PlacedFrame> frames_;
  const CancelToken& cancel_;
  hash::Sha256 whole_, own_;  // of the object, of the frame
  uint64_t position_ = 0, in_frame_ = 0;
  size_t number_ = 0;  // of the frame
};

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

}  // namespace

PlacedPayload::PlacedPayload(std::unique_ptr<State> state) : state_(std::move(state)) {}
PlacedPayload::~PlacedPayload() = default;

Result<void> PlacedPayload::fill(const Digest& digest, const std::function<Result<void>(base::Sink&)>& give) {
  State& state = *state_;
  {
    const std::lock_guard guard(state.mutex);
    if (state.missing.erase(digest) == 0)
      return fail(ErrorCode::internal, "{} was not reserved, or came already", digest.text());
  }
  const format::IndexObject& object = *state.index.find(digest);
  std::span<PlacedFrame> frames;
  if (object.piece_count != 0) {
    const auto run = state.index.frames_of(state.index.pieces(object).front());
    frames = std::span(state.layout.frames).subspan(run.begin, run.end - run.begin);
  }
  ObjectSink sink(state.target(), {digest, object.size}, frames, state.writer->options.cancel);
  auto done = give(sink);
  if (done) done = sink.finish();
  if (done) return done;
  const std::lock_guard guard(state.mutex);
  state.missing.insert(digest);
  return done;
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
