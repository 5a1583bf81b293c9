// SPDX-License-Identifier: Apache-2.0
//
// Applications onto a cluster that Sealift did not make: its nodes get what answers containerd and nothing else, and a
// reset leaves the cluster as it is, whatever that has become meanwhile.
#include <catch2/catch_test_macros.hpp>

#include "runtime/host/artifact_record.h"
#include "tests/sim/interruptions.h"
#include "tests/sim/sample_artifact.h"
#include "tests/support/event_recorder.h"

using namespace sealift;
using namespace sealift::sim;
using tests::FakeMachine;
using Kind = host::Trace::Kind;

namespace {

constexpr std::string_view kDump =
    "version = 3\n[plugins.'io.containerd.cri.v1.images'.registry]\n  config_path = '/etc/containerd/certs.d'\n"
    "[plugins.'io.containerd.transfer.v1.local']\n  config_path = ''\n";
constexpr std::string_view kAdmin = "/etc/kubernetes/admin.conf";
constexpr std::string_view kTheirLogin =
    "kind: Config\ncurrent-context: a\ncontexts: [{name: a, context: {cluster: theirs, user: them}}]\n";
constexpr std::string_view kHostsToml = "/etc/containerd/certs.d/_default/hosts.toml";
constexpr std::string_view kLogin = "/etc/sealift/kubeconfig";

bool is_of_sealift(std::string_view path) {
  return path.contains("sealift") || path.starts_with("/etc/containerd/certs.d");
}

// h0 is the control plane; h1 and what follows are workers.
struct Theirs {
  DeliverySite site;
  std::map<std::string, FakeMachine::World> before;

  explicit Theirs(size_t hosts = 3) : site(hosts) {
    engine::NoJournal journal;
    require_delivered(site.apply(journal, base::no_events()));
    for (size_t i = 0; i < site.size(); ++i) make_theirs(site.machine(i));
    site.cluster.is_of_others = true;
    site.cluster.kept_config.clear();
    site.cluster.history.clear();
    site.config.existing.emplace();
    site.config.applications.clear();
    site.config.files.clear();
    for (auto& host : site.config.hosts) host.labels.clear();
    put(site.machine(0), "/usr/local/bin/helm", "the cluster's helm");
    before = site.worlds();
    site.take(erp_payload());
  }

  // As if kubeadm had been run by hand: nothing says who made the cluster.
  static void make_theirs(FakeMachine& machine) {
    auto& world = machine.world;
    std::erase_if(world.files, [](const auto& file) { return is_of_sealift(file.first); });
    std::erase_if(world.units, [](const auto& unit) { return unit.first.starts_with("sealift-"); });
    world.recorded.clear();
    world.stores.clear();
    machine.ledger.clear();
    machine.kept.clear();
    if (world.files.contains(std::string(kAdmin))) put(machine, std::string(kAdmin), kTheirLogin);
    world.traces = {{Kind::cgroup, "/sys/fs/cgroup/kubepods"}, {Kind::link, "cni0"}, {Kind::table, "ip kube-proxy"}};
    world.sysctls["vm.overcommit_memory"] = "1";
    machine.programs["containerd"] = [](FakeMachine&, const base::Command&, const base::CommandIo&) {
      return Result<base::ExitStatus>(good(std::string(kDump)));
    };
  }

  Result<delivery::Outcome> apply() {
    engine::NoJournal journal;
    return site.apply(journal, base::no_events());
  }
  Result<delivery::Outcome> reset(engine::Journal& journal, const CancelToken& cancel = {}) {
    return site.reset(journal, {{}, true}, base::no_events(), cancel);
  }

  // The cluster lives on: pods come, the kubelet and kube-proxy set what they need, the network has a new file.
  void live_on() {
    for (size_t i = 0; i < site.size(); ++i) {
      for (auto* world : {&site.machine(i).world, &before.at(site.machine(i).name())}) {
        world->traces.insert({{Kind::cgroup, "/sys/fs/cgroup/kubepods/pod1"},
                              {Kind::mount, "/var/lib/kubelet/pods/a/volumes/b"},
                              {Kind::mount, "/run/netns/cni-1"},
                              {Kind::link, "cali1"},
                              {Kind::chain, "ip nat KUBE-SVC-1"}});
        world->sysctls["kernel.panic"] = "10";
        for (const auto* path : {"/etc/cni/net.d/10-new.conflist", "/etc/kubernetes/pki/new.crt",
                                 "/var/lib/kubelet/pods/a/etc-hosts", "/var/lib/containerd/new", "/var/lib/cni/new"})
          world->files[path] = {host::FileType::regular, {0644, 0, 0}, base::to_bytes("theirs"), {}};
      }
    }
  }

