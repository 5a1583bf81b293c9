// SPDX-License-Identifier: Apache-2.0
//
// One application on the cluster: a helm release or plain manifests, with the site's values and a gate that opens once
// its objects are healthy. helm and kubectl run on the first control plane; charts come from the payload that lies
// there and values from here. Both are kept there in /run (memory), 0600, and removed afterwards.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "runtime/steps/app_files.h"
#include "runtime/steps/basic_step.h"
#include "runtime/steps/cluster_apps.h"
#include "runtime/steps/existing_cluster.h"
#include "runtime/steps/model.h"

namespace sealift::steps {

class AppStep final : public BasicStep {
 public:
  // `shared`: of all applications of the delivery.
  AppStep(const Model& model, const SelectedApp& app, std::shared_ptr<ClusterApps> shared);
  // After a look that found it installed: what an update would change, or what somebody has deleted.
  std::string describe() const override;
  Result<engine::StepState> check(const engine::LookContext& context) override;
  Result<void> apply(engine::StepContext& context) override;
  // The gate: until the objects of these manifests are healthy, if the application waits for that at all.
  Result<void> wait_for_health(engine::StepContext& context, const std::string& manifests) const;

 private:
  Result<void> wait_for_earlier(engine::StepContext& context) const;
  // These return the objects' manifests as text.
  Result<std::string> install(engine::StepContext& context) const;
  Result<std::string> install_chart(engine::StepContext& context) const;
  Result<std::string> apply_manifests(engine::StepContext& context) const;
  Result<void> stage(engine::StepContext& context) const;
  // The agent's words that make the site's patches.
  std::vector<std::string> patch_words(const std::string& verb) const;
  Result<void> recover_release(engine::StepContext& context) const;
  Result<void> apply_needed_first(engine::StepContext& context, const std::string& manifests) const;
  Result<void> make_namespace(engine::StepContext& context) const;
  // Sets `message` to what is not as it should be; true if all is.
  Result<bool> is_healthy(const engine::LookContext& context, bool why, std::string& message) const;
  // A pod selected by workloads, with the images that its workload wants now.
  struct SelectedPod {
    json::Value pod;
    std::set<std::string> wanted;
  };
  Result<std::vector<SelectedPod>> pods_of(const engine::LookContext& context,
                                           const std::vector<json::Value>& objects) const;
  std::optional<Error> missing_image(const std::vector<SelectedPod>& pods) const;
  base::Command kubectl_here(std::vector<std::string> arguments) const;
  Result<KubeContext> context_of_cluster(host::HostView& host) const;

  const Model& model_;
  const SelectedApp& app_;
  std::shared_ptr<ClusterApps> shared_;
  std::string folder_;
  std::string job_;  // the unit in which helm runs
  bool is_update_ = false;
  std::vector<kube::LastingObject> missing_;
};

// "app.redis", and the inputs of that step.
std::string app_step(const SelectedApp& app);
Digest app_inputs(const Model& model, const SelectedApp& app);

// The values a chart is installed with, as file names and texts in helm's order: later wins. They may hold secrets.
Result<std::vector<std::pair<std::string, std::string>>> chart_values(const Model& model, const SelectedApp& app);

// The values every chart gets under global.sealift: podCIDR, serviceCIDR, clusterName, kubernetesVersion. What networks
// a cluster has that Sealift did not make is not known.
std::string site_values(const Model& model);

}  // namespace sealift::steps
