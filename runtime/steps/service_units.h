// SPDX-License-Identifier: Apache-2.0
//
// The systemd units of the node service as texts, and the addresses that they listen on. runtime/SECURITY.md explains
// what they may do.
#pragma once

#include <string>
#include <vector>

#include "runtime/steps/model.h"

namespace sealift::steps {

struct UnitFile {
  std::string name, text;  // "sealift-mirror.service"
};
// `program`: path of the node service's program on the node.
std::vector<UnitFile> service_units(const Model& model, const Node& node, const std::string& program);
// All but the balancer's: the mirror's changes when the node becomes a registry host, or is one no more.
std::vector<UnitFile> socket_units(const Model& model, const Node& node);
UnitFile balancer_socket_unit(const Model& model);

// "10.7.0.11:5000", "[fd00::1]:5000"
std::string endpoint(const std::string& ip, uint16_t port);
// Whether other hosts ask its mirror (Model::asked_hosts).
bool is_asked(const Model& model, const Node& node);
// The mirror's addresses: this host's own, and the one for others if they ask it.
std::vector<std::string> mirror_endpoints(const Model& model, const Node& node);
std::string balancer_endpoint(const Model& model);
// Where this control plane renews certificates.
std::string authority_endpoint(const Model& model, const Node& node);

}  // namespace sealift::steps