  void check_as_before() {
    for (auto& [name, world] : site.worlds()) {
      INFO(name);
      const auto& was = before.at(name);
      for (const auto& [path, file] : world.files) {
        INFO(path);
        CHECK((path.starts_with("/run/sealift") || was.files.contains(path)));
      }
      for (const auto& [path, file] : was.files) {
        if (path.starts_with("/run/")) continue;
        INFO(path);
        REQUIRE(world.files.contains(path));
        CHECK(world.files.at(path) == file);
      }
      CHECK(world.traces == was.traces);
      CHECK(world.sysctls == was.sysctls);
      CHECK(world.modules == was.modules);
      CHECK(world.stores.empty());
      CHECK(world.recorded.empty());
      for (const auto& [unit, state] : world.units) {
        INFO(unit);
        const auto there = was.units.find(unit);
        CHECK(state.active == (there != was.units.end() && there->second.active));
        CHECK(state.enabled == (there != was.units.end() && there->second.enabled));
      }
    }
    CHECK(site.cluster.resets.empty());
  }
};

// What is delivered is there, and nothing else is different.
void check_delivered(Theirs& theirs) {
  auto& site = theirs.site;
  check_units_are_current(site);
  CHECK(site.cluster.state.applied.at("/run/sealift/apps/erp/tree").contains(kErpImage));
  const auto& desk = site.cluster.state.releases.at("desk");
  CHECK(desk.status == "deployed");
  CHECK(desk.values.contains("kubernetesVersion: v1.34.4"));
  CHECK_FALSE(desk.values.contains("podCIDR"));
  for (size_t i = 0; i < site.size(); ++i) {
    const auto& machine = site.machine(i);
    const auto& was = theirs.before.at(machine.name());
    INFO(machine.name());
    for (const auto& [path, file] : machine.world.files) {
      INFO(path);
      if (is_of_sealift(path) || path == "/etc/erp.conf" || path.starts_with("/etc/systemd/system/sealift-")) continue;
      REQUIRE(was.files.contains(path));
      CHECK(was.files.at(path) == file);
    }
    CHECK(machine.world.sysctls == was.sysctls);
    CHECK(machine.world.modules == was.modules);
    CHECK(machine.world.traces == was.traces);
    CHECK(text_of(machine, std::string(kHostsToml)) ==
          "[host.\"https://127.0.0.1:5000\"]\n  capabilities = [\"pull\", \"resolve\"]\n"
          "  ca = \"/etc/sealift/pki/ca.crt\"\n");
    CHECK_FALSE(machine.world.files.contains("/etc/sealift/balancer.json"));
    std::set<std::string> units, wanted{"sealift-mirror.service", "sealift-mirror.socket", "sealift-renew.timer"};
    for (const auto& [name, unit] : machine.world.units) {
      if (name.starts_with("sealift-")) units.insert(name);
      if (!name.starts_with("sealift-")) CHECK(unit == was.units.at(name));  // containerd was not restarted
    }
    if (i == 0) wanted.insert("sealift-authority.socket");
    units.erase("sealift-authority.service");
    CHECK(units == wanted);
    CHECK(site.why_not_pulled(i, kErpImage).empty());
    CHECK(machine.world.stores.size() == (i == 0 ? 1 : 0));
  }
  CHECK(site.cluster.faults == std::vector<std::string>{});
}

// Plan and apply both refuse before anything is changed.
void check_refused(Theirs& theirs, const std::string& why, ErrorCode code = ErrorCode::preflight) {
  INFO(why);
  const size_t changes = theirs.site.changes();
  const auto outcome = theirs.apply();
  REQUIRE_FALSE(outcome);
  INFO(outcome.error().text());
  CHECK(outcome.error().code == code);
  CHECK(outcome.error().what.contains(why));
  const auto plan = theirs.site.plan();
  CHECK((!plan || plan->blocking > 0));
  CHECK(theirs.site.changes() == changes);
}

Result<delivery::Outcome> deliver(Theirs& theirs, engine::Journal& journal, const CancelToken& cancel) {
  return theirs.site.apply(journal, base::no_events(), cancel);
}

Result<delivery::Outcome> reset(Theirs& theirs, engine::Journal& journal, const CancelToken& cancel) {
  return theirs.reset(journal, cancel);
}

}  // namespace

