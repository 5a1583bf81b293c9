// SPDX-License-Identifier: Apache-2.0
//
// The node service on a host: its program, configuration and units (service_units.h).
#pragma once

#include "runtime/steps/files.h"
#include "runtime/steps/model.h"

namespace sealift::steps {

// With it containerd asks the mirror.
inline constexpr std::string_view kHostsToml = "/etc/containerd/certs.d/_default/hosts.toml";

// The program, the mirror's configuration, the units of all services but the balancer and containerd's hosts.toml, as
// files of one step.
Result<std::vector<WantedFile>> node_service_files(const Model& model, const Node& node);
// What of it an earlier delivery may have left that this one does not want: logins of registries, and their images.
std::vector<std::string> unwanted_paths(const Model& model, const Node& node);
// The balancer's unit, which names the program. Apart from the others, since the balancer holds the connections of the
// whole host: what concerns the mirror, such as another registry host, must not restart it.
Result<std::vector<WantedFile>> balancer_files(const Model& model, const Node& node);
// Which control planes there are, for the balancer and the renewal. Apart from their units, since the balancer reads it
// again without a restart, and the renewal each time.
std::vector<WantedFile> backends_files(const Model& model, const Node& node);
std::vector<WantedFile> renewal_files(const Model& model);  // the renewal's alone, where there is no balancer
// The units of the services' sockets. Apart from the others, since a socket must not be restarted with its service; and
// the balancer's apart from the mirror's, which changes with the registry hosts.
std::vector<WantedFile> balancer_socket_files(const Model& model);
std::vector<WantedFile> socket_files(const Model& model, const Node& node);

// Path of the node service's program on a node, named by its digest.
Result<std::string> node_program(const Model& model, const Node& node);

}  // namespace sealift::steps
