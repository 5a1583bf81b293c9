// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sealift::kube {

// A Corefile whose block for all names (".:53") forwards to these servers, or to nobody: CoreDNS ends with "no
// nameservers found" where /etc/resolv.conf names none. What forwards other names, and everything else, is given back
// as it is.
std::string with_upstreams(std::string_view corefile, const std::vector<std::string>& servers);

// What kubeadm has CoreDNS forward to: the name servers of the host that the pod runs on.
inline constexpr std::string_view kHostsOwnServers = "/etc/resolv.conf";

// Name servers that a pod can reach: no loopback addresses (a stub resolver of the host).
bool is_usable_name_server(std::string_view address);

}  // namespace sealift::kube
