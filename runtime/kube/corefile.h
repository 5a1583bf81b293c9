// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sealift::kube {

// A Corefile whose block for all names (".:53") forwards to these servers, or to none: CoreDNS exits with "no
// nameservers found" if /etc/resolv.conf names none. Forwards of other names and everything else stay unchanged.
std::string with_upstreams(std::string_view corefile, const std::vector<std::string>& servers);

// kubeadm's default upstream for CoreDNS: the name servers of the pod's host.
inline constexpr std::string_view kHostsOwnServers = "/etc/resolv.conf";

// True for name servers that a pod can reach: no loopback addresses (a host's stub resolver).
bool is_usable_name_server(std::string_view address);

}  // namespace sealift::kube
