// SPDX-License-Identifier: Apache-2.0
//
// Kernel modules and sysctls, now and after a reboot.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "runtime/steps/basic_step.h"

namespace sealift::steps {

class KernelStep final : public BasicStep {
 public:
  KernelStep(std::vector<std::string> modules, std::map<std::string, std::string> sysctls);
  Result<engine::StepState> check(const engine::LookContext& context) override;
  Result<void> apply(engine::StepContext& context) override;

 private:
  Result<bool> file_is(const engine::LookContext& context, const std::string& path, const std::string& text) const;
  Result<void> write(engine::StepContext& context, const std::string& path, const std::string& text) const;
  std::vector<std::string> modules_;
  std::map<std::string, std::string> sysctls_;
  std::string modules_text_, sysctls_text_;
};

}  // namespace sealift::steps
