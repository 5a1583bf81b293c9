// SPDX-License-Identifier: Apache-2.0
#include "payload/writer/received.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "payload/writer/head.h"
#include "payload/writer/target.h"

namespace sealift::writer {
namespace {

constexpr uint64_t kReadSize = uint64_t{1} << 20;
constexpr uint64_t kBetweenNotes = uint64_t{256} << 10;

// Which frames each run holds.
Result<std::vector<format::FrameRun>> cut(std::span<const format::Frame> frames, std::span<const Run> runs) {
  std::vector<format::FrameRun> out;
  size_t next = 0;
  std::set<Digest> names;
  for (const auto& run : runs) {
    format::FrameRun held{next, next};
    for (uint64_t size = 0; size < run.size && held.end < frames.size(); ++held.end) {
      const auto& frame = frames[held.end];
      const bool is_close =
          held.end == held.begin || frame.offset == frames[held.end - 1].offset + frames[held.end - 1].stored_size;
      size += frame.stored_size;
      if (!is_close || size > run.size)
        return fail(ErrorCode::corrupt, "{} does not fit the frames that the metadata names", run.digest.text());
    }
    if (!names.insert(run.digest).second || held.begin == held.end)
      return fail(ErrorCode::corrupt, "{} is named twice, or holds nothing", run.digest.text());
    next = held.end;
    out.push_back(held);
  }
  if (next != frames.size())
    return fail(ErrorCode::corrupt, "the metadata names {} frames, and {} of them are to come", frames.size(), next);
  return out;
}

// The trailer that belongs to the metadata.
format::Trailer trailer_of(ByteView metadata, base::FileOffset offset) {
  format::Trailer out;
  out.metadata_offset = offset;
  out.metadata_size = metadata.size();
  out.metadata_hash = hash::sha256(metadata);
  out.payload_size = offset + metadata.size() + format::kTrailerSize;
  return out;
}

// What lies where, before there is a file: an index is part of the metadata.
Result<format::Index> index_in(ByteView metadata, const format::Trailer& trailer) {
  SEALIFT_ASSIGN(const auto sections, format::parse_section_table(metadata, trailer));
  const auto outside = [&](const format::Section& section) { return section.offset < trailer.metadata_offset; };
  if (std::ranges::any_of(sections, outside))
    return fail(ErrorCode::unsupported_version, "it has parts that this Sealift does not know; take a newer one");
  const auto index = std::ranges::find(sections, format::SectionType::index, &format::Section::type);
  SEALIFT_ASSIGN(const Bytes bytes, format::section_bytes(metadata, trailer, *index, format::kMaxMetadataSize));
  return format::Index::parse(bytes, trailer.metadata_offset);
}

}  // namespace

// Compares each frame with its hash; writes bytes that are new.
class ReceivedPayload::RunSink final : public base::Sink {
 public:
  RunSink(ReceivedPayload& payload, const Place& place, const CancelToken& cancel)
      : payload_(payload),
        digest_(place.run.digest),
        frames_(std::span(payload.reader_->index().frames())
                    .subspan(place.frames.begin, place.frames.end - place.frames.begin)),
        cancel_(cancel) {}

  // Of whole frames that are right.
  uint64_t good() const { return good_; }
  // Of all bytes.
  uint64_t position() const { return good_ + in_frame_; }
  bool is_complete() const { return number_ == frames_.size(); }

  Result<void> write(ByteView data) override { return take(data, true); }
  // Bytes that lie in their place already.
  Result<void> look_at(ByteView data) { return take(data, false); }
  // Forgets a frame that is not complete, or not right.
  void back_to_frame() {
    hasher_ = {};
    in_frame_ = 0;
  }

 private:
  Result<void> take(ByteView data, bool is_new) {
    SEALIFT_TRY(cancel_.check());
    while (!data.empty()) {
      if (is_complete()) return fail(ErrorCode::corrupt, "more bytes came than its {} frames have", frames_.size());
      const auto& frame = frames_[number_];
      const auto part = data.first(static_cast<size_t>(std::min<uint64_t>(data.size(), frame.stored_size - in_frame_)));
      if (is_new) {
        const Target target{payload_.output_.fd(), payload_.payload_offset_};
        SEALIFT_TRY(target.put(frame.offset + in_frame_, part));
      }
      hasher_.update(part);
      in_frame_ += part.size();
      data = data.subspan(part.size());
      if (in_frame_ < frame.stored_size) {
        if (position() >= noted_ + kBetweenNotes) note(position());
        continue;
      }
      const Digest found = std::exchange(hasher_, {}).finish();
      if (found != frame.stored_hash)
        return fail(ErrorCode::corrupt, "the frame at payload offset {} is {}, and should be {}", frame.offset,
                    found.text(), frame.stored_hash.text());
      ++number_;
      in_frame_ = 0;
      good_ += frame.stored_size;
      note(good_);
    }
    return {};
  }
  void note(uint64_t received) {
    payload_.partial_->note(digest_, received);
    noted_ = received;
  }

