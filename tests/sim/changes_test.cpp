// SPDX-License-Identifier: Apache-2.0
//
// A cluster.yaml that changes after the cluster was made: an unfinished change is never taken for the earlier success,
// and fixed fields are not changed at all.
#include <catch2/catch_test_macros.hpp>

#include "payload/base/format.h"
#include "tests/sim/wanted_end.h"
#include "tests/support/event_recorder.h"

using namespace sealift;
using namespace sealift::sim;
using tests::FakeMachine;

namespace {

config::ApplicationConfig& redis(DeliverySite& site) { return site.config.applications.front(); }

// Changes the wishes for every kind of step.
void wish_otherwise(DeliverySite& site) {
  redis(site).values_yaml = "replicas: 7\n";
  site.config.files.front().content = "version = 2\n";
  site.config.registry.port = 5001;
  site.config.hosts[1].labels["zone"] = "b";
}

enum class End { fails, loses_power, launch_is_killed };

// Ends the run at the n-th change of a host from now on; returns that change.
std::string run_to_change(DeliverySite& site, size_t host, size_t at, End end) {
  FakeMachine& machine = site.machine(host);
  CancelSource cancel;
  size_t seen = 0;
  std::string where;
  machine.before_change = [&](const std::string& call, const std::string& target) -> Result<void> {
    if (++seen != at) return {};
    where = call + " " + target;
    if (end == End::fails) return fail(ErrorCode::command_failed, "it went wrong");
    if (end == End::loses_power) machine.power_cut();
    if (end == End::launch_is_killed) cancel.cancel();
    machine.set_reachable(false);
    return fail(ErrorCode::unreachable, "gone");
  };
  engine::NoJournal journal;
  auto outcome = site.apply(journal, base::no_events(), cancel.token());
  machine.before_change = {};
  machine.set_reachable(true);
  if (!where.empty()) CHECK((!outcome || outcome->error));
  return where;
}

}  // namespace

TEST_CASE("changes: other wishes arrive everywhere, and the former ones again") {
  DeliverySite site(3);
  engine::NoJournal journal;
  require_delivered(site.apply(journal, base::no_events()));
  const auto former = site.config;
  wish_otherwise(site);
  require_delivered(site.apply(journal, base::no_events()));
  for (size_t i = 0; i < site.size(); ++i) {
    CHECK(std::ranges::contains(site.machine(i).changes, "restart sealift-mirror.service"));
    CHECK_FALSE(std::ranges::contains(site.machine(i).changes, "restart sealift-api.service"));
  }
  again_changes_nothing(site);
  CHECK(site.cluster.state.releases.at("redis").values.ends_with("replicas: 7\n"));
  CHECK(site.cluster.state.labels.at("h1 zone") == "b");
  check_units_are_current(site);
  site.config = former;
  require_delivered(site.apply(journal, base::no_events()));
  check_wanted_end(site);
  again_changes_nothing(site);
}

TEST_CASE("changes: one that never gets healthy is not forgotten when the former cluster.yaml comes back") {
  DeliverySite site(2);
  engine::NoJournal journal;
  require_delivered(site.apply(journal, base::no_events()));
  const auto former = site.config;
  redis(site).values_yaml = "network: wrong\n";
  site.cluster.never_healthy = {"network: wrong"};
  auto outcome = site.apply(journal, base::no_events());
  REQUIRE(outcome);
  REQUIRE(outcome->error);
  CHECK(outcome->error->code == ErrorCode::unhealthy);
  // Not when the wrong wish is repeated either: nothing unhealthy ever counts as done.
  outcome = site.apply(journal, base::no_events());
  REQUIRE(outcome);
  CHECK(outcome->error);
  site.config = former;
  auto plan = site.plan();
  REQUIRE(plan);
  CHECK(std::ranges::any_of(plan->lines, [](const auto& line) {
    return line.step == "app.redis" && line.state == delivery::PlanLine::State::needed;
  }));
  outcome = site.apply(journal, base::no_events());
  require_delivered(outcome);
  CHECK(outcome->applied > 0);
  check_wanted_end(site);
  again_changes_nothing(site);
}

