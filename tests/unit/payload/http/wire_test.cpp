// SPDX-License-Identifier: Apache-2.0
// The client against servers that are slow, close early or are not HTTP servers; their output is written by hand.
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <chrono>

#include "payload/base/format.h"
#include "tests/support/hand_server.h"

using namespace sealift;
using http::Client;
using http::ClientOptions;
using http::Origin;
using std::chrono::steady_clock;
using tests::Connection;
using tests::HandServer;
using tests::Listener;
using tests::loopback;

namespace {

std::string whole(std::string_view text, std::string_view more = "") {
  return base::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{}\r\n{}", text.size(), more, text);
}

ClientOptions impatient() {
  ClientOptions options;
  options.connect_timeout = Duration{300};
  options.read_timeout = Duration{300};
  return options;
}

ErrorCode code_of(const Result<http::Reply>& reply) {
  REQUIRE_FALSE(reply);
  return reply.error().code;
}

// What a caller may retry. httplib reports the same error for a read timeout and a broken connection.
bool may_pass(const Result<http::Reply>& reply) {
  const auto code = code_of(reply);
  return code == ErrorCode::timeout || code == ErrorCode::unreachable;
}

}  // namespace

TEST_CASE("several requests go over one connection") {
  HandServer server([](Connection& connection) {
    for (;;) {
      const auto asked = connection.request();
      if (asked.empty()) return;
      const bool none = asked.contains("/none"), head = asked.starts_with("HEAD");
      connection.send(none   ? "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone"
                      : head ? "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
                             : whole("hello"));
    }
  });
  auto client = server.client();
  for (int i = 0; i < 5; ++i) {
    const auto reply = client.get("/", {});
    REQUIRE(reply);
    CHECK(reply->text == "hello");
    CHECK(client.head("/", {}));
    CHECK(client.get("/none", {})->text == "none");
  }
  CHECK(server.connections() == 1);
}

TEST_CASE("a server that ends its connections, with or without a word, is asked over new ones") {
  for (const char* word : {"Connection: close\r\n", ""}) {
    INFO(word);
    std::atomic<int> closed = 0;
    HandServer server([&](Connection& connection) {
      if (!connection.request().empty()) connection.send(whole("hello", word));
      connection.close();
      ++closed;
    });
    auto client = server.client();
    for (int i = 1; i <= 3; ++i) {
      const auto reply = client.get("/", {});
      if (!reply) FAIL(reply.error().text());
      CHECK(reply->text == "hello");
      while (closed < i) std::this_thread::yield();
    }
    CHECK(server.connections() == 3);
  }
}

TEST_CASE("nobody answers in time: at connecting, before the head, in the middle of the body") {
  const auto begin = steady_clock::now();
  {
    const Listener full(0);  // nobody accepts: once its queue is full, further connections get no answer
    std::vector<base::Fd> queue;
    for (int i = 0; i < 4; ++i) {
      queue.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      const auto address = loopback(full.port());
      (void)::connect(queue.back().get(), reinterpret_cast<const sockaddr*>(&address),
                      sizeof address);  // NOLINT(*-reinterpret-cast)
    }
    Client client(Origin{"http", "127.0.0.1", full.port()}, impatient());
    CHECK(code_of(client.get("/", {})) == ErrorCode::timeout);
  }
  {
    HandServer server([](Connection& connection) { connection.wait_until_gone(); });
    auto client = server.client(impatient());
    CHECK(may_pass(client.get("/", {})));
    CHECK(may_pass(client.head("/", {})));
  }
  {
    HandServer server([](Connection& connection) {
      connection.request();
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234");
      connection.wait_until_gone();
    });
    auto client = server.client(impatient());
    base::MemorySink sink(100);
    CHECK(may_pass(client.get_to("/", {}, sink)));
    CHECK(base::as_text(sink.data()) == "01234");
  }
  const auto taken = steady_clock::now() - begin;
  CHECK(taken > std::chrono::milliseconds(4 * 300));
  CHECK(taken < std::chrono::seconds(10));
}

