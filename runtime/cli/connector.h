// SPDX-License-Identifier: Apache-2.0
//
// Connects hosts for the delivery: SSH logins with the secrets of cluster.yaml, then an agent on each host.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "payload/base/cancel.h"
#include "runtime/agent/connect.h"
#include "runtime/cli/secrets.h"
#include "runtime/config/cluster_config.h"
#include "runtime/delivery/delivery.h"

namespace sealift::cli {

struct ConnectorOptions {
  const format::PayloadReader& payload;              // holds the agents
  std::map<std::string, agent::HostSecrets> logins;  // by HostConfig::address
  std::string state_directory;                       // holds known_hosts with the accepted keys
  bool accept_new_host_keys = false;
  EventSink& events;
  Clock& clock;
  CancelToken cancel;
};

// Resolves every secret once, in the order of the hosts; fills in the passwords of registries if they are needed.
// Errors: the first one's, with all that can't be had; cancelled at a prompt.
Result<std::map<std::string, agent::HostSecrets>> resolve_secrets(config::ClusterConfig& cluster, bool registries,
                                                                  SecretStore& secrets);

Result<std::unique_ptr<delivery::HostConnector>> make_ssh_connector(ConnectorOptions options);

// "ops@laptop": who works here, for a second operator to read.
std::string owner_name();

// For plan --offline: every connection is `unsupported`.
std::unique_ptr<delivery::HostConnector> make_no_connector();

}  // namespace sealift::cli
