// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/balancer.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <thread>
#include <vector>

#include "payload/base/fd.h"
#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/http/client.h"
#include "payload/http/server.h"
#include "tests/support/own_namespaces.h"
#include "tests/support/serving.h"
#include "tests/support/visitor.h"

using namespace sealift;

namespace {

std::unique_ptr<http::Server> backend(const std::string& name) {
  auto server =
      http::Server::start({}, [name](const http::Request&) { return http::Response{200, {}, "text/plain", name, {}}; });
  REQUIRE(server);
  return std::move(*server);
}

std::string ask(uint16_t port) {
  http::Client client({"http", "127.0.0.1", port}, {});
  const auto reply = client.get("/", {});
  return reply ? reply->text : "error: " + reply.error().text();
}

}  // namespace

TEST_CASE("connections go to a backend that answers") {
  auto one = backend("one");
  node::BalancerConfig config{"127.0.0.1:0", {"127.0.0.1:1", base::format("127.0.0.1:{}", one->port())}};
  auto balancer = node::Balancer::listen(config);
  REQUIRE(balancer);
  {
    const tests::Serving serving(*balancer);
    for (int i = 0; i < 20; ++i) CHECK(ask(balancer->port()) == "one");
  }
  auto two = backend("two");
  one->stop();
  balancer->set_backends({base::format("127.0.0.1:{}", one->port()), base::format("127.0.0.1:{}", two->port())});
  const tests::Serving serving(*balancer);
  CHECK(ask(balancer->port()) == "two");
}

TEST_CASE("large bodies pass whole, many at once") {
  const std::string body(5'000'000, 'x');
  auto server = http::Server::start(
      {}, [&](const http::Request&) { return http::Response{200, {}, "text/plain", body.substr(0, 3'000'000), {}}; });
  REQUIRE(server);
  auto balancer = node::Balancer::listen({"127.0.0.1:0", {base::format("127.0.0.1:{}", (*server)->port())}});
  REQUIRE(balancer);
  const tests::Serving serving(*balancer);
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      if (ask(balancer->port()).size() == 3'000'000) ++good;
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(good == 4);
}

TEST_CASE("a configuration without backends is refused") {
  CHECK_FALSE(node::parse_balancer_config(R"({"listen":"127.0.0.1:7443","backends":[]})"));
  CHECK_FALSE(node::parse_balancer_config(R"({"listen":"127.0.0.1:7443","backends":["somewhere:1"]})"));
  CHECK(node::parse_balancer_config(R"({"listen":"127.0.0.1:7443","backends":["10.7.0.11:6443","[fd00::1]:6443"]})"));
}

