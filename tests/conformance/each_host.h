// SPDX-License-Identifier: Apache-2.0
//
// Each implementation of host::Host, rooted in its own folder, for the suites that all of them must pass: LocalHost,
// RemoteHost over a socket to an agent that serves such a LocalHost, and the fake used by the steps' tests.
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "payload/base/fd.h"
#include "payload/base/thread.h"
#include "runtime/agent/agent_server.h"
#include "runtime/agent/remote_host.h"
#include "runtime/host/local_host.h"
#include "tests/support/fake_host.h"

namespace sealift::tests {

inline const host::Reason kReason{"step.one", "aa"};

inline host::FileSpec own(uint32_t mode) { return {mode, ::geteuid(), ::getegid()}; }

struct Local {
  explicit Local(const std::string& root, const host::MachinePaths& machine = {}) {
    auto opened = host::LocalHost::open(root, base::system_clock(), machine);
    REQUIRE(opened);
    host = std::move(*opened);
  }
  std::unique_ptr<host::Host> host;
};

// The agent's side runs in a thread of this program.
struct Remote {
  explicit Remote(const std::string& root, const host::MachinePaths& machine = {}) {
    auto opened = host::LocalHost::open(root, base::system_clock(), machine);
    REQUIRE(opened);
    served = std::move(*opened);
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
    caller = base::Fd(ends[0]);
    agent_end = base::Fd(ends[1]);
    auto started = Thread::start([this] {
      agent::AgentOptions options;
      options.lock_folder.clear();
      (void)agent::serve_agent(agent_end.get(), agent_end.get(), *served, options);
      ::shutdown(agent_end.get(), SHUT_RDWR);
    });
    REQUIRE(started);
    agent = std::move(*started);
    source.emplace(caller.get());
    sink.emplace(caller.get());
    auto connected = agent::RemoteHost::connect({*source, *sink, [this] { hang_up(); }, nullptr}, base::system_clock());
    REQUIRE(connected);
    host = std::move(*connected);
  }
  ~Remote() {
    host.reset();
    agent.join();
  }
  void hang_up() const { ::shutdown(caller.get(), SHUT_WR); }  // this ends the agent and its side
  base::Fd caller, agent_end;
  std::optional<base::FdSource> source;
  std::optional<base::FdSink> sink;
  std::unique_ptr<host::LocalHost> served;
  Thread agent;
  std::unique_ptr<host::Host> host;
};

// One machine per folder; the folder only gives it its name.
struct Fake {
  explicit Fake(const std::string& root) {
    static std::map<std::string, std::unique_ptr<tests::FakeMachine>> machines;
    auto& machine = machines[root];
    if (!machine) machine = std::make_unique<tests::FakeMachine>(root);
    host = std::make_unique<tests::FakeHost>(*machine);
  }
  std::unique_ptr<host::Host> host;
};

inline Result<void> write(host::Host& host, const std::string& path, std::string_view text,
                          host::FileSpec spec = own(0644)) {
  base::MemorySource source(base::as_bytes(text));
  return host.write_atomic(path, spec, source, kReason);
}

inline std::string read(host::Host& host, const std::string& path) {
  const auto bytes = host.read(path, 1 << 20);
  REQUIRE(bytes);
  REQUIRE(*bytes);
  return std::string(base::as_text(**bytes));
}

// Waits for another thread or process.
inline bool soon(const std::function<bool()>& ready) {
  for (int i = 0; i < 400 && !ready(); ++i) base::system_clock().sleep(Duration{50});
  return ready();
}

}  // namespace sealift::tests