TEST_CASE(
    "changes: ended at any change by a failure, a power cut or a kill, then the former cluster.yaml: it is as before") {
  std::map<std::string, FakeMachine::World> wanted;
  ClusterState wanted_state;
  {
    DeliverySite site(2);
    engine::NoJournal journal;
    require_delivered(site.apply(journal, base::no_events()));
    wanted = site.worlds();
    wanted_state = site.cluster.state;
  }
  for (const auto end : {End::fails, End::loses_power, End::launch_is_killed}) {
    for (size_t host = 0; host < 2; ++host) {
      for (size_t at = 1;; ++at) {
        DeliverySite site(2);
        engine::NoJournal journal;
        require_delivered(site.apply(journal, base::no_events()));
        const auto former = site.config;
        wish_otherwise(site);
        const auto where = run_to_change(site, host, at, end);
        if (where.empty()) break;
        INFO((end == End::fails         ? "failed"
              : end == End::loses_power ? "power cut"
                                        : "killed")
             << " on h" << host << " at change " << at << ": " << where);
        site.config = former;
        auto worlds = site.worlds();
        bool differs = site.cluster.state != wanted_state;
        for (const auto& [name, world] : wanted)
          differs = differs || !difference(world, worlds.at(name), Run::left_out).empty();
        auto healed = site.apply(journal, base::no_events());
        require_delivered(healed);
        if (differs) CHECK(healed->applied > 0);
        check_wanted_end(site);
        worlds = site.worlds();
        for (const auto& [name, world] : wanted) {
          INFO(name);
          CHECK(difference(world, worlds.at(name), Run::left_out) == "");
        }
        CHECK((site.cluster.state == wanted_state));
        again_changes_nothing(site);
      }
    }
  }
}

TEST_CASE("changes: other API servers are told to running balancers, which are not restarted, wherever that stops") {
  for (const auto end : {End::fails, End::loses_power, End::launch_is_killed}) {
    for (size_t at = 1;; ++at) {
      DeliverySite site(2);
      FakeMachine& first = site.machine(0);
      engine::NoJournal journal;
      // Before kubeadm has come to its end everything may change, its port too.
      first.before_change = [](const std::string& call, const std::string& target) -> Result<void> {
        if (call == "inside" && target == "kubeadm init: add-ons") return fail(ErrorCode::command_failed, "Killed");
        return {};
      };
      site.config.api.port = 6444;
      const auto killed = site.apply(journal, base::no_events());
      REQUIRE(killed);
      REQUIRE(killed->error);
      const auto& balancer = first.world.units.at("sealift-api.service");
      REQUIRE(base::as_text(balancer.runs_with.at("/etc/sealift/balancer.json")).contains("10.7.0.1:6444"));
      first.changes.clear();
      site.config.api.port = 6443;
      const auto where = run_to_change(site, 0, at, end);
      INFO("change " << at << ": " << where);
      require_delivered(site.apply(journal, base::no_events()));
      check_wanted_end(site);
      CHECK(base::as_text(balancer.runs_with.at("/etc/sealift/balancer.json")).contains("10.7.0.1:6443"));
      CHECK_FALSE(std::ranges::contains(first.changes, "restart sealift-api.service"));
      again_changes_nothing(site);
      // No further than to what is told.
      if (where.empty() || where.starts_with("job ")) break;
    }
  }
}

