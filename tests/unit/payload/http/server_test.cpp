// SPDX-License-Identifier: Apache-2.0
#include "payload/http/server.h"
#include "payload/base/format.h"

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "payload/http/client.h"
#include "tests/support/hand_server.h"

using namespace sealift;
using http::Client;
using http::Origin;
using http::Response;
using http::Server;
using http::ServerOptions;

namespace {

using Pieces = std::vector<std::pair<uint64_t, uint64_t>>;

// Responds with "0123456789" as a text or as a stream, and records the requests.
struct Digits {
  std::mutex mutex;
  Pieces pieces;  // of the stream: offset and size
  std::vector<http::Request> asked;
  std::unique_ptr<Server> server;

  explicit Digits(ServerOptions options = {}) {
    auto started = Server::start(std::move(options), [this](const http::Request& request) { return answer(request); });
    if (!started) FAIL(started.error().text());
    server = std::move(*started);
  }
  Client client(const std::string& host = "127.0.0.1") const {
    return Client(Origin{"http", host, server->port()}, {});
  }
  Pieces take_pieces() {
    const std::lock_guard lock(mutex);
    return std::exchange(pieces, {});
  }

 private:
  Response answer(const http::Request& request) {
    const std::lock_guard lock(mutex);
    asked.push_back(request);
    if (request.path == "/none") return {404, {{"X-Why", "nothing"}}, "application/json", R"({"errors":[]})", {}};
    if (request.path != "/stream") return {200, {}, "text/plain", "0123456789", {}};
    Response out{200, {}, "application/octet-stream", {}, {}};
    out.stream =
        Response::Stream{10, [this](uint64_t offset, uint64_t size, base::Sink& sink) -> Result<void> {
                           {
                             const std::lock_guard inner(mutex);
                             pieces.emplace_back(offset, size);
                           }
                           return sink.write(base::as_bytes(std::string_view("0123456789").substr(offset, size)));
                         }};
    return out;
  }
};

http::Reply get(Client& client, const std::string& target, const std::map<std::string, std::string>& headers = {}) {
  INFO(target);
  auto reply = client.get(target, headers);
  if (!reply) FAIL(reply.error().text());
  return std::move(*reply);
}

// A door at which requests wait. The wait ends after half a minute, so that a failing test ends too.
class Door {
 public:
  void come() {
    const std::lock_guard lock(mutex_);
    ++come_;
    changed_.notify_all();
  }
  void pass() {
    come();
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kPatience, [&] { return open_; });
  }
  bool have_come(int count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return come_ >= count; });
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  static constexpr std::chrono::seconds kPatience{30};
  std::mutex mutex_;
  std::condition_variable changed_;
  int come_ = 0;
  bool open_ = false;
};

// Requests "/" with a small window and reads nothing of the response.
class DeafClient {
 public:
  explicit DeafClient(uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const int window = 4096;
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUF, &window, sizeof window);
    const auto address = tests::loopback(port);
    REQUIRE(::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
            0);  // NOLINT(*-reinterpret-cast)
    REQUIRE(base::write_all(socket_.get(), base::as_bytes("GET / HTTP/1.1\r\nHost: x\r\n\r\n")));
  }

 private:
  base::Fd socket_;
};

}  // namespace

TEST_CASE("ranges of texts and streams; of a stream only what was asked for is made") {
  Digits digits;
  auto client = digits.client();
  struct Range {
    const char *asked, *text, *place;
    Pieces pieces;
  };
  for (const auto& [asked, text, place, pieces] : {Range{"bytes=0-0", "0", "bytes 0-0/10", {{0, 1}}},
                                                   {"bytes=7-", "789", "bytes 7-9/10", {{7, 3}}},
                                                   {"bytes=-4", "6789", "bytes 6-9/10", {{6, 4}}},
                                                   {"bytes=3-5", "345", "bytes 3-5/10", {{3, 3}}}}) {
    for (const char* target : {"/text", "/stream"}) {
      INFO(target << " " << asked);
      const auto reply = get(client, target, {{"Range", asked}});
      CHECK(reply.status == 206);
      CHECK(reply.text == text);
      CHECK(reply.headers.at("content-range") == place);
      CHECK(digits.take_pieces() == (std::string_view(target) == "/stream" ? pieces : Pieces{}));
    }
  }
  for (const char* target : {"/text", "/stream"}) {
    INFO(target);
    const auto beyond = get(client, target, {{"Range", "bytes=10-"}});
    CHECK(beyond.status == 416);
    CHECK(beyond.text.empty());
    CHECK(get(client, target).text == "0123456789");
  }
}

