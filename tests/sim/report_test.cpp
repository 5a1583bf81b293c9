// SPDX-License-Identifier: Apache-2.0
//
// The acceptance report of whole sites, made as `report -o` makes it: with what was delivered, how it went and how the
// cluster is; of a site that has secrets none.
#include "payload/base/format.h"
#include "runtime/report/acceptance.h"

#include <catch2/catch_test_macros.hpp>

#include "runtime/delivery/records.h"
#include "tests/sim/checked_site.h"
#include "tests/support/temporary_folder.h"

using namespace sealift;
using namespace sealift::sim;
using Standing = report::Acceptance::Standing;

namespace {

constexpr std::string_view kCanary = "kanarienvogel";

struct Reported {
  CheckedSite site;
  tests::TemporaryFolder state;

  explicit Reported(size_t hosts, size_t control_planes = 1) : site(hosts, control_planes) {
    auto& redis = site.site.config.applications.front();
    redis.values_yaml = base::format("replicas: 1\nauth: {{password: {}-1}}\n", kCanary);
    redis.values_file_yaml = base::format("token: {}-2\n", kCanary);
  }
  void deliver() {
    engine::RunHeader run{"apply", site.site.config.name, {}, site.site.payload().identity(), "shop 1.0"};
    auto journal = engine::FileJournal::open(state.path(), run, site.clock);
    REQUIRE(journal);
    site.deliver(journal->get());
    (*journal)->finish(nullptr);
  }
  report::Acceptance report() {
    auto found = site.check();
    const auto& look = site.checker->look();
    auto history = look ? delivery::history(*site.input) : std::vector<steps::HistoryEntry>{};
    auto out = report::make_acceptance({.contents = site.site.payload().contents(),
                                        .identity = site.site.payload().identity().text(),
                                        .payload_bytes = site.site.payload().payload_size(),
                                        .config = site.site.config,
                                        .look = look ? &*look : nullptr,
                                        .found = std::move(found),
                                        .waivers = {},
                                        .journal = engine::read_journal(state.path()),
                                        .history = std::move(history),
                                        .title = "Acceptance report",
                                        .by = "ops@laptop",
                                        .now = site.clock.now(),
                                        .took = {}});
    if (!out) FAIL(out.error().text());
    return std::move(*out);
  }
};

std::vector<std::string> written(const report::Acceptance& acceptance) {
  return {report::to_html(acceptance), report::to_json(acceptance), report::to_junit(acceptance)};
}

}  // namespace

TEST_CASE("report: of a delivered site it has all hosts, applications, checks and the delivery, and no secret") {
  Reported site(5, 3);
  site.deliver();
  const auto acceptance = site.report();
  CHECK(acceptance.is_delivered);
  CHECK(acceptance.count(Standing::fail) == 0);
  std::vector<std::string> hosts, apps;
  for (const auto& host : acceptance.hosts) {
    hosts.push_back(host.name);
    CHECK(host.away.empty());
    CHECK(host.done > 0);
    CHECK(host.not_done == 0);
    CHECK(host.standing == Standing::ok);
  }
  CHECK(hosts == std::vector<std::string>{"h0", "h1", "h2", "h3", "h4"});
  for (const auto& app : acceptance.applications) {
    apps.push_back(app.name);
    CHECK(app.standing == Standing::ok);
    CHECK(app.status == "done");
  }
  CHECK(apps == std::vector<std::string>{"flannel", "hello", "redis"});
  CHECK(acceptance.checks.size() == site.site.check().size());
  REQUIRE(acceptance.journal.delivery);
  CHECK(acceptance.journal.delivery->command == "apply");
  CHECK(acceptance.journal.delivery->result == "complete");
  REQUIRE(acceptance.history.size() == 1);
  CHECK(acceptance.history.front().apps.size() == 3);
  CHECK(acceptance.no_history.empty());
  for (const auto& text : written(acceptance)) {
    CHECK_FALSE(text.contains(kCanary));
    for (const auto* id : {"host.answers", "mirror.images", "app.healthy", "drift.files", "etcd.answers"})
      CHECK(text.contains(id));
    for (const auto& host : hosts) CHECK(text.contains(host));
    for (const auto& app : apps) CHECK(text.contains(app));
  }
}

TEST_CASE("report: a host that is away and an application that was deleted fail, each with what to do") {
  Reported site(3);
  site.deliver();
  site.site.site.machine(2).set_reachable(false);
  site.site.site.cluster.lose_object("Deployment/redis");
  const auto acceptance = site.report();
  CHECK(acceptance.count(Standing::fail) == 2);
  REQUIRE(acceptance.hosts.size() == 3);
  CHECK_FALSE(acceptance.hosts[2].away.empty());
  CHECK(acceptance.hosts[2].standing == Standing::fail);
  for (const auto& check : acceptance.checks) {
    if (check.standing == Standing::fail) CHECK_FALSE(check.remedy.empty());
  }
  const auto redis = std::ranges::find(acceptance.applications, "redis", &report::Acceptance::Application::name);
  REQUIRE(redis != acceptance.applications.end());
  CHECK(redis->standing == Standing::fail);
  for (const auto& text : written(acceptance)) {
    CHECK(text.contains("Deployment store/redis is not there"));
    CHECK_FALSE(text.contains(kCanary));
  }
}

TEST_CASE("report: before the delivery it is of the preflight") {
  Reported site(2);
  const auto acceptance = site.report();
  CHECK_FALSE(acceptance.is_delivered);
  CHECK_FALSE(acceptance.journal.delivery);
  CHECK(acceptance.history.empty());
  CHECK(acceptance.hosts.size() == 2);
  for (const auto& text : written(acceptance)) CHECK_FALSE(text.contains(kCanary));
}
