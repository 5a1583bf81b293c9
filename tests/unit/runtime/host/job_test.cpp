// SPDX-License-Identifier: Apache-2.0
//
// Jobs on a machine whose systemd is scripts: the unit runs this test program, see program_test.cpp.
#include <catch2/catch_test_macros.hpp>

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <functional>

#include "payload/base/thread.h"
#include "runtime/host/local_host.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_systemd.h"

using namespace sealift;
using host::Reason;

namespace {

constexpr const char* kUnit = "sealift-test";

struct Machine {
  explicit Machine(Clock& clock = base::system_clock()) {
    auto opened = host::LocalHost::open(root.path(), clock, systemd.paths());
    REQUIRE(opened);
    host = std::move(*opened);
  }
  static base::Command sh(const std::string& script) { return {{"sh", "-c", script}, {}, "/", {}}; }
  Result<base::ExitStatus> run(const base::Command& command, const std::string& inputs = "1",
                               const CancelToken& cancel = {}) const {
    return host->run_job(kUnit, command, Reason{"step", inputs}, cancel);
  }
  // Starts a job and disconnects while it runs.
  void begin(const base::Command& command, const std::string& inputs = "1") const {
    CancelSource cancel;
    auto waiting = Thread::start([&] {
      const auto left = run(command, inputs, cancel.token());
      gone = !left && left.error().code == ErrorCode::cancelled;
    });
    REQUIRE(waiting);
    until([&] { return std::filesystem::exists(root / "begun"); });
    cancel.cancel();
    waiting->join();
    REQUIRE(gone);
  }
  static void until(const std::function<bool()>& ready) {
    for (int i = 0; i < 600 && !ready(); ++i) base::system_clock().sleep(Duration{50});
    REQUIRE(ready());
  }
  std::ptrdiff_t starts() const {
    return std::ranges::count_if(systemd.calls(),
                                 [](const std::string& call) { return call.starts_with("systemd-run"); });
  }

  tests::TemporaryFolder root;
  tests::FakeSystemd systemd;
  std::unique_ptr<host::LocalHost> host;
  mutable bool gone = false;
};

}  // namespace

TEST_CASE("a job gives its code, both streams, and leaves nothing behind") {
  const Machine machine;
  const auto said = machine.run({{"sh", "-c", "echo out $X; echo err >&2; exit 3"}, {"X=1"}, "/", {}});
  INFO((said ? "" : said.error().text()));
  REQUIRE(said);
  CHECK(said->code == 3);
  CHECK(said->output == "out 1\n");
  CHECK(said->errors == "err\n");
  CHECK_FALSE(std::filesystem::exists(machine.systemd.job(kUnit)));
  const auto ledger = machine.host->ledger();
  REQUIRE(ledger);
  const auto* run = std::get_if<host::CommandRun>(&ledger->front().change);
  REQUIRE(run);
  CHECK(run->unit == kUnit);
}

TEST_CASE("what a job runs and prints is root's to read only") {
  const Machine machine;
  machine.begin(Machine::sh("touch " + (machine.root / "begun") + "; sleep 1"));
  const std::string folder = machine.systemd.job(kUnit);
  const auto mode = [](const std::string& path) {
    struct stat status{};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    return status.st_mode & 0777U;
  };
  CHECK(mode(folder.substr(0, folder.rfind('/'))) == 0700);
  CHECK(mode(folder) == 0700);
  CHECK(mode(folder + "/spec.json") == 0600);
  CHECK(mode(folder + "/stdout") == 0600);
  Machine::until([&] { return std::filesystem::exists(folder + "/result.json"); });
  CHECK(mode(folder + "/result.json") == 0600);
}

TEST_CASE("a job goes on when nobody waits for it, and is not run a second time") {
  const Machine machine;
  const auto command = Machine::sh("touch " + (machine.root / "begun") + "; sleep 1; echo once >>" +
                                   (machine.root / "runs") + "; echo done");
  machine.begin(command);
  SECTION("it still runs when the next one comes") {}
  SECTION("it ended in between") {
    Machine::until([&] { return std::filesystem::exists(machine.systemd.job(kUnit) + "/result.json"); });
    Machine::until([&] { return machine.systemd.get("sealift-test.service", "active") == "inactive"; });
  }
  const auto said = machine.run(command);
  REQUIRE(said);
  CHECK(said->output == "done\n");
  CHECK(tests::FakeSystemd::text(machine.root / "runs") == "once");
  CHECK(machine.starts() == 1);
  REQUIRE(machine.run(command));  // its result was taken: this is a new request
  CHECK(tests::FakeSystemd::text(machine.root / "runs") == "once\nonce");
}

