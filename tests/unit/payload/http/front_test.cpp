// SPDX-License-Identifier: Apache-2.0
// Strangers at the door of a server: they say nothing, too little, too much, too slowly, or are too many.
#include "payload/http/front.h"
#include "payload/base/format.h"

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <thread>

#include "payload/http/client.h"
#include "payload/http/socket_address.h"
#include "tests/support/authority.h"
#include "tests/support/requirement.h"
#include "tests/support/visitor.h"

using namespace sealift;
using http::Client;
using http::Origin;
using http::Server;
using http::ServerLimits;
using http::ServerOptions;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using tests::Strangers;
using tests::Visitor;

namespace {

constexpr std::string_view kGet = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";
constexpr uid_t kNobody = 65534;

std::unique_ptr<Server> server(ServerLimits limits, std::optional<http::TlsIdentity> tls = {},
                               http::Handler handler = {}) {
  if (!handler)
    handler = [](const http::Request& request) { return http::Response{200, {}, "text/plain", request.path, {}}; };
  ServerOptions options;
  options.limits = limits;
  options.tls = std::move(tls);
  auto started = Server::start(std::move(options), std::move(handler));
  if (!started) FAIL(started.error().text());
  return std::move(*started);
}

ServerLimits roomy() {
  ServerLimits out;
  out.connections = {.all = 1000, .per_caller = 1000};
  return out;
}

std::vector<std::unique_ptr<Visitor>> visitors(const Server& at, size_t count, std::string_view text = "") {
  std::vector<std::unique_ptr<Visitor>> out;
  for (size_t i = 0; i < count; ++i) {
    out.push_back(std::make_unique<Visitor>(at.port()));
    REQUIRE(out.back()->say(text));
  }
  return out;
}

milliseconds time_of(const std::function<void()>& action) {
  const auto begin = steady_clock::now();
  action();
  return std::chrono::duration_cast<milliseconds>(steady_clock::now() - begin);
}

// The status of a request over a connection of its own; 0 if it is closed without one.
int ask(const Server& at) {
  Visitor visitor(at.port());
  const bool said = visitor.say(kGet);
  const std::string heard = visitor.hear("\r\n\r\n");
  return said && heard.starts_with("HTTP/1.1 ") ? std::stoi(heard.substr(9, 3)) : 0;
}

}  // namespace

TEST_CASE("connections that say nothing or half a head keep no request from being answered") {
  for (const std::string_view text : {"", "GET / HTTP/1.1\r\nHost: "}) {
    INFO(text);
    const auto at = server(roomy());
    const auto idle = visitors(*at, 300, text);
    CHECK(time_of([&] { CHECK(ask(*at) == 200); }) < seconds(2));
    CHECK_FALSE(idle.front()->is_closed(milliseconds(10)));
  }
}

TEST_CASE("nor do connections without a handshake, or with half of one") {
  const tests::Authority authority;
  const auto own = authority.identity({"client", {}, {}}, "");
  for (const std::string_view text : {std::string_view(""), std::string_view("\x16\x03\x01\x02\x00\x01", 6)}) {
    const auto at = server(roomy(), authority.identity(tests::kLoopback, authority.certificate));
    const auto idle = visitors(*at, 200, text);
    Client client(Origin{"https", "127.0.0.1", at->port()}, {authority.certificate, own.certificate, own.key});
    CHECK(time_of([&] { CHECK(client.get("/", {})); }) < seconds(3));
  }
}

TEST_CASE("handshake and head have one deadline in all, however often a byte comes") {
  const tests::Authority authority;
  auto limits = roomy();
  limits.head_time = Duration{600};
  for (const bool tls : {false, true}) {
    INFO(tls);
    const auto at = server(
        limits, tls ? std::optional(authority.identity(tests::kLoopback, "")) : std::optional<http::TlsIdentity>());
    const std::string_view text =
        tls ? std::string_view("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03zzzzzzzzzz", 21) : kGet;
    Visitor silent(at->port()), slow(at->port());
    bool cut = false;
    const auto taken = time_of([&] {
      for (size_t i = 0; i < text.size() && !cut; ++i)
        cut = !slow.say(text.substr(i, 1)) || slow.is_closed(milliseconds(60));
    });
    CHECK(cut);
    CHECK(taken >= milliseconds(550));
    CHECK(taken < seconds(5));
    CHECK(silent.is_closed());
  }
}