TEST_CASE("existing: applications and what answers containerd come onto a cluster of others; again nothing to do") {
  Theirs theirs;
  auto& site = theirs.site;
  const auto planned = site.plan();
  REQUIRE(planned);
  CHECK(planned->blocking == 0);
  require_delivered(theirs.apply());
  check_delivered(theirs);
  again_changes_nothing(site);
  CHECK_FALSE(site.machine(0).world.files.contains(std::string(kLogin)));

  const auto artifacts = site.artifacts();
  REQUIRE(artifacts);
  REQUIRE(artifacts->size() == 1);
  CHECK(artifacts->front().title() == "erp 1.0");
  const auto history = site.history();
  REQUIRE(history);
  CHECK(history->size() == 1);
  tests::FakeClock clock;
  const auto status = site.status(clock);
  REQUIRE(status);
  CHECK(std::ranges::all_of(*status, &delivery::StatusLine::healthy));
  CHECK(std::ranges::contains(*status, "artifact erp", &delivery::StatusLine::subject));

  // The next version, and a second artifact beside it.
  site.take(erp_payload({.version = "2.0", .image = "erp two"}));
  require_delivered(theirs.apply());
  again_changes_nothing(site);
  CHECK(site.machine(0).world.stores.size() == 1);
}

TEST_CASE("existing: remove --app takes an application off, with the last one the payload") {
  Theirs theirs;
  theirs.site.take(erp_payload({.file = ""}));  // with files on hosts its record stays
  require_delivered(theirs.apply());
  engine::NoJournal journal;
  const auto removed = theirs.site.remove_apps(journal, {{"desk", "erp"}, false}, base::no_events());
  require_delivered(removed);
  CHECK_FALSE(theirs.site.cluster.state.releases.contains("desk"));
  CHECK(theirs.site.machine(0).world.stores.empty());
  require_delivered(theirs.apply());
  check_delivered(theirs);
}

TEST_CASE("existing: killed at every record, the same command brings it to its end") {
  Theirs undisturbed;
  const size_t records = records_of(undisturbed, deliver);
  kill_at_records(
      records, [] { return Theirs(); }, deliver,
      [](Theirs& theirs) {
        require_delivered(theirs.apply());
        check_delivered(theirs);
        again_changes_nothing(theirs.site);
      },
      3);
}

TEST_CASE("existing: a reset leaves the cluster as it has become, at whatever record it is killed") {
  Theirs undisturbed;
  require_delivered(undisturbed.apply());
  undisturbed.live_on();
  const size_t records = records_of(undisturbed, reset);
  undisturbed.check_as_before();
  struct Delivered : Theirs {
    Delivered() {
      require_delivered(apply());
      live_on();
    }
  };
  const auto make = [] { return Delivered(); };
  kill_at_records(records, make, reset, [](Theirs& theirs) {
    engine::NoJournal journal;
    require_delivered(theirs.reset(journal));
    theirs.check_as_before();
  });
}

TEST_CASE("existing: a delivery that was cut at any change is undone like a whole one") {
  interrupt_at_changes(
      kPowerFails, 1, [] { return Theirs(2); }, deliver,
      [](Theirs& theirs) {
        engine::NoJournal journal;
        // A power cut takes what programs hold in memory; it is theirs to bring back.
        for (size_t i = 0; i < theirs.site.size(); ++i) {
          auto& world = theirs.site.machine(i).world;
          auto& was = theirs.before.at(theirs.site.machine(i).name());
          was.traces = world.traces;
          was.sysctls = world.sysctls;
          was.modules = world.modules;
        }
        require_delivered(theirs.reset(journal));
        theirs.check_as_before();
      });
}

TEST_CASE("existing: with a kubeconfig no host need be a control plane, and a node without images is named") {
  Theirs theirs;
  auto& site = theirs.site;
  site.config.hosts.erase(site.config.hosts.begin());
  site.config.hosts[0].role = format::HostRole::control_plane;
  put(site.machine(1), "/usr/local/bin/helm", "helm");
  theirs.before = site.worlds();
  check_refused(theirs, "10.7.0.2 has no /etc/kubernetes/admin.conf");
  site.config.existing->kubeconfig = Secret(
      "kind: Config\nname: hunter2\ncurrent-context: c\n"
      "contexts: [{name: c, context: {cluster: k, user: u}}]\n");
  site.pods_on = 1;
  tests::EventRecorder events;
  engine::NoJournal journal;
  require_delivered(site.apply(journal, events));
  const auto said = events.events();
  CHECK(std::ranges::any_of(said, [](const Event& event) {
    return event.kind == base::EventKind::finding && event.host == "h0" && event.level == Level::warning &&
           event.message.contains("it gets no images through Sealift");
  }));
  const auto& login = site.machine(1).world.files.at(std::string(kLogin));
  CHECK(login.spec.mode == 0600);
  CHECK_FALSE(site.machine(2).world.files.contains(std::string(kLogin)));
  CHECK(site.machine(0).world.files == theirs.before.at("h0").files);
  again_changes_nothing(site);
  // Another login: of the former one no copy is kept.
  site.config.existing->kubeconfig = Secret(
      "kind: Config\nname: other\ncurrent-context: c\n"
      "contexts: [{name: c, context: {cluster: k, user: u}}]\n");
  require_delivered(theirs.apply());
  for (const auto& [digest, text] : site.machine(1).kept) CHECK_FALSE(base::as_text(text).contains("hunter2"));
  again_changes_nothing(site);
  theirs.live_on();
  require_delivered(theirs.reset(journal));
  theirs.check_as_before();
}

