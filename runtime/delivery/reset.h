// SPDX-License-Identifier: Apache-2.0
//
// Undoes a delivery on hosts, by their ledgers. No cluster is asked.
#pragma once

#include <string>
#include <vector>

#include "runtime/delivery/delivery.h"

namespace sealift::delivery {

struct ResetOptions {
  std::vector<std::string> hosts;  // by name or address; empty = all of cluster.yaml
  bool verify = false;             // fail (unhealthy) if anything is left that was not there before the delivery
};

// Hosts that are away are set aside (partial). Errors before anything is changed: not_found for a host that is not in
// cluster.yaml; a refused login; unreachable if none answers.
Result<Outcome> reset(Input& input, const ResetOptions& options);

}  // namespace sealift::delivery
