// SPDX-License-Identifier: Apache-2.0
//
// Artifacts without a base on a cluster that is there: delivered beside the one that made it, served together with it,
// refused where they don't fit, and never half done.
#include <catch2/catch_test_macros.hpp>

#include "payload/base/format.h"
#include "runtime/host/artifact_record.h"
#include "tests/sim/interruptions.h"
#include "tests/sim/sample_artifact.h"
#include "tests/support/event_recorder.h"

using namespace sealift;
using namespace sealift::sim;

namespace {

constexpr std::string_view kRecord = "/var/lib/sealift/artifacts/erp.json";

Result<delivery::Outcome> apply(DeliverySite& site) {
  engine::NoJournal journal;
  return site.apply(journal, base::no_events());
}

void check_erp(DeliverySite& site) {
  const auto& state = site.cluster.state;
  CHECK(state.applied.at("/run/sealift/apps/erp/tree").contains(kErpImage));
  CHECK(state.releases.at("desk").status == "deployed");
  CHECK(state.releases.at("desk").values.contains("kubernetesVersion: v1.34.4"));
  CHECK(state.releases.at("redis").status == "deployed");
  for (size_t i = 0; i < site.size(); ++i) CHECK(site.machine(i).world.files.contains("/etc/erp.conf"));
  CHECK(site.machine(0).world.stores.size() == 2);
  CHECK(site.machine(1).world.stores.empty());
  CHECK(site.cluster.faults == std::vector<std::string>{});
}

host::ArtifactRecord record_of(DeliverySite& site) {
  const auto& file = site.machine(0).world.files.at(std::string(kRecord));
  auto record = host::parse_artifact_record(base::as_text(file.content));
  REQUIRE(record);
  return std::move(*record);
}

// Plan and apply both refuse before anything is changed.
void check_refused(DeliverySite& site, const std::string& why) {
  INFO(why);
  const size_t changes = site.changes();
  const auto outcome = apply(site);
  REQUIRE_FALSE(outcome);
  CHECK(outcome.error().code == ErrorCode::preflight);
  CHECK(outcome.error().what.contains(why));
  const auto plan = site.plan();
  CHECK((!plan || plan->blocking > 0));
  CHECK(site.changes() == changes);
}

}  // namespace

TEST_CASE("artifacts: applications come onto the cluster that another artifact made, and both are served") {
  DeliverySite site(3);
  require_delivered(apply(site));
  site.machine(0).facts.architecture = base::own_architecture();
  put(site.machine(0), "/usr/local/bin/helm", "the cluster's helm");
  CHECK(site.cluster_helm.empty());
  site.take(erp_payload());
  require_delivered(apply(site));
  CHECK(base::as_text(site.cluster_helm) == "the cluster's helm");
  check_erp(site);
  again_changes_nothing(site);
  auto record = record_of(site);
  CHECK(record.title() == "erp 1.0");
  CHECK_FALSE(record.is_base);
  const host::ArtifactRecord::App desk{.name = "desk",
                                       .target_namespace = "default",
                                       .release = "desk",
                                       .kind = "helm",
                                       .version = "1.0.0",
                                       .needs = {"erp"}};
  const host::ArtifactRecord::App erp{.name = "erp",
                                      .target_namespace = "default",
                                      .release = "erp",
                                      .kind = "manifests",
                                      .objects = {{"apps/v1", "Deployment", "", "erp"}}};
  for (auto& app : record.apps) app.files.clear();
  CHECK(record.apps == std::vector{desk, erp});
  CHECK(record.delivered_by == "ops@laptop");
  CHECK_FALSE(record.delivered_at.empty());
  CHECK(record.images.size() == 2);

  // The artifact that made the cluster is delivered again: it takes nothing away.
  site.take(sample_payload());
  again_changes_nothing(site);
  // Each of them may name the other's applications in the one cluster.yaml.
  site.config.apps = std::vector<std::string>{"hello", "redis", "erp", "desk"};
  again_changes_nothing(site);
  site.take(erp_payload());
  again_changes_nothing(site);

  tests::FakeClock clock;
  const auto status = site.status(clock);
  REQUIRE(status);
  std::vector<std::string> told;
  for (const auto& line : *status) {
    if (line.subject.starts_with("artifact ")) told.push_back(line.subject + ": " + line.detail);
  }
  CHECK(told == std::vector<std::string>{"artifact shop: 3.4, Kubernetes v1.34.4, 3 applications",
                                         "artifact erp: 1.0, 2 applications"});
}