TEST_CASE("a client that has said everything is heard to its last byte, however slow the server is") {
  // With small kernel buffers, the balancer's remaining bytes go out in several pieces.
  constexpr size_t kLeast = 20'000, kMost = 160'000, kStep = 20'000;
  std::vector<std::string> wanted, heard;
  for (size_t length = kLeast; length <= kMost; length += kStep) wanted.push_back(std::to_string(length));
  std::string trouble;
  tests::in_own_network([&] {
    trouble = "the kernel's buffers";
    if (auto sysctl = base::open_file("/proc/sys/net/ipv4/tcp_wmem", O_WRONLY);
        !sysctl || !base::write_all(sysctl->get(), base::as_bytes("4096 8192 8192")))
      return;
    trouble = "the sockets";
    const base::Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int small = 8192;
    ::setsockopt(listener.get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    sockaddr_in own{};
    own.sin_family = AF_INET;
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof own;
    if (::bind(listener.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0 ||
        ::listen(listener.get(), 1) != 0)
      return;
    if (::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&own), &size) != 0) return;
    auto balancer = node::Balancer::listen({"127.0.0.1:0", {base::format("127.0.0.1:{}", ntohs(own.sin_port))}});
    if (!balancer) return;
    const tests::Serving serving(*balancer);
    own.sin_port = htons(balancer->port());
    const auto read_all = [](const base::Fd& fd) {
      std::string out;
      std::vector<char> piece(65536);
      for (ssize_t count = 0; (count = ::recv(fd.get(), piece.data(), piece.size(), 0)) > 0;)
        out.append(piece.data(), static_cast<size_t>(count));
      return out;
    };
    std::atomic<size_t> said = 0;
    // Reads only after everything was sent, then answers with the number of bytes received.
    const std::jthread server([&] {
      for (size_t length = kLeast; length <= kMost; length += kStep) {
        const base::Fd fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
        for (int i = 0; i < 1000 && said != length; ++i) base::system_clock().sleep(Duration{1});
        base::system_clock().sleep(Duration{50});  // by now the balancer has read everything, but not sent everything
        const std::string answer = std::to_string(read_all(fd).size());
        ::send(fd.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
      }
    });
    trouble.clear();
    for (size_t length = kLeast; length <= kMost; length += kStep) {
      const base::Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      const bool all = ::connect(client.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own) == 0 &&
                       base::write_all(client.get(), base::as_bytes(std::string(length, 'x'))) &&
                       ::shutdown(client.get(), SHUT_WR) == 0;
      said = length;
      heard.push_back(all ? read_all(client) : "not all was said");
    }
  });
  REQUIRE(trouble.empty());
  CHECK(heard == wanted);
}

TEST_CASE("who says nothing reaches no API server, and is closed after a while") {
  tests::HandServer api([](tests::Connection& connection) {
    connection.request();
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\napi");
  });
  node::BalancerLimits limits;
  limits.silent = Duration{500};
  auto balancer = node::Balancer::listen({"127.0.0.1:0", {base::format("127.0.0.1:{}", api.port())}, limits});
  REQUIRE(balancer);
  const tests::Serving serving(*balancer);
  std::vector<std::unique_ptr<tests::Visitor>> silent;
  for (int i = 0; i < 20; ++i) silent.push_back(std::make_unique<tests::Visitor>(balancer->port()));
  CHECK(ask(balancer->port()) == "api");
  CHECK(api.connections() == 1);
  for (auto& visitor : silent) CHECK(visitor->is_closed(std::chrono::seconds(3)));
}

TEST_CASE("a connection without a byte in either direction ends; one that is used stays") {
  tests::HandServer api([](tests::Connection& connection) {
    while (!connection.request().empty()) connection.send("still there");
  });
  node::BalancerLimits limits;
  limits.idle = Duration{700};
  auto balancer = node::Balancer::listen({"127.0.0.1:0", {base::format("127.0.0.1:{}", api.port())}, limits});
  REQUIRE(balancer);
  const tests::Serving serving(*balancer);
  tests::Visitor used(balancer->port());
  const auto begin = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - begin < std::chrono::milliseconds(1'800)) {
    REQUIRE(used.say("watch\r\n\r\n"));
    CHECK(used.hear("still there") == "still there");
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
  }
  CHECK(used.is_closed(std::chrono::seconds(3)));
}

TEST_CASE("no user can keep root from the API, with silent connections or with others") {
  tests::require_or_skip(::geteuid() == 0, "root");
  for (const std::string_view text : {"", "GET / HT"}) {
    INFO(text);
    auto api = backend("api");
    node::BalancerLimits limits;
    limits.connections = {.all = 40, .reserved = 10, .per_caller = 1000};
    auto balancer = node::Balancer::listen({"127.0.0.1:0", {base::format("127.0.0.1:{}", api->port())}, limits});
    REQUIRE(balancer);
    const tests::Serving serving(*balancer);
    const tests::Strangers strangers(balancer->port(), 100, 65534, text);
    for (int i = 0; i < 20; ++i) CHECK(ask(balancer->port()) == "api");
  }
}

TEST_CASE("a balancer takes over a descriptor that listens already, and leaves it") {
  const tests::Listener listener(10);
  auto api = backend("api");
  for (int i = 0; i < 2; ++i) {
    auto balancer = node::Balancer::adopt(listener.get(), {base::format("127.0.0.1:{}", api->port())});
    REQUIRE(balancer);
    CHECK(balancer->port() == listener.port());
    const tests::Serving serving(*balancer);
    CHECK(ask(listener.port()) == "api");
  }
  const base::Fd file(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  CHECK_FALSE(node::Balancer::adopt(file.get(), {"127.0.0.1:1"}));
}
