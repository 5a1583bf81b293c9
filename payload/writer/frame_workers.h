// SPDX-License-Identifier: Apache-2.0
//
// Turns plain bytes into stored frames on several threads: compresses and hashes them, and writes them one behind the
// other in the order in which they came, each as soon as those before it are compressed. Memory is bounded by the
// number of buffers; results don't depend on the number of threads. Knows nothing of objects.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "payload/base/thread.h"
#include "payload/codec/zstd.h"
#include "payload/format/layout.h"
#include "payload/writer/target.h"

namespace sealift::writer {

class FrameWorkers {
 public:
  // The first frame is written at `begin`.
  FrameWorkers(Target target, base::FileOffset begin, unsigned threads, int zstd_level);
  ~FrameWorkers();  // drops jobs that have not begun

  // A buffer of kMaxFrameSize bytes; blocks until one is free. Give it back with submit() or release().
  Bytes acquire();
  void release(Bytes buffer);

  // The first `size` bytes become the next frame: zstd if that pays off, otherwise raw. Errors: the first one of any
  // frame.
  Result<void> submit(Bytes buffer, size_t size);
  // Waits for everything submitted; all frames, in their order. Call it once.
  Result<std::vector<format::Frame>> finish();

 private:
  struct Job {
    size_t number = 0;  // of the frame
    Bytes buffer;
    size_t size = 0;
  };
  // A frame whose place is not known yet, or that is being written.
  struct Done {
    Bytes buffer;      // its plain bytes: it is given back only now, which bounds the frames that wait
    Bytes compressed;  // empty if it is stored raw
    format::Frame frame;

    ByteView stored() const {
      return compressed.empty() ? ByteView(buffer).first(static_cast<size_t>(frame.plain_size)) : ByteView(compressed);
    }
  };
  Result<void> start();  // under the mutex
  void work();
  Result<void> carry_out(Job job, codec::ZstdCompressor& compressor);
  std::vector<Done> place(size_t number, Done done);

  const Target target_;
  const unsigned thread_count_;
  const int zstd_level_;
  std::mutex mutex_;
  std::condition_variable queued_, freed_, idle_;  // a job, a buffer, nothing left to do
  std::deque<Job> jobs_;
  std::vector<Bytes> free_;
  size_t buffers_ = 0;  // made so far
  size_t busy_ = 0;     // jobs waiting or running
  size_t submitted_ = 0;
  std::map<size_t, Done> waiting_;     // by number: those before them are not compressed yet
  std::vector<format::Frame> frames_;  // those that have their place
  base::FileOffset end_;
  bool stopping_ = false;
  std::optional<Error> error_;
  std::vector<base::Thread> threads_;
};

}  // namespace sealift::writer
