// SPDX-License-Identifier: Apache-2.0
//
// From an entry of cluster.yaml to a host::Host: login, agent, first facts. The one entry for everybody above; it knows
// nothing of steps.
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

// The secrets of one host, resolved.
struct HostSecrets {
  std::optional<Secret> password, sudo_password, key_passphrase;
};

struct ConnectOptions {
  AgentProvider agent;                   // called by several threads
  std::string state_directory;           // accepted host keys are recorded in its known_hosts; empty = not
  std::vector<std::string> known_hosts;  // OpenSSH's files to look in; see ssh::default_known_hosts()
  bool accept_new_host_keys = false;
  host::Purpose purpose = host::Purpose::look;  // look: shared lock, and an agent that was not there before goes again
  std::string owner;                            // who works here, for a second operator to read
  std::string run;  // the same for all connections of one run: a reconnection takes its own lock over
  Duration login_timeout{60'000};
  std::vector<std::string> folders;          // to land in, instead of landing_folders(dataRoot): for tests
  std::vector<std::string> agent_arguments;  // further ones: for tests
};

struct Connected {
  std::unique_ptr<host::Host> host;
  host::Facts facts;
};

// Errors: those of ssh::Session, land_agent and RemoteHost. `unreachable` and `timeout` before the login are tried
// twice. Any thread.
Result<Connected> connect_host(const config::HostConfig& config, const HostSecrets& secrets,
                               const ConnectOptions& options, EventSink& events, Clock& clock,
                               const CancelToken& cancel);

// Several at once, at most eight in the act of connecting; results in the order of `configs`. `secrets` has as many
// elements, or one for all.
std::vector<Result<Connected>> connect_hosts(std::span<const config::HostConfig> configs,
                                             std::span<const HostSecrets> secrets, const ConnectOptions& options,
                                             EventSink& events, Clock& clock, const CancelToken& cancel);

}  // namespace sealift::agent
