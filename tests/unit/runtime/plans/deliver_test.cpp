// SPDX-License-Identifier: Apache-2.0
// The graph of a delivery: which step waits for which, whatever the order of steps in the plan.
#include "runtime/plans/deliver.h"

#include <catch2/catch_test_macros.hpp>

#include "tests/unit/runtime/plans/graph.h"

using namespace sealift;
using tests::Graph;

namespace {

struct Edge {
  const char* step;
  const char* other;
};

}  // namespace

TEST_CASE("plan: nothing begins before what it needs") {
  const Graph graph;
  for (const auto& [step, other] : std::to_array<Edge>({
           // the container runtime reads all of this once, when it starts
           {"w1/units.base", "w1/files.base"},
           {"w1/units.base", "w1/files.node"},
           {"w1/units.base", "w1/files.site"},
           {"w1/units.base", "w1/kernel"},
           {"cp1/pki.authority", "cp1/files.node"},
           {"w1/pki.node", "w1/files.node"},
           {"w1/pki.node", "cp1/pki.authority"},
           // a socket pulls its service up, which reads the certificates
           {"w1/units.sockets", "w1/pki.node"},
           {"w1/units.sockets", "w1/files.sockets"},
           {"w1/units.api-socket", "w1/files.api-socket"},
           {"w1/units.api-socket", "w1/files.balancer"},
           {"w1/units.api-socket", "w1/files.backends"},
           {"w1/units.node", "w1/units.sockets"},
           // the mirror shows its own folders only, which the record comes with
           {"cp1/units.node", "cp1/artifact.record"},
           // a pull goes from the runtime through the host's own mirror to the control plane's, which reads the payload
           {"w1/images.base", "w1/units.base"},
           {"w1/images.base", "w1/units.node"},
           // who speaks to the API from here on finds all its servers
           {"w1/units.balancer", "w1/units.api-socket"},
           {"w1/reload.balancer", "w1/units.balancer"},
           {"w1/kubeadm.join", "w1/reload.balancer"},
           {"w1/images.base", "cp1/units.node"},
           {"w1/images.base", "cp1/payload.first"},
           {"cp1/images.base", "cp1/payload.first"},
           {"cp1/kubeadm.init", "cp1/images.base"},
           {"cp1/api.ready", "cp1/kubeadm.init"},
           {"w1/kubeadm.join", "w1/images.base"},
           {"w1/kubeadm.join", "cp1/api.ready"},
           {"cp1/app.flannel", "cp1/dns"},
           {"cp1/dns", "cp1/api.ready"},
           {"w1/node.labels", "w1/kubeadm.join"},
           {"w1/node.ready", "w1/node.labels"},
           {"w2/node.ready", "w2/kubeadm.join"},
           {"w1/node.ready", "cp1/app.flannel"},
           {"cp1/payload.rest", "cp1/payload.first"},
           {"cp1/app.redis", "cp1/payload.rest"},
           {"cp1/app.redis", "cp1/node.ready"},
           {"cp1/app.erp", "cp1/payload.rest"},
           {"cp1/app.erp", "cp1/app.redis"},
       })) {
    INFO(step << " needs " << other);
    CHECK(graph.needs(step, other));
  }
}

TEST_CASE("plan: applications wait for the end of every worker's steps, and need no worker") {
  const Graph graph;
  for (const char* app : {"cp1/app.redis", "cp1/app.erp"}) {
    for (const char* worker : {"w1/node.ready", "w2/node.ready"}) {
      INFO(app << " " << worker);
      CHECK(graph.waits_for_end(app, worker));
      CHECK_FALSE(graph.needs(app, worker));
    }
  }
}

TEST_CASE("plan: what is slow waits for nothing that it does not need") {
  const Graph graph;
  for (const char* step : {"cp1/artifact.record", "cp1/files.base", "w1/files.node", "w1/files.balancer",
                           "w1/files.backends", "w1/kernel"}) {
    INFO(step);
    // what the host has is noted before anything is changed there, and that waits for nobody
    const std::string noted = std::string(step).substr(0, std::string_view(step).find('/')) + "/host.before";
    CHECK(graph.plan.steps[graph.at(step)].after == std::vector{graph.at(noted)});
    CHECK(graph.plan.steps[graph.at(noted)].after.empty());
  }
  // the record is what the mirror finds the payload by, and is there at once
  CHECK(graph.plan.steps[graph.at("cp1/payload.first")].after == std::vector{graph.at("cp1/artifact.record")});
  // everything waits for the first control plane's init: it goes first out of the launch machine and at its mirror
  CHECK(graph.plan.steps[graph.at("w1/files.base")].after ==
        std::vector{graph.at("cp1/payload.first"), graph.at("w1/host.before")});
  CHECK(graph.waits_for_end("w1/images.base", "cp1/images.base"));
  CHECK_FALSE(graph.needs("w1/images.base", "cp1/images.base"));
  // kubeadm need not wait for the applications' images, nor one worker for another
  CHECK_FALSE(graph.needs("cp1/kubeadm.init", "cp1/payload.rest"));
  CHECK_FALSE(graph.needs("w1/node.ready", "cp1/payload.rest"));
  CHECK_FALSE(graph.needs("w2/node.ready", "w1/kubeadm.join"));
  // and neither delays the other on the same host
  CHECK(graph.plan.steps[graph.at("cp1/payload.rest")].lane == engine::Lane::bytes);
  CHECK(graph.plan.steps[graph.at("cp1/kubeadm.init")].lane == engine::Lane::main);
}