  ReceivedPayload& payload_;
  const Digest digest_;
  const std::span<const format::Frame> frames_;
  const CancelToken& cancel_;
  hash::Sha256 hasher_;
  uint64_t in_frame_ = 0, good_ = 0, noted_ = 0;
  size_t number_ = 0;
};

ReceivedPayload::~ReceivedPayload() = default;

Result<std::unique_ptr<ReceivedPayload>> ReceivedPayload::create(const std::string& output, ByteView metadata,
                                                                 base::FileOffset metadata_offset,
                                                                 std::optional<Architecture> launch,
                                                                 std::vector<Run> runs,
                                                                 std::unique_ptr<Partial> partial) {
  if (metadata_offset > format::kMaxPayloadSize || metadata.size() > format::kMaxMetadataSize)
    return fail(ErrorCode::limit_exceeded, "its metadata would be {} bytes at {}", metadata.size(), metadata_offset);
  const auto trailer = trailer_of(metadata, metadata_offset);
  SEALIFT_ASSIGN(const auto index, index_in(metadata, trailer));
  SEALIFT_ASSIGN(const auto cuts, cut(index.frames(), runs));
  const uint64_t payload_offset = launch ? format::kPayloadOffset : 0;
  std::map<Digest, Remains> planned;
  for (size_t i = 0; i < runs.size(); ++i)
    planned[runs[i].digest] = {payload_offset + index.frames()[cuts[i].begin].offset, runs[i].size, 0};

  SEALIFT_ASSIGN(auto fresh, OutputFile::create(output));
  SEALIFT_ASSIGN(auto arranged, partial->arrange(planned, std::move(fresh)));
  std::unique_ptr<ReceivedPayload> out(
      new ReceivedPayload(std::move(arranged), std::move(partial), launch, payload_offset));
  const Target target{out->output_.fd(), payload_offset};
  SEALIFT_TRY(target.put(metadata_offset, metadata));
  SEALIFT_TRY(target.put(metadata_offset + metadata.size(), format::encode(trailer)));
  SEALIFT_TRY(target.put(0, format::encode(format::Header{trailer.payload_size})));
  SEALIFT_ASSIGN(out->file_, open_again(target.fd, output));
  SEALIFT_ASSIGN(out->reader_, format::PayloadReader::open(*out->file_));
  SEALIFT_TRY(check_launch(out->reader_->contents(), launch));
  for (size_t i = 0; i < runs.size(); ++i) out->places_.push_back({runs[i], cuts[i]});
  return out;
}

void ReceivedPayload::came(size_t run) {
  const std::lock_guard guard(mutex_);
  places_[run].has_come = true;
}

void ReceivedPayload::offer(const format::PayloadReader& other) {
  const auto& frames = other.index().frames();
  for (size_t i = 0; i < frames.size(); ++i) elsewhere_.try_emplace(frames[i].stored_hash, Elsewhere{&other, i});
}

// The bytes that lie in a run's place, as far as they are right.
Result<void> ReceivedPayload::look_at(RunSink& sink, const Place& place, uint64_t size) const {
  const uint64_t begin = payload_offset_ + reader_->index().frames()[place.frames.begin].offset;
  Bytes buffer(static_cast<size_t>(std::min(size, kReadSize)));
  for (uint64_t at = 0; at < size;) {
    const auto part = std::span(buffer).first(static_cast<size_t>(std::min<uint64_t>(buffer.size(), size - at)));
    if (!base::pread_exact(output_.fd(), begin + at, part)) break;
    auto looked = sink.look_at(part);
    if (!looked && looked.error().code != ErrorCode::corrupt) return looked;
    if (!looked) {
      sink.back_to_frame();
      break;
    }
    at += part.size();
  }
  return {};
}

Result<bool> ReceivedPayload::take_over(size_t run, const CancelToken& cancel) {
  const Place& place = places_[run];
  const auto own =
      std::span(reader_->index().frames()).subspan(place.frames.begin, place.frames.end - place.frames.begin);
  const auto found = elsewhere_.find(own.front().stored_hash);
  if (found == elsewhere_.end()) return false;
  const auto& [other, first] = found->second;
  const auto theirs = std::span(other->index().frames()).subspan(first);
  if (theirs.size() < own.size() ||
      !std::ranges::equal(own, theirs.first(own.size()), {}, &format::Frame::stored_hash, &format::Frame::stored_hash))
    return false;
  const auto& last = theirs[own.size() - 1];
  if (last.offset + last.stored_size - theirs.front().offset != place.run.size) return false;
  const uint64_t from = other->payload_offset() + theirs.front().offset, to = payload_offset_ + own.front().offset;
  SEALIFT_ASSIGN(const auto shared, share_range(other->file(), from, output_.fd(), to, place.run.size));
  if (!shared) SEALIFT_TRY(copy_range(other->file(), from, output_.fd(), to, place.run.size));
  RunSink sink(*this, place, cancel);
  SEALIFT_TRY(look_at(sink, place, place.run.size));
  if (!sink.is_complete()) return false;
  came(run);
  return true;
}

Result<uint64_t> ReceivedPayload::resume(size_t run,
                                         const std::function<Result<void>(base::Sink&, uint64_t begin)>& give,
                                         const CancelToken& cancel) {
  const Place& place = places_[run];
  // What the journal says may never have reached the disk.
  for (uint64_t found = partial_->found(place.run.digest);;) {
    RunSink sink(*this, place, cancel);
    SEALIFT_TRY(look_at(sink, place, found));
    const uint64_t begin = sink.position(), right = sink.good();
    auto done = sink.is_complete() ? Result<void>() : give(sink, begin);
    // The frame that was begun already may be what is wrong.
    if (!done && done.error().code == ErrorCode::corrupt && begin != right && sink.good() == right) {
      found = right;
      continue;
    }
    SEALIFT_TRY(done);
    if (!sink.is_complete())
      return fail(ErrorCode::corrupt, "{} ended after {} of {} bytes", place.run.digest.text(), sink.position(),
                  place.run.size);
    came(run);
    return begin;
  }
}

Result<void> ReceivedPayload::finish() {
  for (const auto& place : places_) {
    if (!place.has_come) return fail(ErrorCode::internal, "{} has not come", place.run.digest.text());
  }
  if (launch_) SEALIFT_TRY(write_head(*reader_, *launch_, output_.fd()));
  SEALIFT_TRY(output_.commit(launch_ ? 0755 : 0644));
  partial_->finished();
  return {};
}

}  // namespace sealift::writer
