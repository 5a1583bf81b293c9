// SPDX-License-Identifier: Apache-2.0
#include "payload/writer/frame_workers.h"

#include <algorithm>

namespace sealift::writer {
namespace {

// Compression must save at least 1/32: for less, reading in place is worth more than the bytes.
bool worth_it(size_t stored, size_t plain) { return stored + plain / 32 < plain; }

// Bytes to be stored, empty if they are the plain ones; fills in the frame except for its offset.
Result<Bytes> encode(ByteView plain, codec::ZstdCompressor& compressor, format::Frame& frame) {
  SEALIFT_ASSIGN(Bytes compressed, compressor.compress(plain));
  const bool pays = worth_it(compressed.size(), plain.size());
  if (!pays) compressed.clear();
  frame.encoding = pays ? format::Encoding::zstd : format::Encoding::raw;
  frame.plain_size = plain.size();
  frame.stored_size = pays ? compressed.size() : plain.size();
  frame.stored_hash = hash::sha256(pays ? ByteView(compressed) : plain);
  return compressed;
}

}  // namespace

FrameWorkers::FrameWorkers(Target target, base::FileOffset begin, unsigned threads, int zstd_level)
    : target_(target), thread_count_(threads), zstd_level_(zstd_level), end_(begin) {}

FrameWorkers::~FrameWorkers() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    jobs_.clear();
  }
  queued_.notify_all();
  threads_.clear();  // joins
}

Result<void> FrameWorkers::start() {
  while (threads_.size() < thread_count_) {
    auto thread = base::Thread::start([this] { work(); });
    if (!thread) {
      if (threads_.empty()) return std::unexpected(std::move(thread).error());
      break;  // fewer threads are slower, not wrong
    }
    threads_.push_back(std::move(*thread));
  }
  return {};
}

Bytes FrameWorkers::acquire() {
  std::unique_lock lock(mutex_);
  const size_t limit = 2 * size_t{thread_count_} + 1;
  freed_.wait(lock, [&] { return !free_.empty() || buffers_ < limit; });
  if (free_.empty()) {
    ++buffers_;
    lock.unlock();
    return Bytes(format::kMaxFrameSize);
  }
  Bytes buffer = std::move(free_.back());
  free_.pop_back();
  return buffer;
}

void FrameWorkers::release(Bytes buffer) {
  {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(buffer));
  }
  freed_.notify_one();
}

Result<void> FrameWorkers::submit(Bytes buffer, size_t size) {
  {
    const std::lock_guard lock(mutex_);
    if (threads_.empty() && !error_) {
      if (auto started = start(); !started) error_ = std::move(started).error();
    }
    if (error_) {
      free_.push_back(std::move(buffer));
      return fail(*error_);
    }
    jobs_.push_back({submitted_++, std::move(buffer), size});
    ++busy_;
  }
  queued_.notify_one();
  return {};
}

Result<std::vector<format::Frame>> FrameWorkers::finish() {
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [&] { return busy_ == 0; });
  if (error_) return fail(*error_);
  return std::move(frames_);
}

// Gives a place to every frame that now can have one. Under the mutex.
std::vector<FrameWorkers::Done> FrameWorkers::place(size_t number, Done done) {
  waiting_.emplace(number, std::move(done));
  std::vector<Done> ready;
  for (auto at = waiting_.begin(); at != waiting_.end() && at->first == frames_.size(); at = waiting_.erase(at)) {
    at->second.frame.offset = end_;
    end_ += at->second.frame.stored_size;
    frames_.push_back(at->second.frame);
    ready.push_back(std::move(at->second));
  }
  return ready;
}

Result<void> FrameWorkers::carry_out(Job job, codec::ZstdCompressor& compressor) {
  Done done;
  auto compressed = encode(ByteView(job.buffer).first(job.size), compressor, done.frame);
  done.buffer = std::move(job.buffer);
  if (!compressed) {
    release(std::move(done.buffer));
    return std::unexpected(std::move(compressed).error());
  }
  done.compressed = std::move(*compressed);
  std::vector<Done> ready;
  {
    const std::lock_guard lock(mutex_);
    ready = place(job.number, std::move(done));
  }
  Result<void> written;
  for (auto& frame : ready) {
    if (written) written = target_.put(frame.frame.offset, frame.stored());
    release(std::move(frame.buffer));
  }
  return written;
}

void FrameWorkers::work() {
  codec::ZstdCompressor compressor(zstd_level_);
  std::unique_lock lock(mutex_);
  for (;;) {
    queued_.wait(lock, [&] { return stopping_ || !jobs_.empty(); });
    if (jobs_.empty()) return;
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    auto done = carry_out(std::move(job), compressor);
    lock.lock();
    if (!done && !error_) error_ = std::move(done).error();
    if (error_) {  // frames that wait for one that will never come; somebody may wait for their buffers
      for (auto& [number, frame] : waiting_) free_.push_back(std::move(frame.buffer));
      waiting_.clear();
      freed_.notify_all();
    }
    if (--busy_ == 0) idle_.notify_all();
  }
}

}  // namespace sealift::writer