TEST_CASE("existing: hosts that are no nodes of it, or not as they must be, are refused before anything is changed") {
  Theirs theirs;
  auto& site = theirs.site;
  const auto says = [](std::string text) {
    return [text = std::move(text)](FakeMachine&, const base::Command&, const base::CommandIo&) {
      return Result<base::ExitStatus>(good(text));
    };
  };
  const auto containerd = site.machine(1).programs.at("containerd");
  site.machine(1).programs["containerd"] = says(
      "[plugins.\"io.containerd.grpc.v1.cri\".registry]\n  config_path = \"\"\n"
      "[plugins.\"io.containerd.transfer.v1.local\"]\n  config_path = \"/etc/containerd/certs.d\"\n");
  check_refused(theirs, "h1 has a containerd without a folder for its registries; write config_path");
  site.machine(1).programs.erase("containerd");
  check_refused(theirs, "h1 has no containerd that tells its configuration");
  site.machine(1).programs["containerd"] = containerd;

  put(site.machine(2), std::string(kHostsToml), "server = \"https://harbor.lan\"\n");
  check_refused(theirs, "h2 has /etc/containerd/certs.d/_default/hosts.toml already");
  site.machine(2).world.files.erase(std::string(kHostsToml));
  put(site.machine(2), "/etc/containerd/certs.d/docker.io/hosts.toml", "server = \"https://harbor.lan\"\n");
  check_refused(theirs, "h2 has /etc/containerd/certs.d/docker.io, so images of docker.io do not come");
  std::erase_if(site.machine(2).world.files, [](const auto& file) { return file.first.contains("/docker.io"); });

  site.machine(0).world.files.erase("/usr/local/bin/helm");
  check_refused(theirs, "h0 has no helm");
  put(site.machine(0), "/usr/local/bin/helm", "the cluster's helm");

  site.cluster.state.nodes.erase("h2");
  check_refused(theirs, "h2 is no node of the cluster");
  site.cluster.state.nodes.insert("h2");
  site.cluster.runtime = "cri-o://1.34.0";
  check_refused(theirs, "runs its containers with cri-o://1.34.0");
  site.cluster.runtime = "containerd://1.7.0";

  site.take(erp_payload({.requires_kubernetes = ">=1.35"}));
  check_refused(theirs, "the artifact requires kubernetes >=1.35, and the cluster has v1.34.4");
  site.take(sample_payload());
  check_refused(theirs, "would make a cluster, but the cluster is there", ErrorCode::invalid_config);
  site.take(erp_payload());
  require_delivered(theirs.apply());
  check_delivered(theirs);

  // Nor is another cluster made on top of it.
  site.take(sample_payload());
  site.config.existing.reset();
  check_refused(theirs, "h1 is a node of a cluster that Sealift did not make");
}

TEST_CASE("existing: not for a cluster that Sealift made") {
  DeliverySite site(2);
  engine::NoJournal journal;
  require_delivered(site.apply(journal, base::no_events()));
  site.take(erp_payload());
  site.config.existing.emplace();
  const size_t changes = site.changes();
  const auto outcome = site.apply(journal, base::no_events());
  REQUIRE_FALSE(outcome);
  CHECK(outcome.error().what.contains("is a node of a cluster that Sealift made"));
  CHECK(site.changes() == changes);
}

TEST_CASE("existing: commands that change what a cluster is made of are refused") {
  Theirs theirs;
  require_delivered(theirs.apply());
  engine::NoJournal journal;
  const auto removed = theirs.site.remove(journal, {.names = {"10.7.0.3"}}, base::no_events());
  REQUIRE_FALSE(removed);
  CHECK(removed.error().code == ErrorCode::unsupported);
  CHECK(removed.error().what.contains("`reset HOST`"));
  const auto joined = theirs.site.join(journal, base::no_events());
  REQUIRE_FALSE(joined);
  CHECK(joined.error().code == ErrorCode::unsupported);
}