TEST_CASE("artifacts: the next version takes the place of the former one, whose payload stays while it is needed") {
  DeliverySite site(2);
  require_delivered(apply(site));
  site.take(erp_payload());
  require_delivered(apply(site));
  const auto former = record_of(site).payloads;
  // Without desk, which stays installed from the former version.
  site.take(erp_payload({.version = "2.0", .image = "erp two", .with_desk = false}));
  require_delivered(apply(site));
  again_changes_nothing(site);
  const auto now = record_of(site);
  CHECK(now.version == "2.0");
  REQUIRE(now.payloads.size() == 2);
  CHECK(now.payloads[1] == former[0]);
  CHECK(now.apps.size() == 2);
  CHECK(now.images.contains(std::string(kDeskImage)));
  // With it the former one is not needed any more.
  site.take(erp_payload({.version = "3.0", .image = "erp three"}));
  require_delivered(apply(site));
  CHECK(record_of(site).payloads.size() == 1);
  CHECK(site.machine(0).world.stores.size() == 2);  // the base's, and this one
  again_changes_nothing(site);
}

TEST_CASE(
    "artifacts: the former version is served until the next one is healthy, and what both have is not sent twice") {
  DeliverySite site(2);
  require_delivered(apply(site));
  site.take(erp_payload());
  require_delivered(apply(site));
  const auto former = record_of(site);
  site.take(erp_payload({.version = "2.0", .image = "erp two"}));
  site.config.applications = {{.name = "desk", .values_yaml = "a: 1\n"}};
  site.cluster.never_healthy = {"desk"};
  auto& changes = site.machine(0).changes;
  changes.clear();
  const auto outcome = apply(site);
  REQUIRE(outcome);
  REQUIRE(outcome->error);
  CHECK(outcome->error->code == ErrorCode::unhealthy);
  CHECK(std::ranges::none_of(outcome->hosts,
                             [](const auto& host) { return host.state != delivery::HostOutcome::State::done; }));
  const auto meanwhile = record_of(site);
  CHECK(meanwhile.version == "2.0");
  REQUIRE(meanwhile.payloads.size() == 2);
  CHECK(meanwhile.payloads[1] == former.payloads[0]);
  CHECK(meanwhile.images.at(std::string(kErpImage)) != former.images.at(std::string(kErpImage)));
  CHECK(site.machine(0).world.stores.contains(former.payloads[0]));

  // desk's image, and the programs, are the former's
  size_t sent = 0;
  for (const auto& change : changes) sent += change.starts_with("store ") ? 1 : 0;
  const auto& store = site.machine(0).world.stores.at(meanwhile.payloads[0]);
  CHECK(store.complete);
  CHECK(sent > 0);
  CHECK(sent + 3 <= store.frames.size());

  site.cluster.never_healthy.clear();
  require_delivered(apply(site));
  CHECK(record_of(site).payloads == std::vector{meanwhile.payloads[0]});
  CHECK_FALSE(site.machine(0).world.stores.contains(former.payloads[0]));
  CHECK(site.machine(0).world.stores.size() == 2);
  again_changes_nothing(site);
}

