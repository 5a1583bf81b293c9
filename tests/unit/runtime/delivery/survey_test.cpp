// SPDX-License-Identifier: Apache-2.0
// The first look at a site: which hosts may be left out, and what ends a run before anything is changed.
#include "runtime/delivery/survey.h"

#include <catch2/catch_test_macros.hpp>

#include "runtime/steps/apps.h"
#include "tests/support/fake_charts.h"
#include "tests/unit/runtime/steps/bench.h"

using namespace sealift;

namespace {

// A control plane and a worker, each of which may be unreachable or refuse the login.
struct Look : tests::Site, delivery::HostConnector {
  std::map<std::string, ErrorCode> refused;  // by address
  tests::EventRecorder events;
  tests::FakeCharts charts;

  Look() {
    add_base();
    config.files.push_back({"bridge.conflist", "/etc/cni/net.d/10-bridge.conflist"});
    config.hosts[0].address = "10.7.0.11";
    config.hosts[1].address = "10.7.0.12";
    control_plane.machine.facts.addresses = {{"eth0", "10.7.0.11", 24}};
    worker.machine.facts.addresses = {{"eth0", "10.7.0.12", 24}};
  }

  Result<delivery::Survey> survey() {
    delivery::Input input{model().payload, config, *this, journal_, events, control_plane.clock, {}, charts};
    return delivery::survey(input, host::Purpose::change);
  }
  size_t changes() const { return control_plane.machine.changes.size() + worker.machine.changes.size(); }

  std::vector<delivery::Connection> connect(const std::vector<config::HostConfig>& hosts,
                                            host::Purpose purpose) override {
    std::vector<delivery::Connection> out;
    for (const auto& host : hosts) out.push_back({host.address, reconnect(host, purpose)});
    return out;
  }
  Result<std::unique_ptr<host::Host>> reconnect(const config::HostConfig& host, host::Purpose) override {
    if (const auto found = refused.find(host.address); found != refused.end())
      return fail(found->second, "{} does not let us in", host.address);
    return tests::connect_fake(host.address == "10.7.0.11" ? control_plane.machine : worker.machine);
  }

 private:
  engine::NoJournal journal_;
};

}  // namespace

TEST_CASE("survey: hosts that are as they should be become nodes, the control plane first") {
  Look look;
  std::swap(look.config.hosts[0], look.config.hosts[1]);
  const auto seen = look.survey();
  if (!seen) FAIL(seen.error().text());
  CHECK(seen->aside.empty());
  for (const auto& finding : seen->findings) CHECK_FALSE(finding.blocks());
  REQUIRE(seen->model->nodes.size() == 2);
  CHECK(seen->model->nodes[0].name == "cp1");
  CHECK(seen->model->nodes[1].name == "w1");
  CHECK(look.changes() == 0);
}

TEST_CASE("survey: a worker out of reach is set aside with its reason") {
  for (const auto code : {ErrorCode::unreachable, ErrorCode::timeout}) {
    Look look;
    look.refused["10.7.0.12"] = code;
    const auto seen = look.survey();
    if (!seen) FAIL(seen.error().text());
    REQUIRE(seen->aside.contains("10.7.0.12"));
    CHECK(seen->aside.at("10.7.0.12").code == code);
    CHECK(seen->model->nodes.size() == 1);
    CHECK(look.events.count(base::EventKind::host_aside) == 1);
  }
}

TEST_CASE("survey: a worker that refuses the login is the operator's to solve: nothing begins without it") {
  for (const auto code : {ErrorCode::auth_failed, ErrorCode::host_key_unknown, ErrorCode::host_key_changed,
                          ErrorCode::sudo_refused, ErrorCode::busy}) {
    Look look;
    look.refused["10.7.0.12"] = code;
    const auto seen = look.survey();
    REQUIRE_FALSE(seen);
    CHECK(seen.error().code == code);
    CHECK(seen.error().text().contains("10.7.0.12"));
    CHECK(look.events.count(base::EventKind::host_aside) == 0);
    CHECK(look.changes() == 0);
  }
}

TEST_CASE("survey: a control plane out of reach ends it; refused logins are told all at once") {
  Look look;
  look.refused["10.7.0.11"] = ErrorCode::unreachable;
  const auto away = look.survey();
  REQUIRE_FALSE(away);
  CHECK(away.error().code == ErrorCode::unreachable);
  look.refused = {{"10.7.0.11", ErrorCode::auth_failed}, {"10.7.0.12", ErrorCode::auth_failed}};
  const auto refused = look.survey();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().text().contains("10.7.0.11"));
  CHECK(refused.error().text().contains("10.7.0.12"));
}

