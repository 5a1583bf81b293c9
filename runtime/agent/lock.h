// SPDX-License-Identifier: Apache-2.0
//
// The lock of a host against a second operator: <folder>/lock, held by the agent with flock, so that the kernel
// releases it when the agent ends. The file names the last holder that made changes, in lines: owner, run, process.
// Internal to this library.
#pragma once

#include <string>

#include "payload/base/fd.h"
#include "runtime/agent/agent_server.h"

namespace sealift::agent {

// Exclusive to change, shared to look. An agent left behind by the same run is ended; another run's is never touched. A
// look does not wait: while another operator makes changes it gets no descriptor, and `note` names that operator.
// Errors: busy after five seconds; unreachable if this program's own file was removed meanwhile.
Result<base::Fd> take_lock(const AgentOptions& options, std::string& note);

}  // namespace sealift::agent
