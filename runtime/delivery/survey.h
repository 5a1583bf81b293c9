// SPDX-License-Identifier: Apache-2.0
//
// The first look at a site: connect to all hosts, read what they are, and find what stands in the way. Nothing is
// changed here.
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

// Errors: what is wrong between artifact and configuration, a control plane that can't be reached, two nodes of one
// name, fields that differ from what the cluster was made with (fixed_fields.h). Findings are in the survey, for the
// caller to weigh.
Result<Survey> survey(Input& input, host::Purpose purpose);

// The findings that block, as one error; nothing if there are none. Each was told as an event.
std::optional<Error> blocking(const std::vector<checks::Finding>& findings);

}  // namespace sealift::delivery
