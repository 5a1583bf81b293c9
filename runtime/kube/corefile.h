// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sealift::kube {

// The Corefile that kubeadm made, with its `forward` lines pointing at these servers, or without them: CoreDNS ends
// with "no nameservers found" where /etc/resolv.conf names none. Text that has no forward is given back as it is.
std::string with_upstreams(std::string_view corefile, const std::vector<std::string>& servers);

// Name servers that a pod can reach: no loopback addresses (a stub resolver of the host).
bool is_usable_name_server(std::string_view address);

}  // namespace sealift::kube
