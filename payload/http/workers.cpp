// SPDX-License-Identifier: Apache-2.0
#include "payload/http/workers.h"

#include <chrono>
#include <utility>

namespace sealift::http {
namespace {

// The deepest use measured with sanitizers is 91 KiB: TLS and a handler that opens a payload. Untouched pages
// cost no memory.
constexpr size_t kStackSize = size_t{256} << 10;
// Pulls come in bursts of many requests.
constexpr std::chrono::seconds kIdle{5};

}  // namespace

bool Workers::run(std::function<void()> job) {
  const std::lock_guard lock(mutex_);
  if (jobs_.size() >= waiting_ && threads_.size() < limit_) {
    const auto place = threads_.emplace(threads_.end());
    auto thread = Thread::start([this, place] { work(place); }, kStackSize);
    if (!thread) {
      threads_.erase(place);
      return false;
    }
    *place = std::move(*thread);
    ++waiting_;  // for its first job
  }
  jobs_.push_back(std::move(job));
  come_.notify_one();
  return true;
}

void Workers::stop() {
  std::unique_lock lock(mutex_);
  stopping_ = true;
  come_.notify_all();
  none_.wait(lock, [&] { return threads_.empty(); });
  ended_.join();
}

// Nothing if it is time to end.
std::function<void()> Workers::next(std::unique_lock<std::mutex>& lock) {
  come_.wait_for(lock, kIdle, [&] { return !jobs_.empty() || stopping_; });
  --waiting_;
  if (jobs_.empty()) return {};
  auto out = std::move(jobs_.front());
  jobs_.pop_front();
  return out;
}

void Workers::work(std::list<Thread>::iterator place) {
  Thread before;  // joined after the lock is released
  std::unique_lock lock(mutex_);
  while (auto job = next(lock)) {
    lock.unlock();
    job();
    job = nullptr;  // what it holds ends outside the lock
    lock.lock();
    ++waiting_;
  }
  before = std::exchange(ended_, std::move(*place));
  threads_.erase(place);
  if (threads_.empty()) none_.notify_all();
}

}  // namespace sealift::http