TEST_CASE("HEAD tells what GET would, and makes no body") {
  Digits digits;
  auto client = digits.client();
  for (const char* target : {"/text", "/stream", "/none"}) {
    INFO(target);
    const auto whole = get(client, target);
    digits.take_pieces();
    const auto head = client.head(target, {});
    REQUIRE(head);
    CHECK(head->status == whole.status);
    for (const char* name : {"content-length", "content-type"}) CHECK(head->headers.at(name) == whole.headers.at(name));
    CHECK(head->text.empty());
    CHECK(digits.take_pieces().empty());
    CHECK(get(client, "/text").text == "0123456789");  // the connection is still in sync
  }
  CHECK(digits.asked.at(1).is_head());
  CHECK(digits.asked.at(1).method == "HEAD");
}

TEST_CASE("a refusal has its status, headers, type and text") {
  Digits digits;
  auto client = digits.client();
  const auto reply = get(client, "/none");
  CHECK(reply.status == 404);
  CHECK(reply.headers.at("x-why") == "nothing");
  CHECK(reply.headers.at("content-type") == "application/json");
  CHECK(reply.text == R"({"errors":[]})");
}

TEST_CASE("paths arrive decoded, questions taken apart") {
  Digits digits;
  auto client = digits.client();
  get(client, "/a%20b/%C3%BC?ns=docker.io&x=" + http::percent_encode("1+1=2&z") + "&empty=");
  REQUIRE(digits.asked.size() == 1);
  CHECK(digits.asked[0].path == "/a b/ü");
  CHECK(digits.asked[0].query ==
        std::map<std::string, std::string>{{"empty", ""}, {"ns", "docker.io"}, {"x", "1+1=2&z"}});
}

TEST_CASE("over IPv6 too") {
  ServerOptions options;
  options.address = "::1";
  Digits digits(std::move(options));
  auto client = digits.client("::1");
  CHECK(get(client, "/text").text == "0123456789");
  const auto url = http::parse_url(base::format("http://[::1]:{}/stream", digits.server->port()));
  REQUIRE(url);
  Client named(url->origin, {});
  CHECK(get(named, url->target).text == "0123456789");
}

TEST_CASE("a port that is taken, and an address that is not this machine's, are io errors that name them") {
  Digits digits;
  ServerOptions same;
  same.port = digits.server->port();
  const auto taken = Server::start(std::move(same), [](const http::Request&) { return Response{}; });
  REQUIRE_FALSE(taken);
  CHECK(taken.error().code == ErrorCode::io);
  CHECK(taken.error().what.contains(std::to_string(digits.server->port())));
  ServerOptions elsewhere;
  elsewhere.address = "192.0.2.1";
  const auto foreign = Server::start(std::move(elsewhere), [](const http::Request&) { return Response{}; });
  REQUIRE_FALSE(foreign);
  CHECK(foreign.error().code == ErrorCode::io);
  CHECK(foreign.error().what.contains("192.0.2.1"));
}

TEST_CASE("a port is free again as soon as its server has stopped") {
  uint16_t port = 0;
  {
    Digits first;
    port = first.server->port();
    auto client = first.client();
    get(client, "/text");
  }
  ServerOptions options;
  options.port = port;
  Digits second(std::move(options));
  auto client = second.client();
  CHECK(get(client, "/text").text == "0123456789");
}

TEST_CASE("several clients at once get their own bodies") {
  const auto started = Server::start({}, [](const http::Request& request) {
    Response out;
    const std::string body(300'000, request.path.back());
    out.stream = Response::Stream{body.size(), [body](uint64_t offset, uint64_t size, base::Sink& sink) {
                                    return sink.write(base::as_bytes(std::string_view(body).substr(offset, size)));
                                  }};
    return out;
  });
  REQUIRE(started);
  std::atomic<int> good = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&, i] {
        Client client(Origin{"http", "127.0.0.1", (*started)->port()}, {});
        const char letter = static_cast<char>('a' + i);
        for (int k = 0; k < 10; ++k) {
          const auto reply = client.get(std::string("/") + letter, {});
          if (reply && reply->text == std::string(300'000, letter)) ++good;
        }
      });
    }
  }
  CHECK(good == 80);
}

TEST_CASE("stopping does not wait for clients that keep their connection") {
  Digits digits;
  auto client = digits.client();
  get(client, "/text");
  const auto begin = std::chrono::steady_clock::now();
  digits.server->stop();
  digits.server->stop();
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(5));
  const auto none = client.get("/text", {});
  REQUIRE_FALSE(none);
  CHECK(none.error().code == ErrorCode::unreachable);
}

TEST_CASE("requests that wait keep no other request from being answered") {
  constexpr int kWaiting = 48;
  Door door;
  ServerOptions options;
  options.limits.requests = {.all = kWaiting + 8, .per_caller = kWaiting + 8};
  const auto server = Server::start(std::move(options), [&](const http::Request& request) {
    if (request.path == "/wait") door.pass();
    return Response{200, {}, "text/plain", "0123456789", {}};
  });
  REQUIRE(server);
  std::atomic<int> good = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kWaiting; ++i) {
      threads.emplace_back([&] {
        Client client(Origin{"http", "127.0.0.1", (*server)->port()}, {});
        const auto reply = client.get("/wait", {});
        if (reply && reply->text == "0123456789") ++good;
      });
    }
    CHECK(door.have_come(kWaiting));
    Client quick(Origin{"http", "127.0.0.1", (*server)->port()}, {});
    CHECK(get(quick, "/text").text == "0123456789");
    CHECK(good == 0);
    door.open();
  }
  CHECK(good == kWaiting);
}