TEST_CASE("artifacts: an update ended at any change, then started again: the new version alone is there") {
  struct Update {
    DeliverySite site{2};
    Update() {
      require_delivered(apply(site));
      site.take(erp_payload());
      require_delivered(apply(site));
      site.take(erp_payload({.version = "2.0", .image = "erp two"}));
    }
  };
  interrupt_at_changes(
      kPowerFails, 0, [] { return Update(); },
      [](Update& update, engine::Journal&, const CancelToken&) { return apply(update.site); },
      [](Update& update) {
        require_delivered(apply(update.site));
        CHECK(record_of(update.site).version == "2.0");
        CHECK(record_of(update.site).payloads.size() == 1);
        check_erp(update.site);
        again_changes_nothing(update.site);
      });
}

TEST_CASE("artifacts: where there is no cluster, or not the one that is required, nothing is changed") {
  DeliverySite site(2);
  site.take(erp_payload());
  check_refused(site, "runs no cluster that Sealift delivered, and the artifact erp 1.0 has no Kubernetes base");
  site.take(sample_payload());
  require_delivered(apply(site));
  site.take(erp_payload({.requires_kubernetes = ">=1.35"}));
  check_refused(site, "the artifact requires kubernetes >=1.35, and the cluster has v1.34.4");
  site.take(erp_payload({.name = ""}));
  check_refused(site, "the artifact has no name");
}

TEST_CASE("artifacts: what another one claims differently is refused, all of it at once") {
  DeliverySite site(2);
  require_delivered(apply(site));
  site.take(erp_payload());
  require_delivered(apply(site));
  site.take(erp_payload({.name = "crm", .image = "another one"}));
  check_refused(site, "the application erp was installed from the artifact erp 1.0");
  check_refused(site, "the application desk was installed from the artifact erp 1.0");
  check_refused(site, base::format("the image {} is sha256:", kErpImage));
}

TEST_CASE("artifacts: no host gets another file where one of another artifact lies") {
  DeliverySite site(2);
  require_delivered(apply(site));
  site.take(erp_payload());
  require_delivered(apply(site));
  const auto crm = [&](const std::string& file, const std::string& text) {
    site.config.apps = std::vector<std::string>{};  // its applications are erp's
    site.take(erp_payload({.name = "crm", .file = file, .text = text}));
  };
  crm("/etc/erp.conf", "erp=no\n");
  check_refused(site, "the file /etc/erp.conf on hosts is another one in the artifact erp 1.0");
  crm("/usr/local/bin/kubeadm", "not this program");
  check_refused(site, "the file /usr/local/bin/kubeadm on hosts is another one in the artifact shop 3.4");
  crm("/etc/erp.conf/crm", "erp=yes\n");
  check_refused(site, "the file /etc/erp.conf/crm on hosts can't be beside /etc/erp.conf of the artifact erp 1.0");
  crm("/usr/local/bin", "erp=yes\n");
  check_refused(site,
                "the file /usr/local/bin on hosts can't be beside /usr/local/bin/kubeadm of the artifact shop 3.4");
  crm("/etc/erp.conf", "erp=yes\n");
  require_delivered(apply(site));
  CHECK(base::as_text(site.machine(1).world.files.at("/etc/erp.conf").content) == "erp=yes\n");
  // Its own next version may change its file, once the other one doesn't have it.
  site.take(erp_payload({.version = "2.0", .file = "/etc/erp/2.conf"}));
  site.config.apps.reset();
  require_delivered(apply(site));
  crm("/etc/erp.conf", "erp=no\n");
  require_delivered(apply(site));
  again_changes_nothing(site);
}

TEST_CASE("artifacts: a host that is no node yet, and an application that nobody has, are told") {
  DeliverySite site(3);
  const auto hosts = site.config.hosts;
  site.config.hosts.pop_back();
  require_delivered(apply(site));
  site.config.hosts = hosts;
  site.take(erp_payload());
  check_refused(site, "h2 is not a node of the cluster yet");
  site.config.hosts.pop_back();
  site.config.apps = std::vector<std::string>{"erp", "nobody"};
  const auto outcome = apply(site);
  REQUIRE_FALSE(outcome);
  CHECK(outcome.error().code == ErrorCode::not_in_artifact);
  CHECK(outcome.error().what.contains("\"nobody\""));
}

