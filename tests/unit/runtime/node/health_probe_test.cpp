// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/health_probe.h"

#include <poll.h>
#include <sys/resource.h>

#include <catch2/catch_test_macros.hpp>
#include <deque>

#include "tests/support/tls_hand_server.h"

using namespace sealift;
using tests::answer_of;
using tests::TlsConnection;
using State = node::HealthProbe::State;
using Verdict = node::HealthProbe::Verdict;

namespace {

constexpr int kLong = 30'000, kShort = 200;

struct Asker {
  std::unique_ptr<http::TlsStranger> tls;
  node::HealthProbe probe;

  explicit Asker(uint16_t port) : tls(made()), probe(*tls, address(port)) {}
  static std::unique_ptr<http::TlsStranger> made() {
    auto out = http::TlsStranger::make();
    REQUIRE(out);
    return std::move(*out);
  }
  static http::SocketAddress address(uint16_t port) {
    const auto out = http::socket_address("127.0.0.1", port);
    REQUIRE(out);
    return *out;
  }
  // Until it is decided, or nothing has happened for so long.
  void follow(int milliseconds) {
    while (probe.state() != State::idle) {
      // EPOLLIN and EPOLLOUT are POLLIN and POLLOUT.
      pollfd polled{probe.fd(), static_cast<short>(probe.wanted()), 0};
      if (::poll(&polled, 1, milliseconds) <= 0) return;
      probe.advance(static_cast<uint32_t>(polled.revents));
    }
  }
  Verdict ask() {
    probe.ask();
    follow(kLong);
    REQUIRE(probe.state() == State::idle);
    CHECK(probe.wanted() == 0);
    return probe.verdict();
  }
};

// What a server of this answer is taken for, after which it waits for more, or ends the connection.
enum class Then { waits, ends };
std::pair<Verdict, std::string> judged(const std::string& answer, Then then = Then::ends) {
  tests::TlsHandServer server([&](TlsConnection& connection) {
    connection.request();
    (void)connection.send(answer);
    if (then == Then::waits) connection.wait_until_gone();
  });
  Asker asker(server.port());
  asker.probe.ask();
  asker.follow(then == Then::waits ? kShort : kLong);
  asker.probe.give_up();
  CHECK(asker.probe.state() == State::idle);
  return {asker.probe.verdict(), asker.probe.why()};
}

const std::string kFailing =
    "[+]ping ok\n[-]etcd failed: reason withheld\n[+]log ok\n"
    "[-]shutdown failed: reason withheld\nreadyz check failed\n";

}  // namespace

TEST_CASE("a probe: every question goes over one connection, and is answered by /readyz alone") {
  std::vector<std::string> heard;
  const std::vector answers{answer_of(200, "ok"),
                            answer_of(500, kFailing),
                            answer_of(401, "{}"),
                            answer_of(403, "{}"),
                            answer_of(429, ""),
                            answer_of(404, ""),
                            answer_of(503, "apiserver is shutting down"),
                            std::string("HTTP/1.1 500 X\r\nTransfer-Encoding: chunked\r\n\r\n"
                                        "10\r\n[-]etcd failed: \r\n2\r\nno\r\n0\r\n\r\n"),
                            answer_of(200, "ok")};
  tests::TlsHandServer server([&](TlsConnection& connection) {
    for (const auto& answer : answers) {
      heard.push_back(connection.request());
      if (!connection.send(answer)) return;
    }
    connection.wait_until_gone();
  });
  {
    Asker asker(server.port());
    using Expected = std::pair<Verdict, std::string>;
    for (const auto& [verdict, why] : {Expected{Verdict::ready, "/readyz answers 200"},
                                       {Verdict::not_ready, "[-]etcd failed, [-]shutdown failed"},
                                       {Verdict::lives, "/readyz answers 401"},
                                       {Verdict::lives, "/readyz answers 403"},
                                       {Verdict::lives, "/readyz answers 429"},
                                       {Verdict::lives, "/readyz answers 404"},
                                       {Verdict::not_ready, "/readyz answers 503"},
                                       {Verdict::not_ready, "[-]etcd failed"},
                                       {Verdict::ready, "/readyz answers 200"}}) {
      CHECK(asker.ask() == verdict);
      CHECK(asker.probe.why() == why);
      asker.probe.give_up();  // it is decided
      CHECK(asker.probe.verdict() == verdict);
    }
    CHECK(server.connections() == 1);
  }
  for (const auto& question : heard) {
    CHECK(question.starts_with("GET /readyz HTTP/1.1\r\nHost: "));
    CHECK_FALSE(question.contains("close"));
  }
}