namespace {

// Delivered to h0 (control plane) and h1, with a place for each field.
struct Standing {
  DeliverySite site{2};
  Standing() {
    engine::NoJournal journal;
    require_delivered(site.apply(journal, base::no_events()));
    site.config.places = {{3, 18}, {5, 3}, {9, 20}, {9, 44}, {10, 15}, {10, 31}};
    site.config.hosts[0].places = {{7, 15}, {7, 30}, {7, 45}, {7, 60}};
    site.config.hosts[1].places = {{8, 15}, {8, 30}, {8, 45}, {8, 60}};
  }
  // Plan and apply both refuse before anything is changed, with these texts in this order.
  void refused(const std::vector<std::string>& wanted) {
    const size_t changes = site.changes();
    const auto plan = site.plan();
    engine::NoJournal journal;
    const auto outcome = site.apply(journal, base::no_events());
    CHECK(site.changes() == changes);
    REQUIRE_FALSE(plan);
    REQUIRE_FALSE(outcome);
    CHECK(plan.error().code == ErrorCode::unsupported);
    CHECK(base::exit_code(plan.error().code) == 4);
    CHECK(outcome.error().text() == plan.error().text());
    std::string text;
    for (const auto& line : wanted) text += (text.empty() ? "" : "\n") + line;
    if (wanted.size() > 1) text = base::format("{} problems in the configuration:\n", wanted.size()) + text;
    CHECK(plan.error().what == text);
  }
  void accepted() {
    const auto plan = site.plan();
    if (!plan) FAIL(plan.error().text());
    again_changes_nothing(site);
  }
};

constexpr std::string_view kMade = "when this cluster was made and can't change: write ";
constexpr std::string_view kBecame = "when this host became a node and can't change: write ";
std::string stays(std::string_view when, std::string_view was) {
  return base::format("it was {} {}{}, or make a new cluster", was, when, was);
}

}  // namespace

TEST_CASE("fixed fields: the same values, written or not, are no difference") {
  Standing standing;
  standing.accepted();
  standing.site.config.hosts[0].name = "h0";
  standing.site.config.kubeadm.push_back(
      {"ClusterConfiguration",
       "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nnetworking: {dnsDomain: cluster.local}\n",
       20,
       {}});
  standing.accepted();
}

