// SPDX-License-Identifier: Apache-2.0
#include "runtime/engine/connections.h"

#include <catch2/catch_test_macros.hpp>
#include <thread>
#include <vector>

#include "tests/support/fake_host.h"

using namespace sealift;
using engine::ConnectionPool;
using tests::FakeMachine;

namespace {

// A machine that allows only one connection at a time, like an agent's lock.
struct Locked {
  FakeMachine machine{"a"};
  std::atomic<int> alive = 0, most = 0, connects = 0;
  ConnectionPool pool{[this](const std::string&, const CancelToken&) -> Result<std::shared_ptr<host::Host>> {
    ++connects;
    SEALIFT_ASSIGN(auto made, tests::connect_fake(machine));
    most = std::max(most.load(), ++alive);
    return std::shared_ptr<host::Host>(made.release(), [this](host::Host* host) {
      --alive;
      delete host;
    });
  }};
  Result<std::shared_ptr<host::Host>> get(const host::Host* broken = nullptr) {
    return pool.connection("a", broken, {});
  }
  // Breaks the connection; the pool does not know it yet.
  void cut() {
    machine.set_reachable(false);
    machine.set_reachable(true);
  }
};

}  // namespace

TEST_CASE("the old connection ends before a new one asks for the host") {
  Locked locked;
  const host::Host* old = locked.get()->get();
  locked.cut();
  const auto fresh = locked.get(old);
  REQUIRE(fresh);
  CHECK((*fresh)->stat("/"));
  CHECK(locked.connects == 2);
  CHECK(locked.most == 1);
}

TEST_CASE("a host that can't be reached any more keeps no dead connection") {
  Locked locked;
  const host::Host* old = locked.get()->get();
  locked.machine.set_reachable(false);
  const auto gone = locked.get(old);
  REQUIRE_FALSE(gone);
  CHECK(gone.error().code == ErrorCode::unreachable);
  CHECK(locked.alive == 0);
  locked.machine.set_reachable(true);
  CHECK(locked.get());
  CHECK(locked.connects == 3);
}

TEST_CASE("a connection that answers stays, whoever suspects it") {
  Locked locked;
  const host::Host* first = locked.get()->get();
  CHECK(locked.get()->get() == first);
  CHECK(locked.get(first)->get() == first);
  locked.pool.doubt_all();
  CHECK(locked.get()->get() == first);
  CHECK(locked.connects == 1);
}

TEST_CASE("after something was unreachable each connection is asked before it is handed out, once") {
  Locked locked;
  locked.get();
  locked.cut();
  CHECK_FALSE((*locked.get())->stat("/"));  // not suspected yet
  locked.pool.doubt_all();
  CHECK((*locked.get())->stat("/"));
  CHECK(locked.connects == 2);
  const uint64_t calls = locked.machine.calls();
  locked.get();
  CHECK(locked.machine.calls() == calls);
}

TEST_CASE("a connection from before is used, not made again") {
  Locked locked;
  auto made = tests::connect_fake(locked.machine);
  REQUIRE(made);
  const std::shared_ptr<host::Host> before = std::move(*made);
  locked.pool.adopt("a", before);
  CHECK(*locked.get() == before);
  CHECK(locked.connects == 0);
}

TEST_CASE("many threads that want one host share one connection") {
  Locked locked;
  std::atomic<int> good = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        if (locked.get()) ++good;
      });
    }
  }
  CHECK(good == 8);
  CHECK(locked.connects == 1);
}

TEST_CASE("nobody connects after the run was stopped") {
  Locked locked;
  CancelSource stopped;
  stopped.cancel();
  const auto refused = locked.pool.connection("a", nullptr, stopped.token());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::cancelled);
  CHECK(locked.connects == 0);
}