TEST_CASE("a probe: a connection that the server has closed between questions is no answer, but replaced") {
  for (const bool says_goodbye : {false, true}) {
    tests::TlsHandServer server([&](TlsConnection& connection) {
      connection.request();
      connection.send(answer_of(200, "ok"));
      if (says_goodbye) connection.say_goodbye();
    });
    Asker asker(server.port());
    for (int i = 1; i <= 5; ++i) {
      CHECK(asker.ask() == Verdict::ready);
      CHECK(server.connections() == i);
    }
  }
}

TEST_CASE("a probe: a connection that the server closes on a question is replaced, and not if it is a new one") {
  int served = 0;
  tests::TlsHandServer server([&](TlsConnection& connection) {
    connection.request();
    if (++served == 3) return;
    connection.send(answer_of(200, "ok"));
    connection.request();
  });
  Asker asker(server.port());
  CHECK(asker.ask() == Verdict::ready);
  CHECK(asker.ask() == Verdict::ready);
  CHECK(server.connections() == 2);
  CHECK(asker.ask() == Verdict::lives);
  CHECK(asker.ask() == Verdict::ready);
}

TEST_CASE("a probe: a server that wants no connection to be kept gets a new one for each question") {
  tests::TlsHandServer server([](TlsConnection& connection) {
    connection.request();
    connection.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
    connection.wait_until_gone();
  });
  Asker asker(server.port());
  for (int i = 1; i <= 3; ++i) CHECK(asker.ask() == Verdict::ready);
  CHECK(server.connections() == 3);
}

TEST_CASE("a probe: a process that hangs says nothing on a connection that was kept, nor on a new one") {
  std::atomic<bool> hangs = true;
  tests::TlsHandServer server([&](TlsConnection& connection) {
    connection.request();
    connection.send(answer_of(200, "ok"));
    while (hangs) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  });
  Asker asker(server.port());
  CHECK(asker.ask() == Verdict::ready);
  asker.probe.ask();
  asker.follow(kShort);
  CHECK(asker.probe.waits_on_kept());
  asker.probe.ask_anew();
  asker.follow(kShort);
  CHECK_FALSE(asker.probe.waits_on_kept());
  CHECK(asker.probe.state() == State::greeting);
  asker.probe.give_up();
  CHECK(asker.probe.verdict() == Verdict::dead);
  CHECK(asker.probe.why() == "it accepts connections, but says nothing");
  hangs = false;
  CHECK(asker.ask() == Verdict::ready);
}

TEST_CASE("a probe: a process that lives but does not answer /readyz in time is not ready") {
  tests::TlsHandServer server([](TlsConnection& connection) {
    connection.request();
    connection.send(answer_of(200, "ok"));
    connection.wait_until_gone();  // as if its etcd hung
  });
  Asker asker(server.port());
  CHECK(asker.ask() == Verdict::ready);
  asker.probe.ask();
  asker.follow(kShort);
  CHECK(asker.probe.waits_on_kept());
  asker.probe.ask_anew();
  asker.follow(kLong);
  CHECK(asker.probe.verdict() == Verdict::ready);  // the same question, on the new connection
  CHECK(server.connections() == 2);
  const auto slow = judged("", Then::waits);
  CHECK(slow.first == Verdict::not_ready);
  CHECK(slow.second == "/readyz does not answer in time");
}