TEST_CASE("between requests a connection may be idle, for a while") {
  auto limits = roomy();
  limits.head_time = Duration{300};
  limits.idle_time = Duration{900};
  const auto at = server(limits);
  Visitor visitor(at->port());
  for (int i = 0; i < 2; ++i) {
    REQUIRE(visitor.say(kGet));
    CHECK(visitor.hear("/hello").contains("200 OK"));
    CHECK_FALSE(visitor.is_closed(milliseconds(500)));
  }
  CHECK(visitor.is_closed());
  // The next head has its own short deadline.
  limits.idle_time = Duration{60'000};
  const auto patient = server(limits);
  Visitor slow(patient->port());
  REQUIRE(slow.say(kGet));
  CHECK(slow.hear("/hello").contains("200 OK"));
  REQUIRE(slow.say("GET"));
  CHECK(slow.is_closed());
}

TEST_CASE("requests in pieces, several at once, and one after the other over one connection") {
  const auto at = server(roomy());
  Visitor pieces(at->port());
  for (const char c : kGet) {
    REQUIRE(pieces.say({&c, 1}));
    std::this_thread::sleep_for(milliseconds(2));
  }
  CHECK(pieces.hear("/hello").contains("200 OK"));
  Visitor several(at->port());
  std::string all;
  for (int i = 0; i < 20; ++i) all += base::format("GET /number-{:02} HTTP/1.1\r\nHost: x\r\n\r\n", i);
  REQUIRE(several.say(all + "GET /rest"));
  const std::string heard = several.hear("/number-19");
  size_t place = 0;
  for (int i = 0; i < 20; ++i) {
    const auto found = heard.find(base::format("/number-{:02}", i));
    REQUIRE(found != std::string::npos);
    CHECK(found >= place);
    place = found;
  }
  REQUIRE(several.say(" HTTP/1.1\r\n\r\n"));
  CHECK(several.hear("/rest").contains("200 OK"));
}

TEST_CASE("what is no request is told so, and nothing that follows is answered") {
  const std::string line = "X: " + std::string(4000, 'x') + "\r\n", get = "GET / HTTP/1.1\r\n";
  std::string many = get;
  for (int i = 0; i < 101; ++i) many += "X: y\r\n";
  struct Bad {
    std::string text;
    int status;
  };
  for (const auto& [text, status] : {Bad{"\x16\x03\x01\x02", 400},
                                     {"hello\r\n\r\n", 400},
                                     {"\r\n\r\n", 400},
                                     {"GET ?a=b HTTP/1.1\r\n\r\n", 400},
                                     {"GET http://x/ HTTP/1.1\r\n\r\n", 400},
                                     {get + "no field\r\n\r\n", 400},
                                     {get + "X : y\r\n\r\n", 400},
                                     {get + "X: y\r\n z\r\n\r\n", 400},
                                     {get + "X: y\nZ: z\r\n\r\n", 400},
                                     {get + "Content-Length: -1\r\n\r\n", 400},
                                     {get + "Content-Length: 0\r\nContent-Length: 00\r\n\r\n", 400},
                                     {get + "Range: bytes=x\r\n\r\n", 416},
                                     {get + "Content-Length: 5\r\n\r\n01234", 413},
                                     {get + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 413},
                                     {"PUT / HTTP/1.1\r\nContent-Length: 5\r\n\r\n01234", 405},
                                     {"GET /" + std::string(8192, 'x') + " HTTP/1.1\r\n\r\n", 414},
                                     {get + line + line + line + line + line, 431},
                                     {many + "\r\n", 431},
                                     {"GET / HTTP/2.0\r\n\r\n", 505}}) {
    INFO(text.substr(0, 80));
    std::atomic<int> asked = 0;
    const auto at = server(roomy(), {}, [&](const http::Request&) {
      ++asked;
      return http::Response{};
    });
    Visitor visitor(at->port());
    REQUIRE(visitor.say(text + std::string(kGet)));
    const std::string heard = visitor.hear("nothing ends this");
    CHECK(heard.starts_with(base::format("HTTP/1.1 {} ", status)));
    CHECK(heard.find("HTTP/1.1", 1) == std::string::npos);
    CHECK(visitor.is_closed(seconds(1)));
    CHECK(asked == 0);
  }
}

TEST_CASE("a client that reads too slowly loses its connection, though it reads all the time") {
  std::atomic<bool> ended = false;
  ServerLimits limits;
  limits.slow_for = Duration{500};
  limits.slowest = uint64_t{1} << 20;
  const auto at = server(limits, {}, [&](const http::Request&) {
    http::Response out;
    out.stream = http::Response::Stream{uint64_t{1} << 40, [&](uint64_t, uint64_t, base::Sink& sink) -> Result<void> {
                                          const Bytes piece(size_t{1} << 20);
                                          auto written = sink.write(piece);
                                          while (written) written = sink.write(piece);
                                          ended = true;
                                          return written;
                                        }};
    return out;
  });
  Visitor slow(at->port(), 4096);
  REQUIRE(slow.say(kGet));
  const auto taken = time_of([&] {
    for (int i = 0; i < 4000 && !ended; ++i) {
      std::array<char, 1024> piece{};
      if (::recv(slow.get(), piece.data(), piece.size(), 0) <= 0) break;
      std::this_thread::sleep_for(milliseconds(5));
    }
  });
  CHECK(ended);
  CHECK(taken < seconds(20));
}

TEST_CASE("who has too many connections loses the one that has waited longest, not one that works") {
  ServerLimits limits;
  limits.connections = {.all = 3, .per_caller = 3};
  const auto small = server(limits);
  Visitor first(small->port()), second(small->port());
  REQUIRE(first.say(kGet));
  CHECK(first.hear("/hello").contains("200 OK"));
  std::this_thread::sleep_for(milliseconds(300));  // until it waits again: since now
  Visitor third(small->port()), fourth(small->port());
  CHECK(second.is_closed(seconds(2)));
  CHECK_FALSE(first.is_closed(milliseconds(50)));
  const Visitor fifth(small->port());
  CHECK(first.is_closed(seconds(2)));
  CHECK_FALSE(third.is_closed(milliseconds(50)));
}

TEST_CASE("a part of the connections is kept for root, whoever else comes") {
  tests::require_or_skip(::geteuid() == 0, "root");
  ServerLimits limits;
  limits.connections = {.all = 12, .reserved = 4, .per_caller = 100};
  limits.requests = {.all = 50, .reserved = 0, .per_caller = 50};
  std::atomic<int> working = 0;
  std::atomic<bool> over = false;
  const auto at = server(limits, {}, [&](const http::Request& request) {
    if (request.path == "/wait") {
      ++working;
      while (!over) std::this_thread::sleep_for(milliseconds(5));
    }
    return http::Response{};
  });
  {
    const Strangers strangers(at->port(), 30, kNobody, "GET /wait HTTP/1.1\r\n\r\n");
    for (int i = 0; i < 400 && working < 8; ++i) std::this_thread::sleep_for(milliseconds(5));
    CHECK(working == 8);
    for (int i = 0; i < 10; ++i) CHECK(ask(*at) == 200);
    over = true;
  }
}

TEST_CASE("requests at once have a limit for each user, and a reserve for root; one too many is told to come later") {
  tests::require_or_skip(::geteuid() == 0, "root");
  ServerLimits limits;
  limits.requests = {.all = 10, .reserved = 4, .per_caller = 3};
  std::atomic<int> working = 0;
  std::atomic<bool> over = false;
  const auto at = server(limits, {}, [&](const http::Request& request) {
    if (request.path == "/wait") {
      ++working;
      while (!over) std::this_thread::sleep_for(milliseconds(5));
    }
    return http::Response{};
  });
  {
    const std::string_view wait = "GET /wait HTTP/1.1\r\n\r\n";
    const Strangers one(at->port(), 5, kNobody, wait), two(at->port(), 5, kNobody - 1, wait),
        three(at->port(), 5, kNobody - 2, wait);
    for (int i = 0; i < 400 && working < 6; ++i) std::this_thread::sleep_for(milliseconds(5));
    std::this_thread::sleep_for(milliseconds(100));
    CHECK(working == 6);
    const auto own = visitors(*at, 4, wait);
    for (int i = 0; i < 400 && working < 10; ++i) std::this_thread::sleep_for(milliseconds(5));
    CHECK(working == 10);
    Visitor late(at->port());
    REQUIRE(late.say(kGet));
    const std::string heard = late.hear("later");
    CHECK(heard.starts_with("HTTP/1.1 503 "));
    CHECK(heard.contains("Retry-After: 5\r\n"));
    CHECK(late.is_closed());
    over = true;
  }
}

TEST_CASE("a client with a good certificate is not closed in favour of those without, of the same user") {
  tests::require_or_skip(::geteuid() == 0, "root");
  const tests::Authority authority;
  ServerLimits limits;
  limits.connections = {.all = 20, .reserved = 8, .per_caller = 5};
  const auto at = server(limits, authority.identity(tests::kLoopback, authority.certificate));
  const auto own = authority.identity({"client", {}, {}}, "");
  Client kept(Origin{"https", "127.0.0.1", at->port()}, {authority.certificate, own.certificate, own.key});
  int socket = -1;
  tests::as_user(kNobody, [&] {
    if (!kept.get("/", {})) return;
    for (int fd = 3; fd < 1024 && socket < 0; ++fd)
      if (http::peer_address(fd).port() == at->port()) socket = fd;
  });
  REQUIRE(socket >= 0);
  const Strangers strangers(at->port(), 60, kNobody, std::string_view("\x16\x03\x01\x02", 4));
  char byte = 0;
  std::this_thread::sleep_for(milliseconds(200));
  CHECK(::recv(socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0);  // it is still open
  CHECK(kept.get("/", {}));
}

TEST_CASE("stopping is quick, however many connections are there") {
  for (const bool tls : {false, true}) {
    const tests::Authority authority;
    const auto at = server(
        roomy(), tls ? std::optional(authority.identity(tests::kLoopback, "")) : std::optional<http::TlsIdentity>());
    const auto idle = visitors(*at, 250, ""), begun = visitors(*at, 250, tls ? "\x16" : "GET /");
    CHECK(time_of([&] { at->stop(); }) < seconds(2));
    CHECK(idle.front()->is_closed(seconds(1)));
  }
}

TEST_CASE("a door that closes takes nobody in, and lets answers come to their end") {
  std::atomic<bool> is_asked = false, may_end = false;
  const auto at = server(roomy(), {}, [&](const http::Request&) {
    is_asked = true;
    while (!may_end) std::this_thread::sleep_for(milliseconds(5));
    return http::Response{200, {}, "text/plain", "whole", {}};
  });
  Visitor busy(at->port()), idle(at->port());
  REQUIRE(busy.say(kGet));
  while (!is_asked) std::this_thread::sleep_for(milliseconds(5));
  CHECK_FALSE(idle.is_closed(milliseconds(50)));
  at->close_door();
  CHECK(idle.is_closed(seconds(5)));
  CHECK(at->answers());
  CHECK_FALSE(busy.is_closed(milliseconds(50)));
  may_end = true;
  CHECK(busy.hear("whole").starts_with("HTTP/1.1 200 "));
  CHECK(busy.is_closed(seconds(5)));
  CHECK_FALSE(at->answers());
}

TEST_CASE("a descriptor that listens already is used, and stays") {
  const tests::Listener listener(100);
  for (int i = 0; i < 2; ++i) {
    ServerOptions options;
    options.listener = listener.get();
    const auto at = Server::start(std::move(options), [](const http::Request&) { return http::Response{}; });
    REQUIRE(at);
    CHECK((*at)->port() == listener.port());
    CHECK(ask(**at) == 200);
  }
  ServerOptions options;
  const base::Fd file(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  options.listener = file.get();
  const auto none = Server::start(std::move(options), [](const http::Request&) { return http::Response{}; });
  REQUIRE_FALSE(none);
  CHECK(none.error().code == ErrorCode::invalid_config);
}
