// SPDX-License-Identifier: Apache-2.0
//
// Turns plain bytes into stored frames in the spool, on several threads: compresses, hashes, writes. Memory is bounded
// by the number of buffers; results don't depend on the number of threads. Knows nothing of objects. Any thread.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "payload/base/thread.h"
#include "payload/format/layout.h"
#include "payload/writer/spool.h"

namespace sealift::writer {

// A frame in progress. Its fields may be read after drain().
struct SpooledFrame {
  format::Frame frame;  // offset = in the spool; unset if reserved
};

class FrameWorkers {
 public:
  FrameWorkers(Spool& spool, unsigned threads, int zstd_level);
  ~FrameWorkers();  // drops jobs that have not begun

  // A buffer of kMaxFrameSize bytes; blocks until one is free. Give it back with submit() or release().
  Bytes acquire();
  void release(Bytes buffer);

  // The first `size` bytes become one frame: zstd if `compress` is set and pays off, otherwise raw. `plain_hash`: hash
  // of these bytes, if known. Errors: the first error of any frame.
  Result<std::shared_ptr<const SpooledFrame>> submit(Bytes buffer, size_t size, bool compress,
                                                     std::optional<Digest> plain_hash);
  // Waits for everything submitted.
  Result<void> drain();

 private:
  struct Job {
    Bytes buffer;
    size_t size = 0;
    bool compress = false;
    std::optional<Digest> plain_hash;
    std::shared_ptr<SpooledFrame> result;
  };
  Result<void> start();  // under the mutex
  void work();
  Result<void> process(Job& job, class FrameEncoder& encoder);

  Spool& spool_;
  const unsigned thread_count_;
  const int zstd_level_;
  std::mutex mutex_;
  std::condition_variable queued_, freed_, idle_;  // a job, a buffer, nothing left to do
  std::deque<Job> jobs_;
  std::vector<Bytes> free_;
  size_t buffers_ = 0;  // made so far
  size_t busy_ = 0;     // jobs waiting or running
  bool stopping_ = false;
  std::optional<Error> error_;
  std::vector<base::Thread> threads_;
};

}  // namespace sealift::writer
