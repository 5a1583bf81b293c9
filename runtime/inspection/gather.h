// SPDX-License-Identifier: Apache-2.0
//
// Asks: the hosts all at once, each with a number of calls that does not grow with the others; the API through one
// control plane, with a number of calls that does not grow with nodes or applications. Changes nothing.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "payload/base/cancel.h"
#include "payload/base/clock.h"
#include "runtime/inspection/look.h"

namespace sealift::inspection {

// A host, and its connection if there is one.
struct AskedHost {
  config::HostConfig config;
  std::shared_ptr<host::Host> host;
  std::optional<Error> away;  // why there is no connection
};

// A host that is lost meanwhile is away from then on; any other trouble is part of what was seen. Errors: cancelled.
Result<Look> gather(const std::vector<AskedHost>& hosts, const config::ClusterConfig& config, Clock& clock,
                    const CancelToken& cancel);

// --- its parts ---

// Units that every node needs.
std::vector<std::string_view> node_units();
// Why the API server does not answer within three seconds; nothing if it does. `server`: a URL instead of the one that
// the administrator's kubeconfig names. Errors: of the host alone.
Result<std::optional<Error>> probe_api(host::HostView& control_plane, const std::string& server,
                                       const CancelToken& cancel);
// The last line of what a program says, which is where client libraries put the final error, for people.
std::string last_line(std::string_view text);

// Errors: those of the host; unreachable and the like.
Result<void> look_at_host(host::HostView& host, const config::ClusterConfig& config, Clock& clock,
                          const CancelToken& cancel, HostLook& out);
ClusterLook ask_cluster(host::HostView& control_plane, const std::string& name, const config::ClusterConfig& config,
                        const CancelToken& cancel);
// What one host is to tell, after what is known of all.
node::HostQuestion question_for(const HostLook& host, const Look& look, const config::ClusterConfig& config);
// From kubectl's table of pods (gather_cluster.cpp).
std::vector<PodRow> pod_rows(std::string_view table);
// From kubectl's lines about definitions of kinds and APIs (gather_cluster.cpp).
std::vector<json::Value> definitions_of(std::string_view lines);

}  // namespace sealift::inspection
