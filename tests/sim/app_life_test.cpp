// SPDX-License-Identifier: Apache-2.0
//
// What becomes of applications and artifacts on a cluster: taken out, taken back, listed and remembered.
#include <algorithm>

#include "runtime/host/artifact_record.h"
#include "tests/sim/interruptions.h"
#include "tests/sim/living.h"
#include "tests/sim/sample_artifact.h"

using namespace sealift;
using namespace sealift::sim;
using State = delivery::ApplicationOutcome::State;

namespace {

constexpr std::string_view kErpRecord = "/var/lib/sealift/artifacts/erp.json";

// A cluster with two control planes and a worker, of the sample artifact; beside it erp, without files for hosts.
struct Place {
  DeliverySite site{3, 2};
  Place() {
    require_delivered(apply());
    site.take(erp_payload({.file = ""}));
    require_delivered(apply());
  }
  Result<delivery::Outcome> apply() {
    engine::NoJournal journal;
    return site.apply(journal, base::no_events());
  }
  Result<delivery::Outcome> remove(std::vector<std::string> names) {
    engine::NoJournal journal;
    return site.remove_apps(journal, {std::move(names), false}, base::no_events());
  }
  Result<delivery::Outcome> rollback(const std::string& name, std::optional<uint64_t> to = {}) {
    engine::NoJournal journal;
    return site.rollback(journal, {name, to}, base::no_events());
  }
  void refused(const std::vector<std::string>& names, ErrorCode code, const std::string& why) {
    INFO(why);
    const size_t changes = site.changes();
    const auto cluster = site.cluster.state;
    const auto outcome = remove(names);
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error().code == code);
    CHECK(outcome.error().what.contains(why));
    CHECK(site.changes() == changes);
    CHECK((site.cluster.state == cluster));
  }
  bool is_recorded(size_t host, const std::string& app) {
    auto connected = tests::connect_fake(site.machine(host));
    const auto records = host::read_artifact_records(**connected);
    REQUIRE(records);
    return site.machine(host).world.recorded.contains("app." + app) ||
           std::ranges::any_of(*records, [&](const host::ArtifactRecord& record) {
             return std::ranges::contains(record.apps, app, &host::ArtifactRecord::App::name);
           });
  }
  bool is_needed(const std::string& step) {
    const auto plan = site.plan();
    REQUIRE(plan);
    const auto line = std::ranges::find(plan->lines, step, &delivery::PlanLine::step);
    REQUIRE(line != plan->lines.end());
    return line->state != delivery::PlanLine::State::done;
  }
};

void check_erp_gone(Place& place) {
  auto& site = place.site;
  CHECK_FALSE(site.cluster.state.releases.contains("desk"));
  CHECK_FALSE(site.cluster.state.objects.contains("Deployment/erp"));
  CHECK(site.cluster.state.releases.contains("redis"));
  CHECK(site.cluster.state.objects.contains("Deployment/hello"));
  for (size_t host = 0; host < 2; ++host) {
    for (const auto* app : {"erp", "desk"}) CHECK_FALSE(place.is_recorded(host, app));
    const auto& world = site.machine(host).world;
    CHECK_FALSE(world.files.contains(std::string(kErpRecord)));
    CHECK(world.stores.size() == 1);
    CHECK(world.stores.begin()->second.complete);
  }
  CHECK(site.cluster.faults.empty());
}

}  // namespace

TEST_CASE("application life: one is removed, known to nobody any more, and installed again by the next apply") {
  Place place;
  auto& site = place.site;
  site.take(sample_payload());
  const auto outcome = place.remove({"hello"});
  require_delivered(outcome);
  CHECK(outcome->kind == delivery::Outcome::Kind::app_removal);
  REQUIRE(outcome->applications.size() == 1);
  CHECK(outcome->applications.front().state == State::removed);
  CHECK(noted(*outcome, "still selects hello"));
  CHECK_FALSE(site.cluster.state.objects.contains("Deployment/hello"));
  CHECK_FALSE(site.cluster.state.objects.contains("ConfigMap/hello"));
  for (size_t host = 0; host < 2; ++host) CHECK_FALSE(place.is_recorded(host, "hello"));
  CHECK(place.is_recorded(1, "redis"));
  CHECK(place.is_needed("app.hello"));
  CHECK_FALSE(place.is_needed("app.redis"));
  const auto again = place.remove({"hello"});
  require_delivered(again);
  CHECK(again->applied == 0);
  CHECK(noted(*again, "hello is not installed"));
  require_delivered(place.apply());
  CHECK(site.cluster.state.objects.contains("Deployment/hello"));
  again_changes_nothing(site);
}