TEST_CASE("a probe: half an answer, and what is none") {
  const std::string ok = answer_of(200, "ok");
  for (const size_t size : {size_t{1}, size_t{20}, ok.size() - 2, ok.size() - 1}) {
    INFO(size);
    CHECK(judged(ok.substr(0, size)).first == Verdict::lives);
    CHECK(judged(ok.substr(0, size), Then::waits).first == Verdict::not_ready);
  }
  const std::pair unreadable{Verdict::lives, std::string("its answer to /readyz is unreadable")};
  CHECK(judged("") == unreadable);
  CHECK(judged("220 mail.example.com ESMTP\r\n", Then::waits).first == Verdict::not_ready);
  CHECK(judged("220 mail.example.com ESMTP\r\n\r\n", Then::waits) == unreadable);
  CHECK(judged(std::string("\0\0\x12\4", 4), Then::waits) == unreadable);  // HTTP/2
  CHECK(judged("HTTP/1.1 200 OK\r\nX: " + std::string(20'000, 'x'), Then::waits) == unreadable);
  CHECK(judged("HTTP/1.1 500 X\r\n\r\n" + std::string(20'000, 'x'), Then::waits) == unreadable);
  CHECK(judged("HTTP/1.1 500 X\r\nContent-Length: 20000\r\n\r\n", Then::waits) == unreadable);
}

TEST_CASE("a probe: what a server may send for a question has a limit, however little it means") {
  // Each chunk brings one byte of body and five others.
  std::string endless = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 12'000; ++i) endless += "1\r\nx\r\n";
  CHECK(judged(endless, Then::waits).first == Verdict::lives);
}

TEST_CASE("a probe: whoever does not speak TLS lives, by any byte") {
  for (const std::string byte :
       {"\x15", "\x15\x03\x03\x00\x02\x02\x28", "SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.0 400 No"}) {
    tests::HandServer server([&](tests::Connection& connection) {
      std::array<char, 64> hello{};
      (void)::recv(connection.get(), hello.data(), hello.size(), 0);
      connection.send(byte);
    });
    Asker asker(server.port());
    for (int i = 0; i < 2; ++i) {
      CHECK(asker.ask() == Verdict::lives);
      CHECK(asker.probe.why() == "its TLS handshake fails");
    }
  }
}

TEST_CASE("a probe: where nobody listens it fails at once") {
  uint16_t port = 0;
  {
    const tests::Listener gone(1);
    port = gone.port();
  }
  Asker asker(port);
  CHECK(asker.ask() == Verdict::dead);
  CHECK(asker.probe.why() == "connection refused");
}

TEST_CASE("a probe: a host that answers nothing at all") {
  // A listener whose queue is full ignores those who come.
  const tests::Listener full(0);
  std::deque<Asker> queue;
  do {
    queue.emplace_back(full.port());
    queue.back().probe.ask();
    queue.back().follow(kShort);
  } while (queue.back().probe.state() == State::greeting && queue.size() < 10);
  auto& probe = queue.back().probe;
  CHECK(probe.state() == State::connecting);
  probe.give_up();
  CHECK(probe.verdict() == Verdict::dead);
  CHECK(probe.why() == "no connection in time");
}

TEST_CASE("a probe: a connection that ends without a byte is no sign of life") {
  tests::HandServer server([](tests::Connection& connection) { connection.close(); });
  Asker asker(server.port());
  for (int i = 0; i < 10; ++i) CHECK(asker.ask() == Verdict::dead);
}

TEST_CASE("a probe: a host without descriptors says nothing about others") {
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const rlimit none{0, before.rlim_max};
  const tests::Listener listener(4);
  Asker asker(listener.port());
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  asker.probe.ask();
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(asker.probe.state() == State::idle);
  CHECK(asker.probe.verdict() == Verdict::unasked);
}

TEST_CASE("the failing checks of /readyz are named, a few of them, and safe to print") {
  CHECK(node::failing_checks(kFailing) == "[-]etcd failed, [-]shutdown failed");
  CHECK(node::failing_checks("ok").empty());
  CHECK(node::failing_checks("[-]a\n[-]b failed: x\n[+]c ok\n[-]d failed\n[-]e failed\n[-]f failed") ==
        "[-]a failed, [-]b failed, [-]d failed and 2 more");
  const auto wild = node::failing_checks("[-]\x1b[2J\xff" + std::string(10'000, 'x') + " failed");
  CHECK(wild.starts_with("[-]\\x1b[2J\\xff"));
  CHECK(wild.size() < 120);
}
