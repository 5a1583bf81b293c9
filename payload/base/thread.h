// SPDX-License-Identifier: Apache-2.0
//
// A thread with a stack of known size, joined when its object is destroyed. (std::jthread takes the C library's
// default: with musl 128 KiB, too little for decoders and TLS.)
#pragma once

#include <functional>
#include <memory>

#include "payload/base/error.h"

namespace sealift::base {

class Thread {
 public:
  static constexpr size_t kStackSize = size_t{2} << 20;

  // `body` must not throw. `io` if the system has no thread left.
  static Result<Thread> start(std::function<void()> body, size_t stack_size = kStackSize);
  Thread();  // no thread
  Thread(Thread&& other) noexcept;
  Thread& operator=(Thread&& other) noexcept;
  ~Thread();

  void join();  // does nothing if there is no thread

 private:
  struct State;
  explicit Thread(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Runs body(0) … body(count - 1) on up to `threads` threads (including the calling one), in any order; returns when all
// have ended. Fewer threads than requested is not an error. For bodies that collect their own results.
void parallel_for(size_t count, unsigned threads, const std::function<void(size_t)>& body);

}  // namespace sealift::base

namespace sealift {
using base::Thread;
}  // namespace sealift
