// SPDX-License-Identifier: Apache-2.0
//
// The final check of a delivery: nodes, the control plane's pods, system workloads, the delivered applications and the
// cluster's name service are healthy. A second run makes the same check, so it never says "nothing to do" about an
// unhealthy cluster; `status` shares its parts.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "runtime/kube/cluster_health.h"
#include "runtime/steps/basic_step.h"
#include "runtime/steps/model.h"

namespace sealift::steps {

// The cluster as the API describes it, asked through a control plane, and the judgement of it. `expected`: nodes that
// must be Ready. `judged` points into `objects`.
struct ClusterLook {
  kube::ClusterObjects objects;
  std::vector<kube::Judged> judged;
};
Result<ClusterLook> look_at_cluster(host::HostView& control_plane, const std::set<std::string>& expected,
                                    const CancelToken& cancel);

// The name server and domain given to pods, from the kubelet's configuration on a node.
struct NameService {
  std::string server, domain;
};
Result<NameService> name_service(host::HostView& node);
// Why the API's report on a node is out of date: the node has rebooted and its kubelet has not reported since. The API
// calls such a node Ready for most of a minute. Nothing if the report is current, or if either side does not say.
Result<std::optional<std::string>> stale_report(host::HostView& node, const std::string& reported_boot);
// Why a node gets no answer from it for kubernetes.default; nothing if it does.
Result<std::optional<std::string>> name_service_trouble(host::HostView& node, const NameService& service);

// Workloads of the selected applications that were installed and are to be healthy: a helm release's by its annotation,
// those of manifests by name. Reads the manifests from the artifact.
class DeliveredWorkloads {
 public:
  // `not_done`: steps that were not done (LookContext).
  explicit DeliveredWorkloads(const Model& model, const std::vector<engine::StepId>& not_done = {});
  bool holds(const json::Value& workload) const { return app_of(workload).has_value(); }
  // The application that brought it.
  std::optional<std::string> app_of(const json::Value& workload) const;

 private:
  std::map<std::pair<std::string, std::string>, std::string> releases_;  // by name and namespace
  std::map<std::vector<std::string>, std::string> named_;                // by kind, namespace and name
};

class HealthStep final : public BasicStep {
 public:
  explicit HealthStep(const Model& model);
  Result<engine::StepState> check(const engine::LookContext& context) override;
  Result<void> apply(engine::StepContext& context) override;

 private:
  // What is unhealthy: the cluster's objects, then nodes; empty = healthy.
  Result<std::vector<std::string>> troubles(const engine::LookContext& context) const;
  std::vector<std::string> object_troubles(const engine::LookContext& context, const ClusterLook& look) const;
  // Each node's own view: whether the API's report is from its current boot, and whether name service works.
  Result<std::vector<std::string>> node_troubles(const engine::LookContext& context,
                                                 const std::set<std::string>& expected, const ClusterLook& look) const;

  const Model& model_;
};

}  // namespace sealift::steps
