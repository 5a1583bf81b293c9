// SPDX-License-Identifier: Apache-2.0
// Sockets as systemd passes them: descriptors from 3 on, in a process of their own.
#include "runtime/node/sockets.h"
#include "payload/base/format.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <functional>

using namespace sealift;
using node::PassedSockets;

namespace {

// A listening socket on a free port of 127.0.0.1.
base::Fd listening(uint16_t& port) {
  base::Fd fd(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* plain = reinterpret_cast<sockaddr*>(&address);  // NOLINT: sockets API
  REQUIRE(::bind(fd.get(), plain, size) == 0);
  REQUIRE(::listen(fd.get(), 4) == 0);
  REQUIRE(::getsockname(fd.get(), plain, &size) == 0);
  port = ntohs(address.sin_port);
  return fd;
}

// Whether `look` is true in a process that was given these sockets.
bool with_passed(const std::vector<int>& sockets, const std::string& pid, const std::function<bool()>& look) {
  const pid_t child = ::fork();
  if (child == 0) {
    for (size_t i = 0; i < sockets.size(); ++i) ::dup2(sockets[i], 50 + static_cast<int>(i));
    for (size_t i = 0; i < sockets.size(); ++i) ::dup2(50 + static_cast<int>(i), 3 + static_cast<int>(i));
    ::setenv("LISTEN_PID", pid.empty() ? std::to_string(::getpid()).c_str() : pid.c_str(), 1);
    ::setenv("LISTEN_FDS", std::to_string(sockets.size()).c_str(), 1);
    ::_exit(look() ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

TEST_CASE("passed sockets: found by address and port, each once, and not inherited further") {
  uint16_t one = 0, other = 0;
  const auto first = listening(one), second = listening(other);
  const base::Fd idle(::socket(AF_INET, SOCK_STREAM, 0));  // does not listen
  const auto at = [](uint16_t port) { return base::format("127.0.0.1:{}", port); };
  CHECK(with_passed({first.get(), idle.get(), second.get()}, "", [&] {
    auto passed = PassedSockets::take();
    const auto found = passed.take_listener(at(other));
    return found && found->get() == 5 && !passed.take_listener(at(other)) && passed.take_listener(at(one)) &&
           !passed.take_listener("127.0.0.2:" + std::to_string(one)) && std::getenv("LISTEN_FDS") == nullptr;
  }));
  CHECK(with_passed({first.get()}, "1", [&] { return !PassedSockets::take().take_listener(at(one)); }));
  CHECK(with_passed({}, "", [&] { return !PassedSockets::take().take_listener(at(one)); }));
}