TEST_CASE("a body that ends too early is no body") {
  for (const char* head :
       {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n",
        "HTTP/1.1 404 Not Found\r\nContent-Length: 10\r\n\r\n01234", "HTTP/1.1 200 OK\r\nContent-Le"}) {
    INFO(head);
    HandServer server([&](Connection& connection) {
      connection.request();
      connection.send(head);
    });
    auto client = server.client();
    CHECK(code_of(client.get("/", {})) == ErrorCode::unreachable);
  }
}

TEST_CASE("bodies of unknown size: in chunks, or up to the end of the connection") {
  for (const char* answer :
       {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n0123456789"}) {
    INFO(answer);
    HandServer server([&](Connection& connection) {
      connection.request();
      connection.send(answer);
    });
    auto client = server.client();
    const auto reply = client.get("/", {});
    if (!reply) FAIL(reply.error().text());
    CHECK(reply->text == "0123456789");
  }
}

TEST_CASE("what speaks another language is an error") {
  for (const char* answer : {"SSH-2.0-OpenSSH_9.2\r\n", "\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", ""}) {
    INFO(answer);
    HandServer server([&](Connection& connection) {
      connection.request();
      connection.send(answer);
    });
    auto client = server.client(impatient());
    const auto code = code_of(client.get("/", {}));
    CHECK((code == ErrorCode::unreachable || code == ErrorCode::protocol || code == ErrorCode::timeout));
  }
}

TEST_CASE("texts have a limit, refusals too; what is streamed has none") {
  constexpr size_t kLimit = size_t{4} << 20;
  for (const char* status : {"200 OK", "404 Not Found"}) {
    for (const size_t size : {kLimit, kLimit + 1}) {
      INFO(status << " " << size);
      HandServer server([&](Connection& connection) {
        connection.request();
        connection.send(base::format("HTTP/1.1 {}\r\nContent-Length: {}\r\n\r\n", status, size));
        connection.send(std::string(size, 'x'));
      });
      auto client = server.client();
      const auto reply = client.get("/", {});
      REQUIRE(reply.has_value() == (size == kLimit));
      if (reply) CHECK(reply->text.size() == size);
      if (!reply) CHECK(reply.error().code == ErrorCode::limit_exceeded);
      auto again = server.client();
      uint64_t count = 0;
      base::FunctionSink sink([&](ByteView data) -> Result<void> {
        count += data.size();
        return {};
      });
      const auto streamed = again.get_to("/", {}, sink);
      CHECK(streamed.has_value() == (size == kLimit || std::string_view(status) == "200 OK"));
      CHECK(count == (std::string_view(status) == "200 OK" ? size : 0));
    }
  }
}

TEST_CASE("a head without end is an error, not memory without end") {
  std::atomic<uint64_t> sent = 0;
  HandServer server([&](Connection& connection) {
    connection.request();
    connection.send("HTTP/1.1 200 OK\r\n");
    const std::string line = "X-Filler: " + std::string(1000, 'x') + "\r\n";
    while (sent < (uint64_t{64} << 20) && connection.send(line)) sent += line.size();
  });
  auto client = server.client(impatient());
  CHECK_FALSE(client.get("/", {}));
  CHECK(sent < (uint64_t{64} << 20));
}

TEST_CASE("redirects are the caller's affair") {
  HandServer server([](Connection& connection) {
    connection.request();
    connection.send(
        "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:1/elsewhere\r\nContent-Length: 5\r\n\r\nmoved");
  });
  auto client = server.client();
  base::MemorySink sink(100);
  const auto reply = client.get_to("/", {}, sink);
  REQUIRE(reply);
  CHECK(reply->status == 307);
  CHECK(reply->headers.at("location") == "http://127.0.0.1:1/elsewhere");
  CHECK(reply->text == "moved");
  CHECK(sink.data().empty());
}
