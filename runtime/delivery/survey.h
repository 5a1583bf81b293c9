// SPDX-License-Identifier: Apache-2.0
//
// The first look at a site: connects to all hosts, reads their facts and finds what stands in the way. Changes nothing.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/checks/preflight.h"
#include "runtime/delivery/delivery.h"
#include "runtime/engine/connections.h"
#include "runtime/steps/model.h"

namespace sealift::delivery {

struct Survey {
  std::unique_ptr<steps::Model> model;  // reachable hosts only
  std::map<std::string, Error> aside;   // by address: workers that could not be reached
  std::vector<checks::Finding> findings;
  std::unique_ptr<engine::ConnectionPool> connections;  // by node name
};

// Errors: conflicts between artifact and configuration, an unreachable control plane, duplicate node names, fields that
// differ from those the cluster was made with (fixed_fields.h). Findings are returned for the caller to judge.
Result<Survey> survey(Input& input, host::Purpose purpose);

// Runs a plan for what was found, or only looks what it would do.
Result<Outcome> run_plan(Input& input, const Survey& found, const engine::Plan& planned);
Result<PlanOutcome> look_at_plan(Input& input, const Survey& found, const engine::Plan& planned);

// The blocking findings as one error; nothing if there are none. Each has been reported as an event.
std::optional<Error> blocking(const std::vector<checks::Finding>& findings);

}  // namespace sealift::delivery
