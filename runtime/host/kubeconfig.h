// SPDX-License-Identifier: Apache-2.0
//
// How kubectl and helm on a host find the cluster.
#pragma once

#include <string_view>

namespace sealift::host {

// The login that cluster.yaml gives for a cluster that Sealift did not make (existing.kubeconfig); on no other host.
inline constexpr std::string_view kSiteKubeconfig = "/etc/sealift/kubeconfig";

// In the environment of both programs. The first file that is there says which cluster; the second is kubeadm's.
inline constexpr std::string_view kKubeconfigs = "KUBECONFIG=/etc/sealift/kubeconfig:/etc/kubernetes/admin.conf";
// Without either of them they would ask whoever listens on this host's port 8080, without encryption.
inline constexpr std::string_view kNoOtherCluster = "KUBERNETES_MASTER=https://no-kubeconfig.invalid";

}  // namespace sealift::host