TEST_CASE("survey: a refused login does not hide what the other hosts show") {
  Look look;
  look.refused["10.7.0.12"] = ErrorCode::auth_failed;
  look.control_plane.machine.facts.swap_bytes = 1024;
  const auto seen = look.survey();
  REQUIRE_FALSE(seen);
  CHECK(seen.error().code == ErrorCode::auth_failed);
  CHECK(look.events.count(base::EventKind::finding) == 1);
  // nor is the cluster blamed for what the missing host would have shown
  Look without_control_plane;
  without_control_plane.refused["10.7.0.11"] = ErrorCode::auth_failed;
  CHECK(without_control_plane.survey().error().code == ErrorCode::auth_failed);
  CHECK(without_control_plane.events.count(base::EventKind::finding) == 0);
}

TEST_CASE("survey: a cluster of another Kubernetes version is left alone, older or newer") {
  for (const char* version : {"v1.33.9", "v1.34.3", "v1.35.0"}) {
    Look look;
    look.control_plane.machine.world.recorded[std::string(steps::kVersionRecord)] = version;
    const auto seen = look.survey();
    REQUIRE_FALSE(seen);
    CHECK(seen.error().code == ErrorCode::upgrade_unsupported);
    for (const auto* word : {version, "v1.34.4", "10.7.0.11"}) CHECK(seen.error().text().contains(word));
    CHECK(look.changes() == 0);
  }
  Look same;
  same.control_plane.machine.world.recorded[std::string(steps::kVersionRecord)] = "v1.34.4";
  CHECK(same.survey());
}

TEST_CASE("survey: an image that only this site's values ask for is a finding, beside those of the hosts") {
  Look look;
  look.add_file("apps/erp/Chart.yaml", "name: erp\n");
  look.contents.apps = {{.name = "erp", .kind = format::AppKind::helm, .root = "apps/erp", .version = "1"}};
  look.contents.launch = {"erp"};
  look.charts.documents = [](const auto&) {
    return "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: \"acme/erp:2\"}]}\n";
  };
  look.control_plane.machine.facts.swap_bytes = 1024;
  const auto seen = look.survey();
  if (!seen) FAIL(seen.error().text());
  CHECK(look.events.count(base::EventKind::finding) == 2);
  const auto blocked = delivery::blocking(seen->findings);
  REQUIRE(blocked);
  CHECK(blocked->text().contains("docker.io/acme/erp:2"));
  CHECK(look.changes() == 0);
}

TEST_CASE("survey: charts are not rendered again while they are installed with the same values") {
  Look look;
  look.add_file("apps/erp/Chart.yaml", "name: erp\n");
  look.contents.apps = {{.name = "erp", .kind = format::AppKind::helm, .root = "apps/erp", .version = "1"}};
  look.contents.launch = {"erp"};
  const auto first = look.survey();
  REQUIRE(first);
  CHECK(look.charts.asked.size() == 1);
  const auto& app = first->model->apps.front();
  look.control_plane.machine.world.recorded["app.erp"] = steps::app_inputs(*first->model, app).hex();
  REQUIRE(look.survey());
  CHECK(look.charts.asked.size() == 1);
  look.control_plane.machine.world.recorded["app.erp"] = "other values";
  REQUIRE(look.survey());
  CHECK(look.charts.asked.size() == 2);
}

TEST_CASE("survey: a delivery without a pod network is a finding, unless the cluster that stands has one") {
  Look look;
  look.config.files.clear();
  const auto found = look.survey();
  if (!found) FAIL(found.error().text());
  REQUIRE(found->findings.size() == 1);
  CHECK(found->findings[0].blocks());
  CHECK(found->findings[0].text().contains("the artifact shop brings no pod network"));
  CHECK(found->findings[0].text().contains("write CNI instead of APP"));
  Look standing;
  standing.config.files.clear();
  for (auto* bench : {&standing.control_plane, &standing.worker}) bench->machine.ledger.emplace_back();
  standing.control_plane.put("/etc/cni/net.d/10-flannel.conflist");
  const auto seen = standing.survey();
  if (!seen) FAIL(seen.error().text());
  CHECK(seen->findings.empty());
}
