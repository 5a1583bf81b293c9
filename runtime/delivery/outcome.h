// SPDX-License-Identifier: Apache-2.0
//
// How a run ended, host by host. Internal to this library.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "runtime/delivery/delivery.h"
#include "runtime/engine/summary.h"
#include "runtime/steps/model.h"

namespace sealift::delivery {

// `aside`: by address, the hosts that could not be reached before the run; with them it is `partial` at best.
Outcome to_outcome(const engine::RunSummary& summary, const std::vector<steps::Node>& nodes,
                   const std::map<std::string, Error>& aside, const config::ClusterConfig& config);

// Of the applications that are delivered side by side.
std::vector<ApplicationOutcome> application_outcomes(const engine::RunSummary& summary,
                                                     const std::vector<steps::SelectedApp>& apps);

// What a host does, not what its login wants: the others can be worked on without it.
bool may_be_set_aside(ErrorCode code);
// Tells that a host is left out, and why.
void tell_aside(Input& input, const std::string& host, const Error& why);
// Tells what comes now.
void tell_phase(Input& input, std::string title);

}  // namespace sealift::delivery
