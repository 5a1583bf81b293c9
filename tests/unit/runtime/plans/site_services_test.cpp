// SPDX-License-Identifier: Apache-2.0
//
// Plans for sites with a balancer or an etcd of their own.
#include <catch2/catch_test_macros.hpp>

#include "runtime/engine/scheduler.h"
#include "runtime/plans/reset.h"
#include "runtime/steps/node_service.h"
#include "tests/unit/runtime/plans/graph.h"

using namespace sealift;
using tests::Graph;

namespace {

void with_etcd(config::ClusterConfig& config) {
  config.external_etcd =
      config::ExternalEtcd{{"https://10.7.0.51:2379"}, "ca", "certificate", Secret("key"), "key.pem"};
}

size_t count(const engine::Plan& plan, std::string_view id) {
  return static_cast<size_t>(
      std::ranges::count_if(plan.steps, [&](const auto& planned) { return planned.step->id() == id; }));
}

// The addresses in a host's balancer.json.
std::string backends(const steps::Model& model, const steps::Node& node) {
  const auto files = steps::backends_files(model, node);
  REQUIRE(files.front().path.ends_with("balancer.json"));
  const auto text = files.front().text;
  return text.substr(text.find("backends"), text.find(']') - text.find("backends"));
}

}  // namespace

TEST_CASE("plan: the keys for the site's etcd are on each control plane before kubeadm, and nowhere else") {
  const Graph graph(1, with_etcd);
  CHECK(graph.needs("cp1/kubeadm.init", "cp1/files.etcd"));
  CHECK(graph.needs("cp2/kubeadm.join", "cp2/files.etcd"));
  CHECK(count(graph.plan, "files.etcd") == 2);
  CHECK(count(Graph(1).plan, "files.etcd") == 0);
}

TEST_CASE("plan: the certificate of each API server gets the names that cluster.yaml wants, if it wants any") {
  CHECK(count(Graph(1).plan, "api.certificate") == 0);
  const Graph named(1, [](config::ClusterConfig& config) { config.api.cert_sans = {"api.lan"}; });
  CHECK(named.needs("cp1/api.certificate", "cp1/api.ready"));
  CHECK(named.needs("cp1/node.ready", "cp1/api.certificate"));
  CHECK(named.needs("cp2/api.certificate", "cp2/control-plane.ready"));
  CHECK(count(named.plan, "api.certificate") == 2);
  const Graph balanced(
      0, [](config::ClusterConfig& config) { config.api.balancer = config::SiteBalancer{"10.7.0.100", 443, false}; });
  CHECK(balanced.plan.steps[balanced.at("cp1/api.certificate")].step->describe().contains("10.7.0.100"));
}

TEST_CASE("plan: workers go through the site's balancer only if they are told to, control planes never") {
  tests::Site site;
  site.config.api.balancer = config::SiteBalancer{"10.7.0.100", 443, false};
  CHECK(backends(site.model(), site.worker_node()).contains("10.7.0.11:6443"));
  site.config.api.balancer->for_workers = true;
  CHECK(backends(site.model(), site.control_plane_node()).contains("10.7.0.11:6443"));
  const auto worker = backends(site.model(), site.worker_node());
  CHECK(worker.contains("10.7.0.100:443"));
  CHECK_FALSE(worker.contains("10.7.0.11"));
}

TEST_CASE("plan: a reset of all control planes empties the site's etcd once none of them runs an API server") {
  tests::Site site;
  auto nodes = site.model().nodes;
  nodes.push_back(nodes.front());
  nodes.back().name = "cp2";
  const steps::HookSource source{site.config, site.model().payload};
  const auto plan = plans::reset(source, nodes, false, true);
  REQUIRE(engine::validate(plan));
  CHECK(count(plan, "reset.etcd") == 2);
  CHECK(count(plans::reset(source, nodes, false, false), "reset.etcd") == 0);
  for (const auto& planned : plan.steps) {
    const auto is = [&](size_t index, std::string_view host, std::string_view id) {
      return plan.steps[index].host == host && plan.steps[index].step->id() == id;
    };
    if (planned.step->id() == "reset.etcd") {
      CHECK(planned.after.size() == 1);
      for (const auto* name : {"cp1", "cp2"})
        CHECK(std::ranges::any_of(planned.after_any, [&](size_t index) { return is(index, name, "reset.cluster"); }));
    }
    // What tells which etcd it was goes after that.
    if (planned.step->id() == "reset.restore")
      CHECK(is(planned.after.front(), planned.host, planned.host == "w1" ? "reset.cluster" : "reset.etcd"));
  }
}

TEST_CASE(
    "plan: the mirror is told of registries before it starts: all mirrors an external one, registry hosts upstreams") {
  CHECK(count(Graph(1).plan, "files.registries") == 0);
  const Graph upstreams(1, [](config::ClusterConfig& config) {
    config.registry.upstreams = {{"a.example/*", {{.url = "https://a.example"}}}};
  });
  CHECK(count(upstreams.plan, "files.registries") == 2);
  CHECK(upstreams.needs("cp1/units.node", "cp1/files.registries"));
  CHECK(upstreams.needs("cp2/units.node", "cp2/files.registries"));
  CHECK(upstreams.needs("cp1/images.base", "cp1/files.registries"));
  const Graph external(1, [](config::ClusterConfig& config) {
    config.registry.external = config::RemoteRegistry{.url = "https://a.example"};
  });
  CHECK(external.needs("w1/units.node", "w1/files.registries"));
}
