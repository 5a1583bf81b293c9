// SPDX-License-Identifier: Apache-2.0
//
// How kubectl and helm on a host find the cluster.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "payload/base/format.h"

namespace sealift::host {

// The login that cluster.yaml gives for a cluster that Sealift did not make (existing.kubeconfig); on no other host.
inline constexpr std::string_view kSiteKubeconfig = "/etc/sealift/kubeconfig";

// Without a kubeconfig they would ask whoever listens on this host's port 8080, without encryption.
inline constexpr std::string_view kNoOtherCluster = "KUBERNETES_MASTER=https://no-kubeconfig.invalid";

// The environment of both programs, with `home`, "HOME=…". The first of the files that is there says which cluster; the
// second is kubeadm's.
inline std::vector<std::string> kube_environment(std::string_view home) {
  return {base::format("KUBECONFIG={}:/etc/kubernetes/admin.conf", kSiteKubeconfig), std::string(kNoOtherCluster),
          std::string(home)};
}

}  // namespace sealift::host
