// SPDX-License-Identifier: Apache-2.0
//
// The plan for a cluster that Sealift did not make.
#include <catch2/catch_test_macros.hpp>

#include "runtime/engine/scheduler.h"
#include "runtime/steps/before_step.h"
#include "tests/unit/runtime/plans/graph.h"

using namespace sealift;
using tests::Graph;

namespace {

void on_theirs(config::ClusterConfig& config) { config.existing.emplace(); }

std::set<std::string> steps_of(const Graph& graph, std::string_view host) {
  std::set<std::string> out;
  for (const auto& planned : graph.plan.steps) {
    if (planned.host == host) out.insert(planned.step->id());
  }
  return out;
}

}  // namespace

TEST_CASE("plan: a node of others gets what answers containerd, and nothing of what makes a node") {
  const Graph graph(0, on_theirs);
  REQUIRE(engine::validate(graph.plan));
  CHECK(steps_of(graph, "w1") == std::set<std::string>{"files.node", "files.renewal", "files.site", "files.sockets",
                                                       "host.before-existing", "host.sync", "node.ready", "pki.node",
                                                       "units.node", "units.sockets"});
  const auto first = steps_of(graph, "cp1");
  for (const auto* made : {"files.base", "files.balancer", "units.balancer", "units.base", "kernel", "kubeadm.init",
                           "images.base", "dns.upstreams"}) {
    INFO(made);
    CHECK_FALSE(first.contains(made));
  }
  for (size_t i = 0; i < graph.plan.steps.size(); ++i) {
    const auto& planned = graph.plan.steps[i];
    const auto step = planned.host + "/" + planned.step->id();
    INFO(step);
    if (planned.step->id() != steps::kBeforeStepOfExisting)
      CHECK(graph.needs(step, planned.host + "/host.before-existing"));
  }
}

TEST_CASE("plan: in a cluster of others applications wait for the mirrors, certificates for the authority") {
  const Graph graph(1, on_theirs);
  CHECK(graph.needs("w1/units.node", "w1/pki.node"));
  CHECK(graph.needs("w1/pki.node", "cp1/pki.authority"));
  CHECK(graph.needs("cp2/pki.authority", "cp1/pki.authority"));
  CHECK(graph.needs("cp1/api.ready", "cp1/files.kubeconfig"));
  CHECK(graph.needs("cp1/app.redis", "cp1/api.ready"));
  CHECK(graph.needs("cp1/app.redis", "cp1/units.node"));
  CHECK(graph.needs("cp1/app.redis", "cp2/units.node"));
  CHECK(graph.waits_for_end("cp1/app.redis", "w1/units.node"));
  CHECK(graph.needs("cp1/app.erp", "cp1/app.redis"));
}
