// SPDX-License-Identifier: Apache-2.0
#include "payload/charts/packed_rules.h"

#include "payload/base/format.h"

namespace sealift::charts {

Result<void> add_packed_rules(const format::PayloadReader& payload, std::string_view whose, workloads::Rules& rules,
                              const std::function<bool(const std::string& path)>& is_wanted) {
  const auto& tree = payload.contents().tree;
  for (auto at = tree.lower_bound(std::string(kRulesFolder)); at != tree.end() && at->first.starts_with(kRulesFolder);
       ++at) {
    if (!is_wanted(at->first)) continue;
    SEALIFT_ASSIGN(const auto text, payload.read_all(at->second.object.digest, kMaxRules));
    SEALIFT_TRY(rules.add(base::as_text(text), base::format("{}{}", whose, at->first)));
  }
  return {};
}

}  // namespace sealift::charts
