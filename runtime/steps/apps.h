// SPDX-License-Identifier: Apache-2.0
//
// One application on the cluster: a helm release or plain manifests, with the site's values and a gate that opens once
// its objects are healthy. helm and kubectl run on a control plane; charts and values are kept there in /run (memory),
// 0600, and removed afterwards.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "payload/json/value.h"
#include "runtime/steps/basic_step.h"
#include "runtime/steps/model.h"

namespace sealift::steps {

class AppStep final : public BasicStep {
 public:
  AppStep(const Model& model, const SelectedApp& app);
  Result<engine::StepState> check(const engine::LookContext& context) override;
  Result<void> apply(engine::StepContext& context) override;

 private:
  Result<void> stage(engine::StepContext& context) const;
  Result<void> unstage(engine::StepContext& context) const;
  Result<void> install_chart(engine::StepContext& context) const;
  Result<void> recover_release(engine::StepContext& context) const;
  Result<void> apply_manifests(engine::StepContext& context) const;
  Result<void> apply_needed_first(engine::StepContext& context) const;
  Result<void> make_namespace(engine::StepContext& context) const;
  Result<void> wait_for_health(engine::StepContext& context) const;
  Result<std::string> objects(const engine::LookContext& context) const;
  Result<json::Value> installed_objects(const engine::LookContext& context, const std::string& manifests) const;
  // A pod selected by workloads, with the images that its workload wants now.
  struct SelectedPod {
    json::Value pod;
    std::set<std::string> wanted;
  };
  Result<std::vector<SelectedPod>> pods_of(const engine::LookContext& context, const json::Value& objects) const;
  std::optional<Error> missing_image(const std::vector<SelectedPod>& pods) const;
  base::Command kubectl_here(std::vector<std::string> arguments) const;

  const Model& model_;
  const SelectedApp& app_;
  std::string folder_;
};

// Largest accepted file of a chart or of manifests.
inline constexpr size_t kMaxAppFile = size_t{4} << 20;
// An application's files in the artifact, by path below its root.
std::vector<std::pair<std::string, format::TreeFile>> app_files(const format::Contents& contents,
                                                                const format::App& app);

// The values a chart is installed with, as file names and texts in helm's order: later wins. They may hold secrets.
Result<std::vector<std::pair<std::string, std::string>>> chart_values(const Model& model, const SelectedApp& app);

// The values every chart gets under global.sealift: podCIDR, serviceCIDR, clusterName, kubernetesVersion.
std::string site_values(const Model& model);

}  // namespace sealift::steps
