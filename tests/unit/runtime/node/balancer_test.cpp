// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/balancer.h"

#include <catch2/catch_test_macros.hpp>
#include <atomic>
#include <thread>

#include "payload/http/client.h"
#include "payload/http/server.h"

using namespace sealift;

namespace {

std::unique_ptr<http::Server> backend(std::string name) {
  auto server = http::Server::start({}, [name](const http::Request&) { return http::Response{200, {}, "text/plain", name, {}}; });
  REQUIRE(server);
  return std::move(*server);
}

std::string ask(uint16_t port) {
  http::Client client({"http", "127.0.0.1", port}, {});
  const auto reply = client.get("/", {});
  return reply ? reply->text : "error: " + reply.error().text();
}

// Serves in a thread until the object goes.
class Serving {
 public:
  explicit Serving(node::Balancer& balancer) : thread_([this, &balancer] { (void)balancer.serve(600'000, cancel_.token()); }) {}
  ~Serving() {
    cancel_.cancel();
    thread_.join();
  }

 private:
  CancelSource cancel_;
  std::thread thread_;
};

}  // namespace

TEST_CASE("connections go to a backend that answers") {
  auto one = backend("one");
  node::BalancerConfig config{"127.0.0.1:0", {"127.0.0.1:1", std::format("127.0.0.1:{}", one->port())}};
  auto balancer = node::Balancer::listen(config);
  REQUIRE(balancer);
  {
    const Serving serving(*balancer);
    for (int i = 0; i < 20; ++i) CHECK(ask(balancer->port()) == "one");
  }
  auto two = backend("two");
  one->stop();
  balancer->set_backends({std::format("127.0.0.1:{}", one->port()), std::format("127.0.0.1:{}", two->port())});
  const Serving serving(*balancer);
  CHECK(ask(balancer->port()) == "two");
}

TEST_CASE("large bodies pass whole, many at once") {
  const std::string body(5'000'000, 'x');
  auto server = http::Server::start({}, [&](const http::Request&) { return http::Response{200, {}, "text/plain", body.substr(0, 3'000'000), {}}; });
  REQUIRE(server);
  auto balancer = node::Balancer::listen({"127.0.0.1:0", {std::format("127.0.0.1:{}", (*server)->port())}});
  REQUIRE(balancer);
  const Serving serving(*balancer);
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
