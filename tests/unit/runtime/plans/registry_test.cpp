// SPDX-License-Identifier: Apache-2.0
//
// Where the images lie: the plan of a delivery whose registry hosts are others than the first control planes.
#include <catch2/catch_test_macros.hpp>

#include "tests/unit/runtime/plans/graph.h"

using namespace sealift;
using tests::Graph;

namespace {

size_t count(const Graph& graph, std::string_view step) {
  return static_cast<size_t>(std::ranges::count_if(
      graph.plan.steps, [&](const engine::PlannedStep& planned) { return planned.step->id() == step; }));
}

Graph on_worker(size_t more_control_planes = 0) {
  return Graph(more_control_planes, [](config::ClusterConfig& config) {
    config.registry.on = config::RegistryConfig::Hosts::named;
    config.registry.hosts = {config.hosts[1].address};
  });
}

}  // namespace

TEST_CASE("plan: a worker that keeps the images is ready before the first control plane pulls any") {
  const auto graph = on_worker();
  CHECK(graph.needs("cp1/images.base", "w1/payload.first"));
  CHECK(graph.needs("cp1/images.base", "w1/units.node"));
  CHECK(graph.needs("w2/images.base", "w1/units.node"));
  CHECK(graph.needs("w1/units.node", "w1/artifact.record"));
  CHECK(graph.needs("w1/pki.node", "cp1/pki.authority"));
  // helm reads the charts where it runs
  CHECK(graph.needs("cp1/images.base", "cp1/payload.charts"));
  CHECK(graph.needs("cp1/app.flannel", "cp1/payload.charts"));
  CHECK(graph.needs("cp1/app.redis", "w1/payload.rest"));
  CHECK(count(graph, "payload.first") == 1);
  CHECK(count(graph, "payload.charts") == 1);
  CHECK(count(graph, "artifact.let-go") == 0);
}

TEST_CASE("plan: every control plane that may run helm has the charts, and the first three alone") {
  const auto graph = on_worker(4);
  CHECK(count(graph, "payload.charts") == 3);
  CHECK(count(graph, "payload.rest") == 1);
}

TEST_CASE("plan: with a registry of the site the images are there before anything pulls them") {
  const Graph graph(1, [](config::ClusterConfig& config) {
    config.registry.external = config::RemoteRegistry{.url = "https://harbor.plant7.lan/plant7"};
  });
  for (const auto* host : {"cp1", "cp2", "w1", "w2"})
    CHECK(graph.needs(std::string(host) + "/images.base", "cp1/images.upload-first"));
  CHECK(graph.needs("cp1/images.upload", "cp1/images.upload-first"));
  CHECK(graph.needs("cp1/app.redis", "cp1/images.upload"));
  CHECK(graph.needs("cp1/app.flannel", "cp1/payload.charts"));
  CHECK(count(graph, "payload.rest") == 0);
  CHECK(count(graph, "payload.charts") == 2);
}
