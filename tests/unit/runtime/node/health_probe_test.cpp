// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/health_probe.h"

#include <poll.h>
#include <sys/resource.h>

#include <catch2/catch_test_macros.hpp>
#include <deque>

#include "tests/support/hand_server.h"

using namespace sealift;
using State = node::HealthProbe::State;

namespace {

bool waits(const node::HealthProbe& probe) {
  return probe.state() == State::connecting || probe.state() == State::asked;
}

node::HealthProbe begin(uint16_t port) {
  const auto address = http::socket_address("127.0.0.1", port);
  REQUIRE(address);
  return node::HealthProbe(*address);
}

// Until it is decided, or nothing has happened for so long.
void follow(node::HealthProbe& probe, int milliseconds) {
  while (waits(probe)) {
    // EPOLLIN and EPOLLOUT are POLLIN and POLLOUT.
    pollfd polled{probe.fd(), static_cast<short>(probe.wanted()), 0};
    if (::poll(&polled, 1, milliseconds) <= 0) return;
    probe.advance(static_cast<uint32_t>(polled.revents));
  }
}

constexpr int kLong = 30'000, kShort = 200;

}  // namespace

TEST_CASE("a probe: any byte is a sign of life, for which a whole ClientHello was said") {
  std::string heard;
  tests::Listener listener(4);
  std::thread server([&] {
    const base::Fd fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    std::array<char, 5> head{};
    ::recv(fd.get(), head.data(), head.size(), MSG_WAITALL);
    std::string rest(static_cast<size_t>(head[4]), ' ');
    const auto count = ::recv(fd.get(), rest.data(), rest.size(), MSG_WAITALL);
    heard = std::string(head.data(), head.size()) + rest.substr(0, static_cast<size_t>(std::max<ssize_t>(count, 0)));
    ::send(fd.get(), "\x15", 1, MSG_NOSIGNAL);
    std::array<char, 1> more{};
    (void)::recv(fd.get(), more.data(), more.size(), 0);  // until the probe is closed
  });
  {
    auto probe = begin(listener.port());
    follow(probe, kLong);
    CHECK(probe.state() == State::lives);
    probe.give_up();
    CHECK(probe.state() == State::lives);
  }
  server.join();
  REQUIRE(heard.size() == 50);
  CHECK(heard.starts_with(std::string("\x16\x03\x01\x00\x2d\x01\x00\x00\x29\x03\x03", 11)));  // handshake, ClientHello
  CHECK(heard.ends_with(std::string("\x00\x00\x02\x00\xff\x01\x00", 7)));                     // offers no cipher
}

TEST_CASE("a probe: where nobody listens it fails at once") {
  uint16_t port = 0;
  {
    const tests::Listener gone(1);
    port = gone.port();
  }
  auto probe = begin(port);
  follow(probe, kLong);
  CHECK(probe.state() == State::fails);
  CHECK(probe.why() == "connection refused");
}

TEST_CASE("a probe: a process that hangs does not answer, though its kernel accepts") {
  const tests::Listener hung(4);
  auto probe = begin(hung.port());
  follow(probe, kShort);
  CHECK(probe.state() == State::asked);
  probe.give_up();
  CHECK(probe.state() == State::fails);
  CHECK(probe.why() == "it accepts connections, but says nothing");
}

TEST_CASE("a probe: a host that answers nothing at all") {
  // A listener whose queue is full ignores those who come.
  const tests::Listener full(0);
  std::deque<node::HealthProbe> queue;
  do {
    queue.push_back(begin(full.port()));
    follow(queue.back(), kShort);
  } while (queue.back().state() == State::asked && queue.size() < 10);
  auto& probe = queue.back();
  CHECK(probe.state() == State::connecting);
  probe.give_up();
  CHECK(probe.state() == State::fails);
  CHECK(probe.why() == "no connection in time");
}

TEST_CASE("a probe: a connection that ends without a byte is no sign of life") {
  tests::HandServer server([](tests::Connection& connection) { connection.close(); });
  auto probe = begin(server.port());
  follow(probe, kLong);
  CHECK(probe.state() == State::fails);
}

TEST_CASE("a probe: a host without descriptors says nothing about others") {
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const rlimit none{0, before.rlim_max};
  const tests::Listener listener(4);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  const auto probe = begin(listener.port());
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(probe.state() == State::unasked);
}
