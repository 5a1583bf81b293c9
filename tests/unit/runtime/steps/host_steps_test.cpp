// SPDX-License-Identifier: Apache-2.0
// Steps that configure one host: they check before they change, change only what differs, and do nothing twice.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "runtime/steps/files.h"
#include "runtime/steps/kernel_step.h"
#include "runtime/steps/units.h"
#include "tests/unit/runtime/steps/bench.h"

using namespace sealift;
using steps::WantedUnit;
using tests::Bench;

namespace {

steps::FilesStep files(std::vector<std::pair<std::string, std::string>> wanted, uint32_t mode = 0644) {
  std::vector<steps::WantedFile> out;
  for (auto& [path, text] : wanted) out.push_back(steps::text_file(path, text, mode));
  return {"files.test", "put files", std::move(out)};
}

}  // namespace

TEST_CASE("files: what differs is written, the rest is left alone") {
  Bench bench;
  auto step = files({{"/etc/a/one", "1"}, {"/etc/a/two", "2"}, {"/opt/three", "3"}});
  bench.bring(step);
  CHECK(bench.text("/etc/a/two") == "2");
  bench.machine.changes.clear();
  bench.machine.world.files["/etc/a/two"].content = base::to_bytes("edited");
  bench.machine.world.files["/opt/three"].spec.mode = 0600;
  bench.bring(step);
  CHECK(bench.machine.changes.size() == 2);
  CHECK(bench.changed("/etc/a/one") == 0);
  CHECK(bench.machine.world.files.at("/opt/three").spec.mode == 0644);
}

TEST_CASE("files: other bytes of the same number are seen") {
  Bench bench;
  auto step = files({{"/etc/a/one", "port 1"}});
  bench.bring(step);
  bench.machine.world.files["/etc/a/one"].content = base::to_bytes("port 2");
  bench.bring(step);
  CHECK(bench.text("/etc/a/one") == "port 1");
}

TEST_CASE("files: other contents or modes are other inputs") {
  const auto inputs = [](const std::string& text, uint32_t mode) { return files({{"/etc/a", text}}, mode).inputs(); };
  CHECK(inputs("1", 0644) == inputs("1", 0644));
  CHECK(inputs("1", 0644) != inputs("2", 0644));
  CHECK(inputs("1", 0644) != inputs("1", 0600));
}

TEST_CASE("files: a disk that is full is told with path and host, and ends the rest") {
  Bench bench;
  bench.machine.before_change = [](const std::string&, const std::string& target) -> Result<void> {
    if (target == "/opt/big") return fail(ErrorCode::no_space, "no space left on device");
    return {};
  };
  std::vector<std::pair<std::string, std::string>> many{{"/opt/big", "x"}};
  for (int i = 0; i < 200; ++i) many.emplace_back("/opt/" + std::to_string(i), "y");
  auto step = files(std::move(many));
  const auto done = bench.apply(step);
  REQUIRE_FALSE(done);
  CHECK(done.error().code == ErrorCode::no_space);
  CHECK(done.error().text().contains("/opt/big on h1"));
  CHECK(bench.machine.world.files.size() < 150);
}

TEST_CASE("files: a cancelled step says so, and goes on where it was") {
  Bench bench;
  CancelSource cancel;
  bench.machine.before_change = [&](const std::string&, const std::string& target) -> Result<void> {
    if (target == "/opt/5") cancel.cancel();
    return {};
  };
  std::vector<std::pair<std::string, std::string>> many;
  for (int i = 0; i < 100; ++i) many.emplace_back("/opt/" + std::to_string(i), "y");
  auto step = files(std::move(many));
  const auto stopped = bench.apply(step, cancel.token());
  REQUIRE_FALSE(stopped);
  CHECK(stopped.error().code == ErrorCode::cancelled);
  bench.machine.before_change = {};
  const size_t before = bench.changed("write");
  bench.bring(step);
  CHECK(bench.changed("write") == 100);
  CHECK(before < 100);
}

TEST_CASE("kernel: modules and sysctls, now and after the next boot") {
  Bench bench;
  steps::KernelStep step({"overlay", "br_netfilter"}, {{"net.ipv4.ip_forward", "1"}});
  bench.bring(step);
  CHECK(bench.machine.world.modules == std::set<std::string>{"br_netfilter", "overlay"});
  CHECK(bench.machine.world.sysctls.at("net.ipv4.ip_forward") == "1");
  const auto persistent = [&](std::string_view text) {
    return std::ranges::any_of(bench.machine.world.files,
                               [&](const auto& file) { return base::as_text(file.second.content).contains(text); });
  };
  CHECK(persistent("br_netfilter"));
  CHECK(persistent("net.ipv4.ip_forward"));
  // somebody resets it: detected and corrected
  bench.machine.world.sysctls["net.ipv4.ip_forward"] = "0";
  bench.bring(step);
  // as read from /proc/sys
  bench.machine.world.sysctls["net.ipv4.ip_forward"] = "1\n";
  CHECK(bench.check(step) == engine::StepState::done);
}

