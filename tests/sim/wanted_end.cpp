// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/wanted_end.h"

#include <catch2/catch_test_macros.hpp>

#include "payload/base/format.h"
#include "runtime/host/artifact_record.h"
#include "tests/sim/sample_artifact.h"
#include "tests/support/event_recorder.h"

namespace sealift::sim {

using tests::FakeMachine;

namespace {

using Texts = std::map<std::string, std::string>;

std::string text(const FakeMachine::World& world, const std::string& path) {
  const auto file = world.files.find(path);
  return file == world.files.end() ? "(absent)" : std::string(base::as_text(file->second.content));
}

void check_files(const FakeMachine::World& world, const std::string& name, bool control_plane, uint16_t registry_port) {
  const Texts wanted{
      {"/usr/local/bin/kubeadm", "program kubeadm"},
      {"/etc/systemd/system/containerd.service", "[Service]\nExecStart=/usr/local/bin/containerd\n"},
      {"/etc/systemd/system/kubelet.service", "[Service]\nExecStart=/usr/local/bin/kubelet\n"},
      {"/etc/containerd/own.toml", "version = 3\n"},
      {"/etc/containerd/certs.d/_default/hosts.toml",
       base::format("server = \"https://127.0.0.1:{}\"\nca = \"/etc/sealift/pki/ca.crt\"\n", registry_port)},
      {"/etc/sealift/pki/ca.crt", "authority"},
      {"/etc/sealift/pki/ca.key", control_plane ? "key of the authority" : "(absent)"},
      {"/etc/sealift/pki/node/server.pem",
       base::format("key of {0}, server certificate of {0} for public key of {0}", name)},
      {"/etc/sealift/pki/node/client.pem",
       base::format("key of {0}, client certificate of {0} for public key of {0}", name)},
      {"/etc/sealift/pki/node/server.next", "(absent)"},
      {"/etc/sealift/pki/node/client.next", "(absent)"},
      {"/etc/kubernetes/pki/ca.key", control_plane ? "key" : "(absent)"},
      {"/etc/kubernetes/bootstrap-kubelet.conf", "(absent)"},
      {"/run/sealift/kubeadm-join.yaml", "(absent)"},
      {"/run/sealift/apps/redis/values-1.yaml", "(absent)"},
      {"/run/sealift/apps/redis/values-3.yaml", "(absent)"},
  };
  for (const auto& [path, content] : wanted) {
    INFO(path);
    CHECK(text(world, path) == content);
  }
  CHECK(world.files.contains("/etc/kubernetes/kubelet.conf"));
  CHECK(world.files.contains("/etc/kubernetes/manifests/kube-apiserver.yaml") == control_plane);
  CHECK(world.files.at("/usr/local/bin/kubeadm").spec.mode == 0755);
  CHECK(text(world, "/etc/sealift/balancer.json").contains("10.7.0.1:6443"));
  CHECK(text(world, "/etc/sealift/renew.json").contains("10.7.0.1:5001"));
}

void check_units(const FakeMachine::World& world, bool control_plane) {
  CHECK(world.units.contains("sealift-authority.socket") == control_plane);
  for (const auto* name : {"containerd.service", "kubelet.service", "sealift-api.service", "sealift-api.socket",
                           "sealift-mirror.service", "sealift-mirror.socket", "sealift-renew.timer"}) {
    INFO(name);
    REQUIRE(world.units.contains(name));
    const auto& unit = world.units.at(name);
    CHECK(unit.enabled);
    CHECK(unit.active);
    CHECK_FALSE(unit.failed);
  }
  CHECK(world.sysctls.at("net.ipv4.ip_forward") == "1");
  CHECK(world.modules == std::set<std::string>{"br_netfilter", "overlay"});
}

void check_ledger(const FakeMachine::World& world, bool control_plane, bool first) {
  std::set<std::string> wanted{"host.before",    "pki.node",   "reload.balancer", "units.api-socket",
                               "units.balancer", "units.base", "units.node",      "units.sockets"};
  if (control_plane) wanted.insert("kubernetes.version");
  if (first)
    wanted.insert({"kubeadm.init", "dns.upstreams", "app.flannel", "app.hello", "app.redis"});
  else
    wanted.insert("kubeadm.join");
  std::set<std::string> completed;
  for (const auto& [step, inputs] : world.recorded) completed.insert(step);
  CHECK(completed == wanted);
}

void check_cluster(DeliverySite& site) {
  const auto& state = site.cluster.state;
  CHECK(state.made);
  CHECK(state.add_ons);
  CHECK(state.nodes.size() == site.size());
  CHECK(state.labels == (site.size() > 1 ? std::map<std::string, std::string>{{"h1 zone", "a"}}
                                         : std::map<std::string, std::string>{}));
  CHECK(state.namespaces == std::set<std::string>{"default", "kube-system", "store"});
  CHECK_FALSE(state.corefile.contains("forward"));
  CHECK(state.control_planes.size() == site.control_planes());
  CHECK(state.etcd.size() == site.control_planes());
  for (const auto& [id, member] : state.etcd) {
    CHECK_FALSE(member.name.empty());
    CHECK_FALSE(member.is_learner);
  }
  REQUIRE(state.applied.size() == 2);
  CHECK(state.applied.at("/run/sealift/apps/flannel/tree").contains(kFlannelImage));
  CHECK(state.applied.at("/run/sealift/apps/hello/tree").contains(kHelloImage));
  REQUIRE(state.releases.size() == 1);
  const auto& redis = state.releases.at("redis");
  CHECK(redis.status == "deployed");
  CHECK(redis.values.ends_with("replicas: 1\n"));
  CHECK(redis.values.contains("10.244.0.0/16"));
  CHECK(redis.chart.contains(kRedisImage));
  CHECK(site.cluster.faults == std::vector<std::string>{});
}

void check_payload(DeliverySite& site, size_t host) {
  const auto& stores = site.machine(host).world.stores;
  REQUIRE(stores.size() == 1);
  const auto& [path, store] = *stores.begin();
  CHECK(path == base::format("/var/lib/sealift/payloads/{}.payload", site.payload().identity().hex()));
  CHECK(store.complete);
  uint64_t bytes = 0;
  for (const auto& [offset, data] : store.frames) bytes += data.size();
  CHECK(bytes == site.payload().payload_size());
}

// Records of artifacts tell when they were written.
bool is_same(const std::string& path, const FakeMachine::File& a, const FakeMachine::File& b) {
  if (!path.starts_with(std::string(host::kArtifactRecords) + "/")) return a == b;
  auto one = host::parse_artifact_record(base::as_text(a.content));
  auto two = host::parse_artifact_record(base::as_text(b.content));
  if (!one || !two) return a == b;
  one->delivered_at = two->delivered_at;
  return *one == *two && a.spec == b.spec;
}

}  // namespace

void check_units_are_current(DeliverySite& site) {
  for (size_t i = 0; i < site.size(); ++i) {
    const auto& world = site.machine(i).world;
    for (const auto& [name, unit] : world.units) {
      for (const auto& [path, content] : unit.runs_with) {
        INFO(site.machine(i).name() << " " << name << " " << path);
        CHECK(text(world, path) == base::as_text(content));
      }
    }
  }
}

void check_wanted_end(DeliverySite& site) {
  check_units_are_current(site);
  for (size_t i = 0; i < site.size(); ++i) {
    const auto& machine = site.machine(i);
    INFO(machine.name());
    const bool control_plane = i < site.control_planes(), keeps_payload = control_plane && i < 3;
    check_files(machine.world, machine.name(), control_plane, site.config.registry.port);
    CHECK(text(machine.world, "/etc/sealift/mirror.json")
              .contains(keeps_payload ? "/var/lib/sealift/artifacts"
                                      : base::format("10.7.0.1:{}", site.config.registry.port)));
    check_units(machine.world, control_plane);
    check_ledger(machine.world, control_plane, i == 0);
    auto images = base_image_names();
    std::set<std::string> wanted(images.begin(), images.end());
    if (!control_plane) wanted.erase("registry.k8s.io/kube-apiserver:v1.34.4");
    CHECK(site.pulled().at(machine.name()) == wanted);
    if (keeps_payload)
      check_payload(site, i);
    else
      CHECK(machine.world.stores.empty());
  }
  check_cluster(site);
}

std::string difference(const FakeMachine::World& a, const FakeMachine::World& b, Run run) {
  const auto counts = [&](const std::string& path) { return run == Run::compared || !path.starts_with("/run/"); };
  for (const auto& [path, file] : a.files) {
    if (!counts(path)) continue;
    if (!b.files.contains(path)) return "only before: " + path;
    if (!is_same(path, b.files.at(path), file)) return "differs: " + path;
  }
  for (const auto& [path, file] : b.files) {
    if (counts(path) && !a.files.contains(path)) return "only now: " + path;
  }
  // A unit that works once per boot has run wherever there was a boot.
  const auto units = [&](const FakeMachine::World& world) {
    auto out = world.units;
    if (const auto boot = out.find("sealift-boot.service"); run == Run::left_out && boot != out.end())
      boot->second = {boot->second.enabled, false, false, {}};
    return out;
  };
  if (units(a) != units(b)) return "units";
  if (a.sysctls != b.sysctls) return "sysctls";
  if (a.modules != b.modules) return "modules";
  if (a.stores != b.stores) return "stores";
  if (a.recorded != b.recorded) return "recorded";
  return {};
}

void require_delivered(const Result<delivery::Outcome>& outcome) {
  if (!outcome) FAIL(outcome.error().text());
  std::string reasons;
  for (const auto& host : outcome->hosts) {
    if (!host.reason.empty() && reasons.size() < 1000) reasons += base::format("\n{}: {}", host.name, host.reason);
  }
  if (outcome->error) FAIL(outcome->error->text() << reasons);
}

void again_changes_nothing(DeliverySite& site) {
  engine::NoJournal journal;
  const size_t before = site.changes();
  tests::EventRecorder events;
  auto again = site.apply(journal, events);
  require_delivered(again);
  for (const Event& event : events.events()) {
    if (event.kind == EventKind::step_started) FAIL_CHECK(event.host << ": " << event.step << " was applied again");
  }
  CHECK(again->applied == 0);
  CHECK(site.changes() == before);
}

}  // namespace sealift::sim