TEST_CASE("application life: what others need stays, and so does the network; unknown names are told") {
  Place place;
  place.refused({"erp"}, ErrorCode::preflight, "desk needs erp\nRemove them too: --app desk");
  place.refused({"redis"}, ErrorCode::preflight, "hello needs redis");
  place.refused({"flannel"}, ErrorCode::preflight, "flannel is the pod network");
  place.refused({"desk", "hellp"}, ErrorCode::not_found, "did you mean hello?");
  // A site's need of another artifact's application counts too.
  config::ApplicationConfig desk;
  desk.name = "desk";
  desk.needs = {"hello"};
  place.site.config.applications.push_back(desk);
  require_delivered(place.apply());
  place.refused({"hello"}, ErrorCode::preflight, "desk needs hello");
}

TEST_CASE("application life: with an artifact's last application its payload goes from the registry hosts") {
  Place place;
  auto& site = place.site;
  site.take(sample_payload());  // any artifact's program can do it
  auto outcome = place.remove({"desk"});
  require_delivered(outcome);
  CHECK(site.machine(0).world.files.contains(std::string(kErpRecord)));
  CHECK(site.machine(1).world.stores.size() == 2);
  outcome = place.remove({"erp", "erp"});
  require_delivered(outcome);
  CHECK(outcome->applications.size() == 1);
  CHECK(noted(*outcome, "the artifact erp 1.0 has no application left"));
  check_erp_gone(place);
  again_changes_nothing(site);
  // It may come again.
  site.take(erp_payload());
  require_delivered(place.apply());
  CHECK(site.cluster.state.releases.contains("desk"));
  // Files on hosts are still its own when its applications have gone.
  require_delivered(place.remove({"erp", "desk"}));
  CHECK(site.machine(0).world.files.contains(std::string(kErpRecord)));
  CHECK(site.machine(0).world.stores.size() == 2);
}

TEST_CASE("application life: an artifact's record of an earlier version suffices with that artifact in hand") {
  Place place;
  auto& site = place.site;
  for (size_t host = 0; host < 2; ++host) {
    auto& file = site.machine(host).world.files.at(std::string(kErpRecord));
    auto record = host::parse_artifact_record(base::as_text(file.content)).value();
    for (auto& app : record.apps) app = {app.name, app.target_namespace, app.release};
    file.content = base::to_bytes(host::to_text(record));
  }
  site.take(sample_payload());
  place.refused({"desk"}, ErrorCode::unsupported, "--payload");
  site.take(erp_payload({.file = ""}));
  place.refused({"erp"}, ErrorCode::preflight, "desk needs erp");
  require_delivered(place.remove({"erp", "desk"}));
  check_erp_gone(place);
}

TEST_CASE("application life: a removal that is killed at any record is finished by the same command") {
  const auto remove = [](Place& place, engine::Journal& journal, const CancelToken& cancel) {
    return place.site.remove_apps(journal, {{"erp", "desk"}, false}, base::no_events(), cancel);
  };
  const auto after = [](Place& place) {
    require_delivered(place.remove({"erp", "desk"}));
    check_erp_gone(place);
    place.site.take(sample_payload());
    again_changes_nothing(place.site);
    const auto history = place.site.history();
    REQUIRE(history);
    // One that was cut between two applications is noted for both, and then for the second one again.
    REQUIRE((history->size() == 3 || history->size() == 4));
    CHECK(history->at(history->size() - 3).apps.size() == 2);
  };
  Place reference;
  const auto records = records_of(reference, remove);
  kill_at_records(records, [] { return Place(); }, remove, after);
}

