// SPDX-License-Identifier: Apache-2.0
//
// The balancer over several API servers that die, hang, come back, and join and leave the list. Times are shorter than
// in life; where something must happen, the tests wait for it.
#include <fcntl.h>
#include <poll.h>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <map>
#include <optional>
#include <set>
#include <thread>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/http/client.h"
#include "payload/http/server.h"
#include "runtime/node/balancer.h"
#include "tests/support/authority.h"
#include "tests/support/serving.h"
#include "tests/support/visitor.h"

using namespace sealift;

namespace {

constexpr auto kLong = std::chrono::seconds(60);

// A server that says nothing of readiness: it answers a ClientHello with an alert, and any line with its name.
class Api {
 public:
  explicit Api(std::string name) : name_(std::move(name)) {
    listen(0);
    thread_ = std::thread([this] { run(); });
  }
  ~Api() {
    ended_ = true;
    thread_.join();
  }
  std::string address() const { return base::format("127.0.0.1:{}", port_.load()); }
  // Its process is stopped; the kernel still accepts for it.
  void hang(bool hangs) { now(hangs ? Wish::hang : Wish::live); }
  // Nobody listens any more; connections that it has stay, and are served.
  void refuse(bool refuses) { now(refuses ? Wish::refuse : Wish::live); }
  int questions() const { return questions_; }