TEST_CASE("kernel: modules come first, as some sysctls are there only with them") {
  Bench bench;
  bench.machine.before_change = [&](const std::string& call, const std::string&) -> Result<void> {
    if (call == "sysctl" && !bench.machine.world.modules.contains("br_netfilter"))
      return fail(ErrorCode::not_found, "no such sysctl");
    return {};
  };
  steps::KernelStep step({"br_netfilter"}, {{"net.bridge.bridge-nf-call-iptables", "1"}});
  bench.bring(step);
}

TEST_CASE("units: enabled and running; restarted when what they read has changed, and only then") {
  Bench bench;
  bench.machine.world.units["a.service"] = {};
  bench.machine.world.units["b.service"] = {};
  const std::vector<WantedUnit> wanted{{"a.service"}, {"b.service", WantedUnit::Want::enabled}};
  steps::UnitsStep step("units.test", "start units", wanted, hash::sha256(base::as_bytes("one")));
  bench.bring(step);
  CHECK((bench.machine.world.units.at("a.service").active && bench.machine.world.units.at("a.service").enabled));
  CHECK((!bench.machine.world.units.at("b.service").active && bench.machine.world.units.at("b.service").enabled));
  bench.machine.changes.clear();
  steps::UnitsStep other("units.test", "start units", wanted, hash::sha256(base::as_bytes("two")));
  bench.bring(other);
  CHECK(bench.changed("a.service") > 0);
  // a dead one is started again
  bench.machine.world.units["a.service"].active = false;
  bench.bring(other);
}

TEST_CASE("units: systemd reads its files anew before anything is started") {
  Bench bench;
  steps::UnitsStep step("units.test", "start units", {{"a.service"}}, hash::sha256(base::as_bytes("one")));
  bench.put("/etc/systemd/system/a.service", "[Service]");
  bench.bring(step);
  REQUIRE(bench.machine.changes.size() > 1);
  CHECK(bench.machine.changes.front().starts_with("daemon-reload"));
}

TEST_CASE("reload: a running service reads its changed configuration and goes on; one that is down is started") {
  Bench bench;
  bench.machine.unit_reads = {{"a.service", {"/etc/a.json"}}};
  bench.machine.world.units["a.service"] = {true, true, false};
  bench.put("/etc/a.json", "one");
  const auto step = [](std::string_view text) {
    return steps::ReloadStep("reload.a", "tell a", "a.service", hash::sha256(base::as_bytes(text)));
  };
  auto one = step("one"), two = step("two");
  bench.bring(one);
  CHECK(bench.change("a.service") == "reload a.service");
  bench.put("/etc/a.json", "two");
  bench.bring(two);
  CHECK(bench.changed("reload a.service") == 2);
  CHECK(bench.changed("start") == 0);
  CHECK(bench.machine.world.units.at("a.service").runs_with.at("/etc/a.json") == base::to_bytes("two"));
  bench.machine.world.units["a.service"].active = false;
  bench.bring(one);
  CHECK(bench.machine.world.units.at("a.service").active);
}

TEST_CASE("reload: one that was written but not told is told again, also if it is the former one") {
  Bench bench;
  bench.machine.world.units["a.service"] = {true, true, false};
  steps::ReloadStep step("reload.a", "tell a", "a.service", hash::sha256(base::as_bytes("one")));
  bench.bring(step);
  bench.machine.before_change = [](const std::string& call, const std::string&) -> Result<void> {
    if (call == "reload") return fail(ErrorCode::command_failed, "it did not");
    return {};
  };
  const auto failed = bench.apply(step);
  REQUIRE_FALSE(failed);
  CHECK(failed.error().text().contains("journalctl -u a.service"));
  bench.machine.before_change = {};
  bench.bring(step);
}

TEST_CASE("units: one that somebody started by hand is enabled for the next boot") {
  Bench bench;
  bench.machine.world.units["a.service"] = {false, true, false};
  steps::UnitsStep step("units.test", "start units", {{"a.service"}}, hash::sha256(base::as_bytes("one")));
  bench.bring(step);
  CHECK(bench.machine.world.units.at("a.service").enabled);
}
