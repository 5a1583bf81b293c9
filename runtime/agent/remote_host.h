// SPDX-License-Identifier: Apache-2.0
//
// A host at the other end of the agent's protocol: each call of host::Host is one request. Any number of threads may
// call at once; it knows two byte streams and nothing of SSH.
//
// The host is not believed: each answer has a limit of bytes, of elements and of time (limit_exceeded, protocol,
// timeout), and text for people is made printable where it comes in. Whatever a host sends, a connection holds at most
// 64 MiB, but for read() with a larger limit, and for footprint(), which is read whole before it is taken apart.
#pragma once

#include <functional>
#include <memory>

#include "runtime/host/host.h"

namespace sealift::agent {

// The two ends of a connection to an agent. `close` makes a waiting read return; it may be called from any thread.
struct AgentLink {
  base::Source& from_agent;
  base::Sink& to_agent;
  std::function<void()> close;
  std::shared_ptr<void> keep;  // keeps alive whatever the streams need
};

class RemoteHost : public host::Host {
 public:
  // Waits for the agent's hello. Errors: protocol (another program or version answers), busy (another operator's lock),
  // unreachable, and any error the agent reports at its start.
  static Result<std::unique_ptr<RemoteHost>> connect(AgentLink link, Clock& clock);
  // The holder of the lock that a looking agent did not get; empty = nobody.
  virtual const std::string& busy_owner() const = 0;
};

}  // namespace sealift::agent
