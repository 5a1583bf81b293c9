// SPDX-License-Identifier: Apache-2.0
//
// Whether etcd bears it that members leave. Pure.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "runtime/steps/etcd.h"

namespace sealift::steps {

// Why these may not leave, with the numbers; nothing if they may. `answering`, `leaving`: ids of members. Learners do
// not vote, so they count nowhere; one that was added and never started counts as a member that does not answer.
std::optional<std::string> quorum_refusal(const std::vector<EtcdMember>& members,
                                          const std::set<std::string>& answering, const std::set<std::string>& leaving);

}  // namespace sealift::steps