TEST_CASE("fixed fields: each is refused with its place and the value that the cluster was made with") {
  Standing standing;
  auto& config = standing.site.config;
  SECTION("pods") {
    config.network.pods = "10.245.0.0/16";
    standing.refused({"cluster.yaml:9:20: network.pods is 10.245.0.0/16; " + stays(kMade, "10.244.0.0/16")});
  }
  SECTION("services") {
    config.network.services = "10.97.0.0/16";
    standing.refused({"cluster.yaml:9:44: network.services is 10.97.0.0/16; " + stays(kMade, "10.96.0.0/12")});
  }
  SECTION("the cluster's name") {
    config.name = "plant8";
    standing.refused({"cluster.yaml:3:18: metadata.name is plant8; " + stays(kMade, "plant7")});
  }
  SECTION("the cluster's name, said to kubeadm") {
    config.kubeadm.push_back({"ClusterConfiguration",
                              "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nclusterName: other\n",
                              20,
                              {{"", {20, 1}}, {"clusterName", {22, 14}}}});
    standing.refused({"cluster.yaml:22:14: clusterName is other; " + stays(kMade, "plant7")});
  }
  SECTION("the domain of services") {
    config.kubeadm.push_back(
        {"ClusterConfiguration",
         "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nnetworking: {dnsDomain: plant7.lan}\n",
         20,
         {{"", {20, 1}}, {"networking/dnsDomain", {22, 25}}}});
    standing.refused({"cluster.yaml:22:25: networking.dnsDomain is plant7.lan; " + stays(kMade, "cluster.local")});
  }
  SECTION("the API server's port") {
    config.api.port = 6444;
    standing.refused({"cluster.yaml:10:15: api.port is 6444; " + stays(kMade, "6443")});
  }
  SECTION("the balancer's port, which every host was told: said once") {
    config.api.local_port = 7444;
    standing.refused({"cluster.yaml:10:31: api.localPort is 7444; " + stays(kMade, "7443")});
  }
  SECTION("a node's name") {
    config.hosts[1].name = "w1";
    standing.refused({"cluster.yaml:8:45: name of 10.7.0.2 is w1; " + stays(kBecame, "h1")});
  }
  SECTION("a control plane's name, that of the host itself since somebody renamed it") {
    standing.site.machine(0).facts.hostname = "web7";
    standing.refused({"cluster.yaml:7:15: name of 10.7.0.1 is web7; " + stays(kBecame, "h0")});
  }
  SECTION("a node's address") {
    standing.site.machine(1).facts.addresses = {{"eth0", "10.7.9.9", 24}};
    standing.refused(
        {"cluster.yaml:8:15: 10.7.0.2 has the address 10.7.9.9 among the nodes; it was 10.7.0.2 when this host became a node and can't change: give the host that address again, or make a new cluster"});
  }
  SECTION("the folder of the payload") {
    config.hosts[0].data_root = "/data";
    standing.refused({"cluster.yaml:7:60: dataRoot of 10.7.0.1 is /data; " +
                      stays("when the payload was put there and can't change: write ", "/var/lib/sealift")});
  }
  SECTION("swapped roles") {
    std::swap(config.hosts[0].role, config.hosts[1].role);
    standing.refused({"cluster.yaml:7:30: role of 10.7.0.1 is worker; " + stays(kBecame, "control-plane"),
                      "cluster.yaml:8:30: role of 10.7.0.2 is control-plane; " + stays(kBecame, "worker")});
  }
  SECTION("all at once, by place") {
    config.network.pods = "10.245.0.0/16";
    config.name = "plant8";
    config.hosts[1].name = "w1";
    standing.refused({"cluster.yaml:3:18: metadata.name is plant8; " + stays(kMade, "plant7"),
                      "cluster.yaml:8:45: name of 10.7.0.2 is w1; " + stays(kBecame, "h1"),
                      "cluster.yaml:9:20: network.pods is 10.245.0.0/16; " + stays(kMade, "10.244.0.0/16")});
  }
}

TEST_CASE("fixed fields: what can change is not refused, and a name that was given once stays right") {
  DeliverySite site(2);
  site.config.hosts[1].name = "edge";
  engine::NoJournal journal;
  require_delivered(site.apply(journal, base::no_events()));
  again_changes_nothing(site);
  site.config.registry.port = 5001;
  site.config.hosts[1].data_root = "/data";  // this host has no payload
  site.config.api.cert_sans = {"k8s.plant7.lan"};
  const auto plan = site.plan();
  if (!plan) FAIL(plan.error().text());
  site.config.hosts[1].name.reset();
  const auto other = site.plan();
  REQUIRE_FALSE(other);
  CHECK(other.error().what.contains("name of 10.7.0.2 is h1; it was edge"));
}

TEST_CASE("fixed fields: before kubeadm has come to its end everything may change") {
  DeliverySite site(2);
  FakeMachine& machine = site.machine(0);
  machine.before_change = [](const std::string& call, const std::string& target) -> Result<void> {
    if (call == "inside" && target == "kubeadm init: add-ons") return fail(ErrorCode::command_failed, "Killed");
    return {};
  };
  site.config.network.pods = "10.1.0.0/16";
  engine::NoJournal journal;
  const auto killed = site.apply(journal, base::no_events());
  REQUIRE(killed);
  CHECK(killed->error);
  machine.before_change = {};
  site.config.network.pods = "10.244.0.0/16";
  require_delivered(site.apply(journal, base::no_events()));
  check_wanted_end(site);
  CHECK(site.cluster.resets.at("h0") == 1);
}