TEST_CASE("plan: the balancer restarts for its unit alone; its list of API servers is told to it") {
  const Graph graph;
  using Ids = std::vector<engine::StepId>;
  for (const std::string host : {"cp1", "w1"}) {
    // A mirror that listens elsewhere, on a host that becomes a registry host, is none of its business.
    CHECK_FALSE(graph.needs(host + "/units.balancer", host + "/units.sockets"));
    CHECK(graph.plan.steps[graph.at(host + "/files.sockets")].ends == Ids{"units.sockets"});
    CHECK(graph.plan.steps[graph.at(host + "/files.api-socket")].ends == Ids{"units.api-socket"});
    CHECK(graph.plan.steps[graph.at(host + "/files.backends")].ends == Ids{"reload.balancer"});
    CHECK(graph.plan.steps[graph.at(host + "/files.balancer")].ends == Ids{"units.balancer"});
    CHECK(graph.plan.steps[graph.at(host + "/files.node")].ends == Ids{"units.node"});
  }
}

TEST_CASE("plan: whatever becomes of the applications, the cluster is looked at in the end") {
  const Graph graph;
  for (const char* app : {"cp1/app.redis", "cp1/app.erp"}) {
    CHECK(graph.waits_for_end("cp1/cluster.healthy", app));
    CHECK_FALSE(graph.needs("cp1/cluster.healthy", app));
  }
  CHECK(graph.needs("cp1/cluster.healthy", "cp1/app.flannel"));
}

TEST_CASE("plan: a failed control plane ends the run, a failed worker is set aside, a failed application stays alone") {
  const Graph graph;
  for (const auto& planned : graph.plan.steps) {
    INFO(planned.host << " " << planned.step->id());
    const bool beside = planned.step->id() == "app.redis" || planned.step->id() == "app.erp";
    CHECK(planned.lane == (beside ? engine::Lane::applications
                           : planned.step->id().starts_with("payload.") || planned.step->id() == "files.base"
                               ? engine::Lane::bytes
                               : engine::Lane::main));
    CHECK(planned.on_failure == (beside                  ? engine::OnFailure::alone
                                 : planned.host == "cp1" ? engine::OnFailure::end_run
                                                         : engine::OnFailure::set_aside));
    CHECK(planned.changes_cluster == (planned.step->id() == "kubeadm.init" || planned.step->id() == "kubeadm.join"));
  }
}

TEST_CASE("plan: control planes join one after the other, each a whole one") {
  const Graph graph(4);
  for (const auto& [step, other] : std::to_array<Edge>({
           {"cp2/kubeadm.join", "cp1/api.ready"},
           {"cp2/control-plane.ready", "cp2/kubeadm.join"},
           {"cp3/kubeadm.join", "cp2/control-plane.ready"},
           {"cp4/kubeadm.join", "cp3/control-plane.ready"},
           {"cp5/kubeadm.join", "cp4/control-plane.ready"},
           {"cp2/pki.authority", "cp1/pki.authority"},
           {"cp2/pki.node", "cp2/pki.authority"},
           // a registry host pulls from its own payload, and its mirror shows the folders that the record comes with
           {"cp2/images.base", "cp2/payload.first"},
           {"cp2/units.node", "cp2/artifact.record"},
           {"cp4/images.base", "cp1/payload.first"},
           // one way out of the launch machine
           {"cp2/payload.first", "cp1/payload.first"},
           {"cp3/payload.rest", "cp1/payload.rest"},
           {"cp1/app.redis", "cp3/payload.rest"},
           {"cp1/app.redis", "cp5/node.ready"},
           {"cp1/cluster.healthy", "cp5/node.ready"},
       })) {
    INFO(step << " needs " << other);
    CHECK(graph.needs(step, other));
  }
  // workers need not wait for further control planes
  CHECK_FALSE(graph.needs("w1/kubeadm.join", "cp2/kubeadm.join"));
  for (const auto& planned : graph.plan.steps) {
    if (planned.host == "cp4") CHECK_FALSE(planned.step->id().starts_with("payload."));
    if (planned.lane != engine::Lane::applications)
      CHECK((planned.on_failure == engine::OnFailure::end_run) == planned.host.starts_with("cp"));
  }
}

TEST_CASE("plan: while the authority changes, all hosts believe both before the new one issues, and after") {
  Graph graph(1);
  const auto has = [&](std::string_view step) {
    return std::ranges::any_of(graph.plan.steps,
                               [&](const auto& one) { return one.host + "/" + one.step->id() == step; });
  };
  CHECK_FALSE(has("cp1/authority.next"));
  graph.deliver(steps::AuthorityChange{true});
  CHECK_FALSE(has("cp2/authority.next"));
  for (const std::string host : {"cp1", "cp2", "w1", "w2"}) {
    INFO(host);
    const bool is_worker = host.starts_with('w');
    // A worker that is set aside on the way holds nobody up: the step then sees that it is missing.
    const auto waits = [&](std::string_view step, const std::string& other) {
      return is_worker ? graph.waits_for_end(step, other) : graph.needs(step, other);
    };
    CHECK(graph.needs(host + "/authority.trust", "cp1/authority.next"));
    CHECK(waits("cp1/authority.switch", host + "/authority.trust"));
    CHECK(graph.needs(host + "/authority.certificates", "cp1/authority.switch"));
    CHECK(waits("cp1/authority.retire", host + "/authority.certificates"));
    CHECK(graph.needs(host + "/authority.forget", "cp1/authority.retire"));
  }
  CHECK(graph.needs("cp1/authority.retire", "cp2/authority.key"));
  CHECK(graph.needs("cp2/authority.key", "cp1/authority.switch"));
}
