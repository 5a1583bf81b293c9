// SPDX-License-Identifier: Apache-2.0
//
// From an entry of cluster.yaml to a host::Host: login, agent, first facts. The only entry point for higher layers; it
// knows nothing of steps.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "payload/base/cancel.h"
#include "payload/base/clock.h"
#include "payload/base/event.h"
#include "payload/base/secret.h"
#include "runtime/agent/landing.h"
#include "runtime/config/cluster_config.h"
#include "runtime/host/host.h"

namespace sealift::agent {

// One host's secrets, resolved.
struct HostSecrets {
  std::optional<Secret> password, sudo_password, key_passphrase;
};

struct ConnectOptions {
  AgentProvider agent;                   // called by several threads
  std::string state_directory;           // accepted host keys are recorded in its known_hosts; empty = not recorded
  std::vector<std::string> known_hosts;  // OpenSSH files to search; see ssh::default_known_hosts()
  bool accept_new_host_keys = false;
  host::Purpose purpose = host::Purpose::look;  // see there
  std::string owner;                            // who is working here, for a second operator to read
  std::string run;  // the same for all connections of one run: a reconnection takes over its own lock
  Duration login_timeout{60'000};
  // From the login to the agent's greeting, without the time for sending the agent, at 16 KiB a second or more.
  Duration start_timeout{120'000};
  std::vector<std::string> folders;          // where to land, instead of landing_folders(dataRoot): for tests
  std::vector<std::string> agent_arguments;  // more arguments: for tests
};

struct Connected {
  std::unique_ptr<host::Host> host;
  host::Facts facts;
};

// Errors: those of ssh::Session, land_agent and RemoteHost. `unreachable` and `timeout` within the first minute are
// retried once. After a cancel, all calls of the host end within 20 seconds.
// Any thread.
Result<Connected> connect_host(const config::HostConfig& config, const HostSecrets& secrets,
                               const ConnectOptions& options, EventSink& events, Clock& clock,
                               const CancelToken& cancel);

// Several at once, at most eight connecting at a time; results in the order of `configs`. `secrets` has as many
// elements as `configs`, one for all, or none.
std::vector<Result<Connected>> connect_hosts(std::span<const config::HostConfig> configs,
                                             std::span<const HostSecrets> secrets, const ConnectOptions& options,
                                             EventSink& events, Clock& clock, const CancelToken& cancel);

}  // namespace sealift::agent
