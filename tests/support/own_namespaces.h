// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <functional>

#include "payload/base/fd.h"
#include "payload/base/thread.h"
#include "tests/support/requirement.h"

namespace sealift::tests {

// Runs `body` as root in a thread with its own namespaces: mounts and settings there disappear with the thread. Keep
// assertions out of `body`.
inline void in_own_namespaces(int kinds, std::string_view what, const std::function<bool()>& set_up,
                              const std::function<void()>& body) {
  require_or_skip(::geteuid() == 0, "root");
  bool unshared = false;
  auto thread = Thread::start([&] {
    unshared = ::unshare(kinds) == 0 && set_up();
    if (unshared) body();
  });
  REQUIRE(thread);
  thread->join();
  require_or_skip(unshared, what);
}

inline void in_own_mounts(const std::function<void()>& body) {
  in_own_namespaces(
      CLONE_NEWNS, "mount namespaces", [] { return ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0; },
      body);
}

// A network with only a loopback interface.
inline void in_own_network(const std::function<void()>& body) {
  const auto loopback_up = [] {
    const base::Fd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    std::strcpy(request.ifr_name, "lo");
    request.ifr_flags = IFF_UP;
    return ::ioctl(fd.get(), SIOCSIFFLAGS, &request) == 0;
  };
  in_own_namespaces(CLONE_NEWNET, "network namespaces", loopback_up, body);
}

}  // namespace sealift::tests
