// SPDX-License-Identifier: Apache-2.0
//
// kubeadm's input documents (v1beta4): Sealift's own values, the base's documents merged over them, the site's over
// both; fields owned by Sealift can't be changed. Maps merge, extraArgs merge by name, other lists replace. Pure.
// Source: kubeadm configuration v1beta4 (Kubernetes 1.31 and later).
#pragma once

#include <string>
#include <vector>

#include "payload/format/base_document.h"
#include "runtime/config/cluster_config.h"

namespace sealift::kube {

struct KubeadmNode {
  std::string name, ip;
  std::vector<std::string> taints;  // "key=value:Effect"
  bool is_control_plane = false;
};

// On control planes whose etcd is the site's own: ca.crt, client.crt and client.key.
inline constexpr std::string_view kExternalEtcdFolder = "/etc/sealift/etcd";

struct KubeadmInput {
  const format::BaseDocument& base;
  const config::ClusterConfig& config;
  std::vector<std::string> control_plane_ips;
  bool cgroup_v1 = false;   // on any host: the kubelet is configured to accept it
  bool has_workers = true;  // without any, the control plane takes ordinary pods
};

// InitConfiguration, ClusterConfiguration, KubeletConfiguration, KubeProxyConfiguration as one YAML stream. Errors:
// invalid_config, with the line, if a document gives a field owned by Sealift another value.
Result<std::string> init_documents(const KubeadmInput& input, const KubeadmNode& node);

// InitConfiguration and ClusterConfiguration for `kubeadm init phase certs`, which finds the authority and leaves the
// certificates in `folder`.
Result<std::string> certificate_documents(const KubeadmInput& input, const KubeadmNode& node,
                                          const std::string& folder);
// The names and addresses that cluster.yaml wants in the API servers' certificates beside their own.
std::vector<std::string> wanted_names(const KubeadmInput& input);
// What the keys of this cluster begin with in etcd: "/registry/".
std::string etcd_prefix_of(const KubeadmInput& input);

struct JoinToken {
  Secret token;
  std::string ca_hash;  // "sha256:…"
};
// Parses the output of `kubeadm token create --print-join-command`. Errors: protocol if it can't be read.
Result<JoinToken> parse_join_command(std::string_view output);

// JoinConfiguration of a worker or of a further control plane, whose keys lie on the host already; contains the token.
Result<Secret> join_document(const KubeadmInput& input, const KubeadmNode& node, const JoinToken& token);

// Whether the base and the site set only what they may, before any node is known. Errors: as above.
Result<void> check_documents(const KubeadmInput& input);

// kubeadm arguments for init and join that these hosts require.
std::vector<std::string> preflight_arguments(const KubeadmInput& input);

}  // namespace sealift::kube
