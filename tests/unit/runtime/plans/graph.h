// SPDX-License-Identifier: Apache-2.0
//
// The plan of a delivery as a graph: control planes cp1, cp2 …, workers w1 and w2, and applications that need each
// other.
#pragma once

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "payload/base/format.h"
#include "runtime/plans/deliver.h"
#include "tests/unit/runtime/steps/bench.h"

namespace sealift::tests {

struct Graph : Site {
  using Change = std::function<void(config::ClusterConfig&)>;  // of cluster.yaml
  explicit Graph(size_t more_control_planes = 0, const Change& change = {}) {
    add_file("programs/node", "node program");
    contents.stubs.push_back({Architecture::amd64, contents.tree.at("programs/node").object});
    add_file("etc/containerd.service", "[Service]\n");
    add_file("base.yaml", kSmallBase);
    contents.base_document = "base.yaml";
    for (const char* app : {"erp", "flannel", "redis"})
      add_file(base::format("apps/{}/all.yaml", app), base::format("kind: {}\n", app));
    contents.apps = {{"erp", format::AppKind::manifests, false, "apps/erp", {"redis"}, {}},
                     {"flannel", format::AppKind::manifests, true, "apps/flannel", {}, {}},
                     {"redis", format::AppKind::manifests, false, "apps/redis", {}, {}}};
    contents.launch = {"erp", "redis"};
    base.files = {{"etc/containerd.service", "/etc/systemd/system/containerd.service", 0644}};
    base.units = {{"containerd.service", true}, {"kubelet.service", false}};
    config.hosts[0].address = "10.7.0.11";
    config.hosts[1].address = "10.7.0.12";
    config.hosts.push_back(config.hosts[1]);
    config.hosts[2].address = "10.7.0.13";
    config.hosts[1].labels = {{"zone", "a"}};
    config.files = {{"a", "/etc/a", 0644, format::HostRole::all, "1"}};
    if (change) change(config);
    if (config.existing) {  // which an artifact without a base comes onto
      contents.base_document.reset();
      base = {};
    }
    auto apps = steps::select_apps(model().contents(), config);
    if (!apps) FAIL(apps.error().text());
    auto nodes = model().nodes;
    nodes.push_back({config.hosts[2], "w2", "10.7.0.13", worker.machine.facts});
    for (size_t i = 0; i < more_control_planes; ++i) {
      auto host = config.hosts[0];
      host.address = base::format("10.7.0.{}", 20 + i);
      nodes.push_back({host, base::format("cp{}", i + 2), host.address, worker.machine.facts});
    }
    whole_.reset(new steps::Model{model().payload, config, base, std::move(*apps), std::move(nodes)});
    deliver();
  }
  // The plan anew. `change`: while the node services' authority changes.
  void deliver(const std::optional<steps::AuthorityChange>& change = std::nullopt) {
    auto built = plans::deliver(*whole_, change);
    if (!built) FAIL(built.error().text());
    plan = std::move(*built);
  }

  size_t at(std::string_view step) const {
    for (size_t i = 0; i < plan.steps.size(); ++i) {
      if (plan.steps[i].host + "/" + plan.steps[i].step->id() == step) return i;
    }
    FAIL("the plan has no " << step);
    return 0;
  }
  // True if `step` can't begin before `other` is done.
  bool needs(std::string_view step, std::string_view other) const { return reaches(at(step), at(other)); }
  bool waits_for_end(std::string_view step, std::string_view other) const {
    return std::ranges::contains(plan.steps[at(step)].after_any, at(other));
  }

  engine::Plan plan;

 private:
  bool reaches(size_t from, size_t to) const {
    return std::ranges::any_of(plan.steps[from].after,
                               [&](size_t before) { return before == to || reaches(before, to); });
  }
  std::unique_ptr<steps::Model> whole_;
};

}  // namespace sealift::tests