TEST_CASE("artifacts: ended at any change, then started again: everything is there") {
  struct Second {  // of two artifacts
    DeliverySite site{2};
    Second() {
      require_delivered(apply(site));
      site.take(erp_payload());
    }
  };
  for (size_t host = 0; host < 2; ++host) {
    interrupt_at_changes(
        kPowerFails, host, [] { return Second(); },
        [](Second& second, engine::Journal&, const CancelToken&) { return apply(second.site); },
        [](Second& second) {
          require_delivered(apply(second.site));
          check_erp(second.site);
          again_changes_nothing(second.site);
        });
  }
}

TEST_CASE("artifacts: another product, or an older version, is a question that its own option answers") {
  DeliverySite site(2);
  site.take(sample_payload("shop", "3.10.0"));
  require_delivered(apply(site));
  site.take(sample_payload("shop", "3.9.2"));
  check_refused(site, "--allow-downgrade");
  site.take(sample_payload("erp", "9.0"));
  check_refused(site, "--replace-product");
  site.allowed.downgrade = true;
  check_refused(site, "the cluster was made by the artifact shop 3.10.0, and this is erp 9.0");
  site.allowed = {.replace_product = true};
  require_delivered(apply(site));
  // what the cluster has is now of that name
  site.allowed = {};
  again_changes_nothing(site);
  site.take(sample_payload("erp", "8.9"));
  check_refused(site, "the cluster has erp 9.0, and this is the older erp 8.9");
  site.allowed.downgrade = true;
  require_delivered(apply(site));
  site.allowed = {};
  // names that are no versions have no order
  site.take(sample_payload("erp", "final"));
  require_delivered(apply(site));
  site.take(sample_payload("erp", "beta"));
  require_delivered(apply(site));
}

TEST_CASE("the cluster keeps its cluster.yaml, and who delivers another sees the difference first") {
  DeliverySite site(2);
  site.config.kept = "kind: Cluster\nspec:\n  hosts:\n  - {name: h0}\n  api: {port: 6443}\n";
  REQUIRE_FALSE(site.current_config());
  require_delivered(apply(site));
  const auto first = site.current_config();
  REQUIRE(first);
  CHECK(first->starts_with("# shop 3.4 (sha256:"));
  CHECK(first->contains("applied by ops@laptop at "));
  CHECK(first->ends_with("\n" + site.config.kept));
  const auto kept = site.cluster.kept_config;
  again_changes_nothing(site);
  CHECK(site.cluster.kept_config == kept);
  site.config.kept = "kind: Cluster\nspec:\n  hosts:\n  - {name: h0}\n  - {name: h1}\n  api: {port: 7443}\n";
  tests::EventRecorder events;
  engine::NoJournal journal;
  require_delivered(site.apply(journal, events));
  const auto said = events.events();
  CHECK(std::ranges::any_of(said, [](const Event& event) {
    return event.message.contains("cluster.yaml differs from what ops@laptop applied at ") &&
           event.message.contains("\n  ~ spec/api/port: 6443 → 7443") &&
           event.message.contains("\n  + spec/hosts/h1/name: h1");
  }));
  CHECK(site.current_config()->contains("7443"));
  again_changes_nothing(site);
}

TEST_CASE("artifacts: a node that cluster.yaml does not name is named, and stays") {
  DeliverySite site(3);
  require_delivered(apply(site));
  const auto all = site.config.hosts;
  site.config.hosts.pop_back();
  tests::EventRecorder events;
  engine::NoJournal journal;
  require_delivered(site.apply(journal, events));
  const auto said = events.events();
  CHECK(std::ranges::any_of(said, [](const Event& event) {
    return event.kind == base::EventKind::finding && event.host == "h2" && event.level == Level::warning &&
           event.message.contains("not in cluster.yaml");
  }));
  CHECK(site.cluster.state.nodes.contains("h2"));
  site.config.hosts = all;
  again_changes_nothing(site);
}
