// SPDX-License-Identifier: Apache-2.0
//
// The threads that answer requests: as many as there are requests at once, up to a limit. Idle ones stay for the next
// request, and end after a while.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <list>
#include <mutex>

#include "payload/base/thread.h"

namespace sealift::http {

class Workers {
 public:
  explicit Workers(size_t limit) : limit_(limit) {}
  ~Workers() { stop(); }
  // Runs `job`, which must not throw, at once; if all are busy, as soon as one of them is done. False if the system has
  // no thread left.
  bool run(std::function<void()> job);
  // Waits for running jobs. No other call may follow but this one.
  void stop();

 private:
  void work(std::list<Thread>::iterator place);
  std::function<void()> next(std::unique_lock<std::mutex>& lock);

  const size_t limit_;
  std::mutex mutex_;
  std::condition_variable come_;  // a job, or the end
  std::condition_variable none_;  // no thread is left
  std::deque<std::function<void()>> jobs_;
  std::list<Thread> threads_;
  size_t waiting_ = 0;
  bool stopping_ = false;
  Thread ended_;  // each ending thread joins the one that ended before it, so at most one is left over
};

}  // namespace sealift::http
