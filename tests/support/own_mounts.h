// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <functional>

#include "payload/base/thread.h"
#include "tests/support/requirement.h"

namespace sealift::tests {

// Root in a namespace of its own, so that mounts go with the thread. Assertions belong outside of `body`.
inline void in_own_mounts(const std::function<void()>& body) {
  require_or_skip(::geteuid() == 0, "root");
  bool unshared = false;
  auto thread = Thread::start([&] {
    unshared = ::unshare(CLONE_NEWNS) == 0 && ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
    if (unshared) body();
  });
  REQUIRE(thread);
  thread->join();
  require_or_skip(unshared, "mount namespaces");
}

}  // namespace sealift::tests
