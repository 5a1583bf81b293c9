// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "runtime/steps/basic_step.h"
#include "runtime/steps/model.h"

namespace sealift::steps {

// Pulls the base's images into containerd before kubeadm needs them, through the mirror and under their own names.
class ImagesStep final : public BasicStep {
 public:
  explicit ImagesStep(std::vector<std::string> images);
  Result<engine::StepState> check(const engine::LookContext& context) override;
  Result<void> apply(engine::StepContext& context) override;

 private:
  Result<std::vector<std::string>> missing(const engine::LookContext& context) const;
  std::vector<std::string> images_;
};

// The images this node needs to become a node, by their role names in base.yaml.
std::vector<std::string> base_images(const Model& model, const Node& node);

}  // namespace sealift::steps
