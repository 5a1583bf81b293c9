// SPDX-License-Identifier: Apache-2.0
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/delivery/control_plane.h"
#include "runtime/steps/config_step.h"

namespace sealift::delivery {

Result<std::string> current_config(Input& input) {
  SEALIFT_ASSIGN(const auto found, find_control_planes(input));
  Error last;
  for (const auto& one : found.there) {
    const auto kept = steps::read_kept_config(*one.host, input.cancel);
    if (!kept) {
      last = kept.error();
      continue;
    }
    if (!*kept || (*kept)->text.empty())
      return fail(ErrorCode::not_found, "the cluster keeps no cluster.yaml; the next apply gives it one");
    return base::format("# {} ({}), applied by {} at {}\n{}", base::printable((*kept)->artifact),
                        base::printable((*kept)->identity), base::printable((*kept)->applied_by),
                        base::printable((*kept)->applied_at), (*kept)->text);
  }
  return fail_while(std::move(last), "asking the cluster for its cluster.yaml");
}

}  // namespace sealift::delivery
