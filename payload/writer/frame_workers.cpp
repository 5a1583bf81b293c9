// SPDX-License-Identifier: Apache-2.0
#include "payload/writer/frame_workers.h"

#include <algorithm>

#include "payload/codec/zstd.h"

namespace sealift::writer {
namespace {

// Compression must save at least 1/32: for less, reading in place is worth more than the bytes.
bool worth_it(size_t stored, size_t plain) { return stored + plain / 32 < plain; }

}  // namespace

class FrameEncoder {
 public:
  explicit FrameEncoder(int level) : compressor_(level) {}
  codec::ZstdCompressor& compressor() { return compressor_; }

 private:
  codec::ZstdCompressor compressor_;
};

FrameWorkers::FrameWorkers(Spool& spool, unsigned threads, int zstd_level)
    : spool_(spool), thread_count_(threads), zstd_level_(zstd_level) {}

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

Result<std::shared_ptr<const SpooledFrame>> FrameWorkers::submit(Bytes buffer, size_t size, bool compress,
                                                                 std::optional<Digest> plain_hash) {
  auto result = std::make_shared<SpooledFrame>();
  {
    const std::lock_guard lock(mutex_);
    if (threads_.empty() && !error_) {
      if (auto started = start(); !started) error_ = std::move(started).error();
    }
    if (error_) {
      free_.push_back(std::move(buffer));
      freed_.notify_one();
      return fail(*error_);
    }
    jobs_.push_back({std::move(buffer), size, compress, plain_hash, result});
    ++busy_;
  }
  queued_.notify_one();
  return result;
}

Result<void> FrameWorkers::drain() {
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [&] { return busy_ == 0; });
  if (error_) return fail(*error_);
  return {};
}

void FrameWorkers::work() {
  FrameEncoder encoder(zstd_level_);
  for (;;) {
    std::unique_lock lock(mutex_);
    queued_.wait(lock, [&] { return stopping_ || !jobs_.empty(); });
    if (jobs_.empty()) return;
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    const bool failed = error_.has_value();
    lock.unlock();
    auto done = failed ? Result<void>{} : process(job, encoder);
    lock.lock();
    if (!done && !error_) error_ = std::move(done).error();
    free_.push_back(std::move(job.buffer));
    --busy_;
    const bool idle = busy_ == 0;
    lock.unlock();
    freed_.notify_one();
    if (idle) idle_.notify_all();
  }
}

Result<void> FrameWorkers::process(Job& job, FrameEncoder& encoder) {
  const ByteView plain = ByteView(job.buffer).first(job.size);
  format::Frame& frame = job.result->frame;
  frame.plain_size = plain.size();
  Bytes compressed;
  ByteView stored = plain;
  if (job.compress) {
    SEALIFT_ASSIGN(compressed, encoder.compressor().compress(plain));
    if (worth_it(compressed.size(), plain.size())) {
      stored = compressed;
      frame.encoding = format::Encoding::zstd;
    }
  }
  frame.stored_size = stored.size();
  frame.stored_hash =
      frame.encoding == format::Encoding::raw && job.plain_hash ? *job.plain_hash : hash::sha256(stored);
  SEALIFT_ASSIGN(frame.offset, spool_.append(stored));
  return {};
}

}  // namespace sealift::writer