TEST_CASE("fixed fields: a kubeadm that ended unseen with other wishes is not taken for the wanted cluster") {
  DeliverySite site(2);
  FakeMachine& machine = site.machine(0);
  machine.before_change = [&](const std::string& call, const std::string&) -> Result<void> {
    // the first change after kubeadm's end outside the payload's lane
    const auto ended = std::ranges::find_if(
        machine.changes, [](const std::string& change) { return change.starts_with("job sealift-kubeadm-init"); });
    if (call != "sync" || ended == machine.changes.end()) return {};
    machine.set_reachable(false);
    return fail(ErrorCode::unreachable, "gone");
  };
  site.config.network.pods = "10.1.0.0/16";
  engine::NoJournal journal;
  const auto lost = site.apply(journal, base::no_events());
  REQUIRE(lost);
  CHECK(lost->error);
  CHECK(site.cluster.state.add_ons);
  machine.before_change = {};
  machine.set_reachable(true);
  site.config.network.pods = "10.244.0.0/16";
  require_delivered(site.apply(journal, base::no_events()));
  check_wanted_end(site);
  CHECK(base::as_text(machine.world.files.at("/etc/kubernetes/manifests/kube-controller-manager.yaml").content)
            .contains("--cluster-cidr=10.244.0.0/16"));
}

// cluster.yaml gets a registry for people, other readers, the site's certificate, and none of it any more.
TEST_CASE("changes: a registry for people comes, changes and goes, wherever the delivery of it stops") {
  const std::string users = "/etc/sealift/pki/people/users", pair = "/etc/sealift/pki/node/people.pem",
                    site_pair = "/etc/sealift/pki/people/site.pem";
  const auto wish = [](DeliverySite& site, const std::string& user, const std::string& certificate) {
    auto& domain = site.config.registry.domain.emplace();
    domain.name = "registry.plant7.lan";
    domain.certificate = certificate;
    domain.readers.push_back({user, {}, Secret("canary of " + user)});
  };
  for (size_t at = 1;; ++at) {
    DeliverySite site(2);
    engine::NoJournal journal;
    require_delivered(site.apply(journal, base::no_events()));
    const auto& files = site.machine(0).world.files;
    wish(site, "alice", "");
    auto where = run_to_change(site, 0, at, End::loses_power);
    INFO(where);
    require_delivered(site.apply(journal, base::no_events()));
    CHECK(base::as_text(files.at(users).content).starts_with("alice:"));
    CHECK(files.contains(pair));
    CHECK_FALSE(site.machine(1).world.files.contains(users));
    again_changes_nothing(site);
    wish(site, "bob", "certificate of the site");
    where += run_to_change(site, 0, at, End::loses_power);
    require_delivered(site.apply(journal, base::no_events()));
    CHECK(base::as_text(files.at(users).content).starts_with("bob:"));
    CHECK(files.contains(site_pair));
    CHECK_FALSE(files.contains(pair));
    again_changes_nothing(site);
    site.config.registry.domain.reset();
    where += run_to_change(site, 0, at, End::loses_power);
    require_delivered(site.apply(journal, base::no_events()));
    for (const auto& path : {users, pair, site_pair}) CHECK_FALSE(files.contains(path));
    check_wanted_end(site);
    again_changes_nothing(site);
    if (where.empty()) break;
    REQUIRE(at < 100);
  }
}

TEST_CASE("changes: a certificate that its node has not renewed is renewed by the next delivery, wherever that stops") {
  for (size_t at = 1;; ++at) {
    DeliverySite site(2);
    engine::NoJournal journal;
    require_delivered(site.apply(journal, base::no_events()));
    for (const auto* usage : {"server", "client"}) {
      auto& pair = site.machine(1).world.files.at(base::format("/etc/sealift/pki/node/{}.pem", usage));
      pair.content = base::to_bytes("old pair");
    }
    const auto where = run_to_change(site, 1, at, End::loses_power);
    INFO(where);
    require_delivered(site.apply(journal, base::no_events()));
    check_wanted_end(site);
    again_changes_nothing(site);
    if (where.empty()) break;
    REQUIRE(at < 100);
  }
}
