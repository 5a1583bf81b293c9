// SPDX-License-Identifier: Apache-2.0
#include "payload/base/thread.h"

#include <pthread.h>

#include <atomic>
#include <utility>
#include <vector>

namespace sealift::base {

struct Thread::State {
  pthread_t handle{};
  std::function<void()> body;
};

Thread::Thread() = default;
Thread::Thread(std::unique_ptr<State> state) : state_(std::move(state)) {}
Thread::Thread(Thread&& other) noexcept = default;
Thread& Thread::operator=(Thread&& other) noexcept {
  if (this != &other) {
    join();
    state_ = std::move(other.state_);
  }
  return *this;
}
Thread::~Thread() { join(); }

void Thread::join() {
  if (!state_) return;
  pthread_join(state_->handle, nullptr);
  state_.reset();
}

Result<Thread> Thread::start(std::function<void()> body, size_t stack_size) {
  auto state = std::make_unique<State>();
  state->body = std::move(body);
  pthread_attr_t attributes;
  if (const int error = pthread_attr_init(&attributes); error != 0) return fail_errno(error, "start a thread");
  int error = pthread_attr_setstacksize(&attributes, stack_size);
  if (error == 0) {
    const auto run = [](void* argument) -> void* {
      static_cast<State*>(argument)->body();
      return nullptr;
    };
    error = pthread_create(&state->handle, &attributes, run, state.get());
  }
  pthread_attr_destroy(&attributes);
  if (error != 0) return fail_errno(error, "start a thread");
  return Thread(std::move(state));
}

void parallel_for(size_t count, unsigned threads, const std::function<void(size_t)>& body) {
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t i = next.fetch_add(1); i < count; i = next.fetch_add(1)) body(i);
  };
  std::vector<Thread> others;
  for (size_t i = 1; i < threads && i < count; ++i) {
    auto thread = Thread::start(work);
    if (!thread) break;
    others.push_back(std::move(*thread));
  }
  work();
}

}  // namespace sealift::base