TEST_CASE("clients that don't read their answers keep no other request from being answered") {
  constexpr int kDeaf = 48;
  Door begun;
  ServerOptions options;
  options.limits.requests = {.all = kDeaf + 8, .per_caller = kDeaf + 8};
  options.limits.write_timeout = Duration{1'000};  // for the end of the test
  const auto server = Server::start(std::move(options), [&](const http::Request& request) {
    Response out{200, {}, "text/plain", "0123456789", {}};
    if (request.path != "/") return out;
    out.stream = Response::Stream{uint64_t{1} << 40, [&](uint64_t, uint64_t, base::Sink& sink) -> Result<void> {
                                    begun.come();
                                    const Bytes piece(size_t{1} << 20);
                                    auto written = sink.write(piece);
                                    while (written) written = sink.write(piece);
                                    return written;
                                  }};
    return out;
  });
  REQUIRE(server);
  std::vector<std::unique_ptr<DeafClient>> deaf;
  for (int i = 0; i < kDeaf; ++i) deaf.push_back(std::make_unique<DeafClient>((*server)->port()));
  CHECK(begun.have_come(kDeaf));
  Client quick(Origin{"http", "127.0.0.1", (*server)->port()}, {});
  CHECK(get(quick, "/text").text == "0123456789");
}

TEST_CASE("connections have a limit; one beyond it is closed, and one that ends makes room") {
  Door door;
  ServerOptions options;
  options.limits.connections = {.all = 2, .per_caller = 2};
  const auto server = Server::start(std::move(options), [&](const http::Request& request) {
    if (request.path == "/wait") door.pass();
    return Response{200, {}, "text/plain", "0123456789", {}};
  });
  REQUIRE(server);
  const auto client = [&] { return Client(Origin{"http", "127.0.0.1", (*server)->port()}, {}); };
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 2; ++i) {
      threads.emplace_back([&] {
        auto waiting = client();
        (void)waiting.get("/wait", {});
      });
    }
    CHECK(door.have_come(2));
    auto beyond = client();
    const auto reply = beyond.get("/text", {});
    REQUIRE_FALSE(reply);
    CHECK(reply.error().code == ErrorCode::unreachable);
    door.open();
  }
  // The server notices the end of connections soon, not at once.
  std::optional<http::Reply> reply;
  for (int tries = 0; !reply && tries < 1000; ++tries) {
    auto next = client();
    if (auto got = next.get("/text", {}))
      reply = std::move(*got);
    else
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  REQUIRE(reply);
  CHECK(reply->text == "0123456789");
}

TEST_CASE("a client that takes nothing for too long loses its connection; stopping waits no longer than that") {
  for (const bool stop : {false, true}) {
    INFO((stop ? "stopped" : "left alone"));
    Door begun, ended;
    ServerOptions options;
    options.limits.write_timeout = Duration{stop ? 1'000 : 300};
    const auto server = Server::start(std::move(options), [&](const http::Request&) {
      Response out;
      out.stream = Response::Stream{uint64_t{1} << 40, [&](uint64_t, uint64_t, base::Sink& sink) -> Result<void> {
                                      begun.open();
                                      const Bytes piece(size_t{8} << 20);
                                      auto written = sink.write(piece);
                                      while (written) written = sink.write(piece);
                                      ended.open();
                                      return written;
                                    }};
      return out;
    });
    REQUIRE(server);
    const DeafClient deaf((*server)->port());
    begun.pass();
    const auto begin = std::chrono::steady_clock::now();
    if (stop) (*server)->stop();
    ended.pass();
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(20));
  }
}

TEST_CASE("stopping ends a stream that its client reads without end") {
  Door begun;
  const auto server = Server::start({}, [&](const http::Request&) {
    Response out;
    out.stream = Response::Stream{uint64_t{1} << 50, [&](uint64_t, uint64_t, base::Sink& sink) -> Result<void> {
                                    begun.open();
                                    const Bytes piece(size_t{1} << 20);
                                    auto written = sink.write(piece);
                                    while (written) written = sink.write(piece);
                                    return written;
                                  }};
    return out;
  });
  REQUIRE(server);
  std::jthread reader([&] {
    Client client(Origin{"http", "127.0.0.1", (*server)->port()}, {});
    base::FunctionSink nothing([](ByteView) -> Result<void> { return {}; });
    (void)client.get_to("/", {}, nothing);
  });
  begun.pass();
  (*server)->stop();
}