TEST_CASE("application life: power cuts and killed programs during a removal") {
  const auto remove = [](Place& place, engine::Journal& journal, const CancelToken& cancel) {
    return place.site.remove_apps(journal, {{"erp", "desk"}, false}, base::no_events(), cancel);
  };
  const auto after = [](Place& place) {
    // After a boot it takes a while until there is an API to be asked.
    auto outcome = place.remove({"erp", "desk"});
    for (int again = 0; again < 10 && !outcome; ++again) {
      CHECK(outcome.error().code == ErrorCode::command_failed);
      outcome = place.remove({"erp", "desk"});
    }
    require_delivered(outcome);
    check_erp_gone(place);
  };
  for (size_t host = 0; host < 2; ++host)
    interrupt_at_changes(kPowerFails, host, [] { return Place(); }, remove, after);
  const auto where = interrupt_at_changes(kProgramIsKilled, 0, [] { return Place(); }, remove, after);
  CHECK(where.contains("inside helm uninstall: objects"));
}

TEST_CASE("application life: a release goes back, and cluster.yaml's version counts as needed again") {
  Place place;
  auto& site = place.site;
  site.take(sample_payload());
  CHECK(place.rollback("redis").error().code == ErrorCode::not_found);  // the first revision
  const auto former = site.cluster.state.releases.at("redis").values;
  site.config.applications.front().values_yaml = "replicas: 2\n";
  require_delivered(place.apply());
  CHECK(site.cluster.state.releases.at("redis").values != former);
  CHECK(place.rollback("redis", 9).error().what.contains("has no revision 9; helm knows 1 (redis-1.0.0, superseded)"));
  CHECK(place.rollback("hello").error().code == ErrorCode::unsupported);
  CHECK(place.rollback("desk").error().code == ErrorCode::not_in_artifact);
  CHECK(place.rollback("redsi").error().what.contains("did you mean redis?"));
  const auto outcome = place.rollback("redis");
  require_delivered(outcome);
  CHECK(outcome->applications.front().state == State::healthy);
  CHECK(site.cluster.state.releases.at("redis").values == former);
  CHECK(place.is_needed("app.redis"));
  // Once more without a delivery between, as after a kill: not forward again.
  require_delivered(place.rollback("redis"));
  CHECK(site.cluster.state.releases.at("redis").values == former);
  require_delivered(place.apply());
  CHECK(site.cluster.state.releases.at("redis").values != former);
  require_delivered(place.rollback("redis", 1));
  CHECK(site.cluster.state.releases.at("redis").values == former);
}

TEST_CASE("application life: the cluster tells which artifacts it has, and what was done to it") {
  Place place;
  auto& site = place.site;
  const auto artifacts = site.artifacts();
  REQUIRE(artifacts);
  REQUIRE(artifacts->size() == 2);
  CHECK(artifacts->front().title() == "shop 3.4");
  CHECK(artifacts->back().title() == "erp 1.0");
  for (const auto& artifact : *artifacts) {
    CHECK(artifact.delivered_by == "ops@laptop");
    CHECK_FALSE(artifact.delivered_at.empty());
  }
  auto history = site.history();
  REQUIRE(history);
  REQUIRE(history->size() == 2);
  CHECK(history->back().joined.size() == 3);
  CHECK(history->back().apps.size() == 3);
  using App = steps::HistoryEntry::App;
  CHECK(history->front().apps == std::vector<App>{{"desk", "installed", "1.0.0"}, {"erp", "installed", ""}});
  CHECK(history->front().result == "complete");
  again_changes_nothing(site);
  CHECK(site.history()->size() == 2);
  site.take(sample_payload());
  site.config.applications.front().values_yaml = "replicas: 2\n";
  require_delivered(place.apply());
  require_delivered(place.remove({"hello"}));
  require_delivered(place.rollback("redis"));
  engine::NoJournal journal;
  require_delivered(site.remove(journal, {.names = {"h2"}}, base::no_events()));
  history = site.history();
  REQUIRE(history->size() == 6);
  CHECK(history->at(3).apps == std::vector<App>{{"redis", "updated", "1.0.0"}});
  CHECK(history->at(2).apps == std::vector<App>{{"hello", "removed", ""}});
  CHECK(history->at(1).apps == std::vector<App>{{"redis", "rolled back", "redis-1.0.0"}});
  CHECK(history->at(0).removed == std::vector<std::string>{"h2"});
  CHECK(history->at(0).by == "ops@laptop");
  require_delivered(site.join(journal, base::no_events()));
  CHECK(site.history()->front().joined == std::vector<std::string>{"h2"});
}
