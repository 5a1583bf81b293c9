// SPDX-License-Identifier: Apache-2.0
//
// The lock of a host against a second operator: <folder>/lock, held with flock by the agent, so that the kernel frees
// it when the agent ends. It says who changed last in lines: owner, run, process. Internal to this library.
#pragma once

#include <string>

#include "payload/base/fd.h"
#include "runtime/agent/agent_server.h"

namespace sealift::agent {

// Exclusive for who changes, shared for who looks. An agent that the same run left behind is ended; another run's is
// never touched. Who looks does not wait: beside somebody who changes it gets no descriptor, and `note` names that one.
// Errors: busy after five seconds; unreachable if this program's own file was removed while it waited.
Result<base::Fd> take_lock(const AgentOptions& options, std::string& note);

}  // namespace sealift::agent
