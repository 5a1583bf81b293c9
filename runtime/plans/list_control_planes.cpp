// SPDX-License-Identifier: Apache-2.0
#include "runtime/plans/groups.h"
#include "runtime/steps/node_service.h"
#include "runtime/steps/units.h"

namespace sealift::plans {

std::shared_ptr<engine::Step> list_control_planes(const steps::Model& model, const steps::Node& node) {
  return std::make_shared<steps::FilesStep>("files.backends", "list the control planes",
                                            steps::backends_files(model, node));
}

std::shared_ptr<engine::Step> reload_balancer(const steps::Model& model, const steps::Node& node) {
  return std::make_shared<steps::ReloadStep>(std::string(kReloadBalancer), "tell the API balancer its API servers",
                                             "sealift-api.service", list_control_planes(model, node)->inputs());
}

}  // namespace sealift::plans