 private:
  enum class Wish { live, hang, refuse };
  void now(Wish wish) {
    wish_ = wish;
    while (is_ != wish) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  void listen(uint16_t port) {
    const auto address = http::socket_address("127.0.0.1", port);
    auto listener = address ? http::listen_at(*address) : std::unexpected(address.error());
    if (!listener) return;  // its port is still busy
    listener_ = std::move(*listener);
    port_ = http::own_address(listener_.get()).port();
  }
  void run() {
    while (!ended_) {
      const auto wish = wish_.load();
      if (wish == Wish::refuse) listener_ = {};
      if (wish == Wish::live && !listener_) listen(port_);
      is_ = wish;
      std::vector<pollfd> polled;
      if (listener_) polled.push_back({listener_.get(), POLLIN, 0});
      for (const auto& fd : visitors_) polled.push_back({fd.get(), POLLIN, 0});
      if (wish == Wish::hang) polled.clear();
      if (::poll(polled.data(), polled.size(), 5) <= 0) continue;
      const size_t first = listener_ ? 1 : 0;
      for (size_t i = polled.size(); i-- > first;) {
        if (polled[i].revents != 0 && !serve(visitors_[i - first]))
          visitors_.erase(visitors_.begin() + static_cast<std::ptrdiff_t>(i - first));
      }
      if (first == 0 || polled[0].revents == 0) continue;
      base::Fd visitor(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (visitor) visitors_.push_back(std::move(visitor));
    }
  }
  bool serve(const base::Fd& visitor) {
    std::array<char, 4096> piece{};
    const ssize_t count = ::recv(visitor.get(), piece.data(), piece.size(), 0);
    if (count <= 0) return false;
    if (piece[0] == '\x16') {
      ++questions_;
      ::send(visitor.get(), "\x15\x03\x03\x00\x02\x02\x28", 7, MSG_NOSIGNAL);
      return false;
    }
    const auto answer = name_ + "\n";
    return ::send(visitor.get(), answer.data(), answer.size(), MSG_NOSIGNAL) > 0;
  }

  std::string name_;
  base::Fd listener_;
  std::vector<base::Fd> visitors_;
  std::atomic<uint16_t> port_ = 0;
  std::atomic<Wish> wish_ = Wish::live, is_ = Wish::live;
  std::atomic<int> questions_ = 0;
  std::atomic<bool> ended_ = false;
  std::thread thread_;
};

node::BalancerLimits quick() {
  node::BalancerLimits out;
  out.health = {.every = Duration{50},
                .prompt = Duration{700},
                .patience = Duration{2'000},
                .ready_to_trust = 3,
                .answers_to_trust = 3};
  return out;
}

struct Site {
  Api a{"a"}, b{"b"}, c{"c"};
  std::optional<node::Balancer> balancer;
  std::optional<tests::Serving> serving;

  // One address where nobody listens, until list().
  Site() {
    auto made = node::Balancer::listen({"127.0.0.1:0", {"127.0.0.1:1"}, quick()});
    REQUIRE(made);
    balancer = std::move(*made);
    serving.emplace(*balancer);
  }
  void list(const std::vector<std::string>& backends) {
    serving.reset();
    balancer->set_backends(backends);
    serving.emplace(*balancer);
  }
  std::unique_ptr<tests::Visitor> visitor() const { return std::make_unique<tests::Visitor>(balancer->port()); }
  // A connection through the API server of this name.
  std::unique_ptr<tests::Visitor> visitor_of(const std::string& name) const;
  static void wait(int milliseconds) { std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds)); }
};

// The name of the API server that answers; "" if the connection has ended.
std::string who(tests::Visitor& visitor) {
  if (!visitor.say("who?\n")) return "";
  const auto answer = visitor.hear("\n", kLong);
  return answer.empty() ? "" : answer.substr(0, answer.size() - 1);
}

std::unique_ptr<tests::Visitor> Site::visitor_of(const std::string& name) const {
  std::vector<std::unique_ptr<tests::Visitor>> others;
  for (int i = 0; i < 200; ++i) {
    auto one = visitor();
    const auto answers = who(*one);
    if (answers == name) return one;
    // Those that stay make the next one likely; after a while one waits for the balancer's next question.
    if (others.size() < 10)
      others.push_back(std::move(one));
    else
      wait(50);
  }
  FAIL(name << " is never chosen");
  return nullptr;
}

// An API server that says of /readyz what it is told to, and its name to whoever asks anything else.
class ReadyApi {
 public:
  ReadyApi(const tests::Authority& authority, const std::string& name) {
    http::ServerOptions options;
    options.tls = authority.identity(tests::kLoopback, "");
    auto made = http::Server::start(std::move(options), [this, name](const http::Request& request) {
      if (request.path != "/readyz") return http::Response{200, {}, "text/plain", name, {}};
      if (++questions % 2 == 0 && is_slow) std::this_thread::sleep_for(std::chrono::milliseconds(2'500));
      return http::Response{readyz, {}, "text/plain", "[-]etcd failed: reason withheld\n", {}};
    });
    REQUIRE(made);
    server = std::move(*made);
  }
  std::string address() const { return base::format("127.0.0.1:{}", server->port()); }
  // Until the answer is another one for sure, and has been taken.
  void say(int status) {
    readyz = status;
    const int before = questions;
    const auto end = std::chrono::steady_clock::now() + kLong;
    while (questions < before + 5 && std::chrono::steady_clock::now() < end)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  std::atomic<int> readyz = 200, questions = 0;
  std::atomic<bool> is_slow = false;  // with each second question
  std::unique_ptr<http::Server> server;
};

struct ReadySite {
  tests::Authority authority;
  ReadyApi a{authority, "a"}, b{authority, "b"};
  std::optional<node::Balancer> balancer;
  std::optional<tests::Serving> serving;

  explicit ReadySite(int readyz = 200) {
    a.readyz = b.readyz = readyz;
    auto limits = quick();
    limits.health.answers_to_trust = 100'000;  // never, but for being ready
    auto made = node::Balancer::listen({"127.0.0.1:0", {a.address(), b.address()}, limits});
    REQUIRE(made);
    balancer = std::move(*made);
    serving.emplace(*balancer);
  }
  std::unique_ptr<http::Client> client() const {
    return std::make_unique<http::Client>(http::Origin{"https", "127.0.0.1", balancer->port()},
                                          http::ClientOptions{authority.certificate, "", Secret()});
  }
  static std::string who(http::Client& client) {
    const auto reply = client.get("/", {});
    return reply ? reply->text : reply.error().text();
  }
  // Of so many connections at once, which share them.
  std::string all() const {
    std::vector<std::unique_ptr<http::Client>> clients;
    std::set<std::string> names;
    for (int i = 0; i < 4; ++i) names.insert(who(*clients.emplace_back(client())));
    return base::join(std::vector(names.begin(), names.end()), ",");
  }
};

}  // namespace

TEST_CASE(
    "balancer: an API server that is not ready gets no connection and keeps those that it has, until it is ready") {
  ReadySite site;
  std::vector<std::unique_ptr<http::Client>> before;
  std::set<std::string> names;
  for (int i = 0; i < 4; ++i) names.insert(ReadySite::who(*before.emplace_back(site.client())));
  CHECK(names == std::set<std::string>{"a", "b"});
  for (const int status : {500, 503, 403}) {
    INFO(status);
    site.a.say(status);
    CHECK(site.all() == "b");
    names.clear();
    for (auto& client : before) names.insert(ReadySite::who(*client));
    CHECK(names == std::set<std::string>{"a", "b"});
  }
  site.a.say(500);
  site.b.say(500);
  CHECK(site.all() == "a,b");
  site.a.say(200);
  CHECK(site.all() == "a");
  site.b.say(200);
  CHECK(site.all() == "a,b");
}

TEST_CASE("balancer: API servers that let no stranger ask are asked all the same, and used") {
  ReadySite site(401);
  CHECK(site.all() == "a,b");
  site.a.say(401);
  site.b.say(401);
  CHECK(site.all() == "a,b");
  site.b.server->stop();
  const auto end = std::chrono::steady_clock::now() + kLong;
  while (site.all() != "a" && std::chrono::steady_clock::now() < end) Site::wait(20);
  CHECK(site.all() == "a");
}

TEST_CASE("balancer: an answer that is lost on the connection that is kept is asked for on a new one") {
  ReadySite site;
  site.a.is_slow = true;
  site.a.say(200);
  CHECK(site.all() == "a,b");
}

TEST_CASE("balancer: connections of an API server that ends are closed, nobody is sent to it, and it comes back") {
  Site site;
  site.list({site.a.address(), site.b.address()});
  auto on_a = site.visitor_of("a"), on_b = site.visitor_of("b");
  site.a.refuse(true);
  CHECK(on_a->is_closed(kLong));
  for (int i = 0; i < 10; ++i) CHECK(who(*site.visitor()) == "b");
  CHECK(who(*on_b) == "b");
  site.a.refuse(false);
  CHECK(who(*site.visitor_of("a")) == "a");
  CHECK(who(*on_b) == "b");
}

TEST_CASE("balancer: an API server that hangs is the same as one that has ended") {
  Site site;
  site.list({site.a.address(), site.b.address()});
  auto on_a = site.visitor_of("a");
  site.a.hang(true);
  CHECK(on_a->is_closed(kLong));
  for (int i = 0; i < 10; ++i) CHECK(who(*site.visitor()) == "b");
  site.a.hang(false);
  CHECK(who(*site.visitor_of("a")) == "a");
}

TEST_CASE("balancer: a connection whose API server has not taken it goes on to another one") {
  Site site;
  // Full: who comes is ignored, as by a host without power.
  const tests::Listener full(0);
  const tests::Visitor in_the_queue(full.port());
  site.list({base::format("127.0.0.1:{}", full.port()), site.b.address()});
  for (int i = 0; i < 5; ++i) CHECK(who(*site.visitor()) == "b");
}

TEST_CASE("balancer: the only API server is not asked, and keeps its connections whatever it does") {
  Site site;
  site.list({site.a.address()});
  auto on_a = site.visitor_of("a");
  site.a.refuse(true);
  CHECK_FALSE(on_a->is_closed(std::chrono::milliseconds(500)));
  CHECK(who(*on_a) == "a");
  CHECK(site.a.questions() == 0);
}

TEST_CASE("balancer: if all are dead, connections stay, and each is tried") {
  Site site;
  site.list({site.a.address(), "127.0.0.1:1"});
  auto on_a = site.visitor_of("a");
  site.a.refuse(true);
  CHECK_FALSE(on_a->is_closed(std::chrono::milliseconds(500)));
  CHECK(who(*on_a) == "a");
  CHECK(who(*site.visitor()).empty());
  site.a.refuse(false);
  CHECK(who(*site.visitor_of("a")) == "a");
  CHECK(who(*on_a) == "a");
}

TEST_CASE("balancer: a new list ends no connection; one to a server that has left it ends when that dies") {
  Site site;
  site.list({site.a.address(), site.b.address()});
  auto on_a = site.visitor_of("a"), on_b = site.visitor_of("b");
  site.list({site.b.address(), site.c.address()});
  CHECK(who(*on_a) == "a");
  CHECK(who(*on_b) == "b");
  for (int i = 0; i < 10; ++i) CHECK(who(*site.visitor()) != "a");
  CHECK(who(*site.visitor_of("c")) == "c");
  CHECK_FALSE(on_a->is_closed(std::chrono::milliseconds(300)));
  CHECK(who(*on_a) == "a");
  site.a.hang(true);
  CHECK(on_a->is_closed(kLong));
  CHECK(who(*on_b) == "b");
  site.a.hang(false);
}

TEST_CASE("balancer: connections spread over all API servers") {
  Site site;
  site.list({site.a.address(), site.b.address(), site.c.address()});
  // Until each is trusted, and none is preferred for being so a moment sooner.
  for (const auto* api : {&site.a, &site.b, &site.c}) {
    while (api->questions() < 5) Site::wait(5);
  }
  std::vector<std::unique_ptr<tests::Visitor>> visitors;
  std::map<std::string, int> count;
  for (int i = 0; i < 9; ++i) {
    visitors.push_back(site.visitor());
    ++count[who(*visitors.back())];
  }
  CHECK(count == std::map<std::string, int>{{"a", 3}, {"b", 3}, {"c", 3}});
}