TEST_CASE("the result of another wish is not taken for this one's") {
  const Machine machine;
  const auto old = Machine::sh("touch " + (machine.root / "begun") + "; sleep 1; echo old");
  machine.begin(old);
  Machine::until([&] { return std::filesystem::exists(machine.systemd.job(kUnit) + "/result.json"); });
  Machine::until([&] { return machine.systemd.get("sealift-test.service", "active") == "inactive"; });
  SECTION("another command") { CHECK(machine.run(Machine::sh("echo new"))->output == "new\n"); }
  SECTION("the same command for other inputs") {
    REQUIRE(machine.run(old, "2"));
    CHECK(machine.starts() == 2);
  }
}

TEST_CASE("a unit that still runs something else is left alone and named") {
  const Machine machine;
  machine.begin(Machine::sh("touch " + (machine.root / "begun") + "; sleep 1; echo whole >" + (machine.root / "end")));
  const auto other = machine.run(Machine::sh("true"));
  REQUIRE_FALSE(other);
  CHECK(other.error().code == ErrorCode::busy);
  CHECK(other.error().what.contains("sealift-test"));
  CHECK(machine.starts() == 1);
  Machine::until([&] { return tests::FakeSystemd::text(machine.root / "end") == "whole"; });
}

TEST_CASE("a job that is ended from outside is told, not waited for") {
  tests::FakeClock clock;
  const Machine machine(clock);
  Result<base::ExitStatus> said;
  auto command = Machine::sh("touch " + (machine.root / "begun") + "; sleep 5");
  command.timeout = Duration{3'000'000};  // by a clock that runs fast
  auto waiting = Thread::start([&] { said = machine.run(command); });
  REQUIRE(waiting);
  Machine::until([&] { return std::filesystem::exists(machine.root / "begun"); });
  REQUIRE(base::run_checked({{machine.systemd.paths().systemctl, "stop", "--", "sealift-test.service"}, {}, "/", {}}));
  waiting->join();
  REQUIRE_FALSE(said);
  CHECK(said.error().code == ErrorCode::command_failed);
  CHECK(said.error().what.contains("journalctl -u sealift-test"));
  CHECK_FALSE(std::filesystem::exists(machine.systemd.job(kUnit)));
}

TEST_CASE("a job beyond its time limit is stopped") {
  tests::FakeClock clock;
  const Machine machine(clock);
  auto command = Machine::sh("sleep 60");
  command.timeout = Duration{60'000};
  const auto said = machine.run(command);
  REQUIRE_FALSE(said);
  CHECK(said.error().code == ErrorCode::timeout);
  CHECK(std::ranges::contains(machine.systemd.calls(), "systemctl stop -- sealift-test.service"));
  CHECK_FALSE(std::filesystem::exists(machine.systemd.job(kUnit)));
}

TEST_CASE("a job whose program is not there says so") {
  const Machine machine;
  const auto said = machine.run({{"/no/such/program"}, {}, "/", {}});
  REQUIRE_FALSE(said);
  CHECK(said.error().code == ErrorCode::not_found);
}

TEST_CASE("a job that prints without end does not fill /run") {
  const Machine machine;
  const auto said = machine.run(Machine::sh("head -c 9000000 /dev/zero; echo end >&2"));
  REQUIRE(said);
  CHECK(said->output.size() == size_t{8} << 20);
  CHECK(said->errors == "end\n");
}

TEST_CASE("a machine without systemd says so") {
  const tests::TemporaryFolder root;
  host::MachinePaths machine;
  machine.systemctl = "/no/systemctl";
  auto host = host::LocalHost::open(root.path(), base::system_clock(), machine);
  REQUIRE(host);
  const auto said = (*host)->run_job(kUnit, Machine::sh("true"), {"step", ""}, {});
  REQUIRE_FALSE(said);
  CHECK(said.error().code == ErrorCode::not_found);
  CHECK(said.error().what.contains("/no/systemctl"));
}
