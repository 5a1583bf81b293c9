// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/cluster_traces.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "payload/base/text.h"

namespace sealift::steps {
namespace {

using host::Trace;

// Sources: kubeadm's reset and its documentation; the pod networks' own manifests (their hostPath volumes).
const std::vector<std::string> kTrees{
    "/etc/cni",
    "/etc/kubernetes",
    "/etc/sealift",
    "/opt/cni",
    "/opt/containerd",
    "/run/calico",
    "/run/cilium",
    "/run/containerd",
    "/run/flannel",
    "/run/nri",
    "/run/xtables.lock",
    "/usr/libexec/kubernetes",
    "/var/lib/calico",
    "/var/lib/cilium",
    "/var/lib/cni",
    "/var/lib/containerd",
    "/var/lib/etcd",
    "/var/lib/kubelet",
    "/var/lib/sealift/artifacts",
    "/var/lib/sealift/payloads",
    "/var/lib/sealift/roots",
    "/var/lib/systemd/timers/stamp-sealift-renew.timer",
    "/var/log/calico",
    "/var/log/containers",
    "/var/log/pods",
};

// For hostPath volumes of the control plane's pods (kubeadm: DirectoryOrCreate), where the host has none: deepest
// first.
const std::vector<std::string> kFolders{"/etc/ssl/certs", "/etc/ssl",   "/etc/ca-certificates",
                                        "/etc/pki",       "/run/netns", "/var/lib/systemd/timers"};

// Mount points of pods' networks; the folder is the host's.
constexpr std::string_view kPodNetworks = "/run/netns/cni-";

constexpr auto kLinks = std::to_array<std::string_view>({"cni0", "flannel", "cali", "vxlan.calico", "vxlan-v6.calico",
                                                         "cilium_", "kube-ipvs0", "nodelocaldns", "kube-bridge"});
constexpr auto kTables = std::to_array<std::string_view>({"kube-proxy", "flannel-ipv4", "flannel-ipv6"});
constexpr auto kChains = std::to_array<std::string_view>({"KUBE-", "FLANNEL-", "CNI-", "cali-", "CILIUM_"});
// Of iptables: they come into being with the first rule.
constexpr auto kIptables = std::to_array<std::string_view>({"filter", "nat", "mangle", "raw", "security"});

// Source: kubelet, pkg/kubelet/cm/container_manager_linux.go (setupKernelTunables).
constexpr auto kSetByKubelet =
    std::to_array<std::pair<std::string_view, std::string_view>>({{"vm.overcommit_memory", "1"},
                                                                  {"vm.panic_on_oom", "0"},
                                                                  {"kernel.panic", "10"},
                                                                  {"kernel.panic_on_oops", "1"},
                                                                  {"kernel.keys.root_maxkeys", "1000000"},
                                                                  {"kernel.keys.root_maxbytes", "25000000"}});
// Source: kube-proxy, cmd/kube-proxy/app/conntrack.go and pkg/proxy; the values follow from the machine.
constexpr auto kSetByProxy = std::to_array<std::string_view>(
    {"net.netfilter.nf_conntrack_max", "net.netfilter.nf_conntrack_tcp_timeout_established",
     "net.netfilter.nf_conntrack_tcp_timeout_close_wait", "net.ipv4.conf.all.route_localnet"});

std::string_view last_word(std::string_view text) { return text.substr(text.rfind(' ') + 1); }

// "ip filter KUBE-FIREWALL" → "filter".
std::string_view table_of(std::string_view name) {
  const auto words = base::split_words(name);
  return words.size() < 2 ? std::string_view() : words[1];
}

bool begins_with_any(std::string_view text, const auto& beginnings) {
  return std::ranges::any_of(beginnings, [&](std::string_view beginning) { return text.starts_with(beginning); });
}

}  // namespace

const Trace* KnownTraces::find(Trace::Kind kind, std::string_view name) const {
  const auto found = std::ranges::lower_bound(footprint_, std::pair(kind, name), {}, [](const Trace& trace) {
    return std::pair(trace.kind, std::string_view(trace.name));
  });
  return found != footprint_.end() && found->kind == kind && found->name == name ? &*found : nullptr;
}

const std::vector<std::string>& cluster_trees() { return kTrees; }

std::vector<std::string> own_trees() {
  std::vector<std::string> out;
  std::ranges::copy_if(kTrees, std::back_inserter(out),
                       [](const std::string& tree) { return tree.contains("sealift"); });
  return out;
}

const std::vector<std::string>& cluster_folders() { return kFolders; }

bool is_in_cluster_tree(std::string_view path) {
  return path.starts_with(kPodNetworks) || std::ranges::any_of(kTrees, [&](const std::string& tree) {
           return path == tree || (path.starts_with(tree) && path[tree.size()] == '/');
         });
}

bool is_of_a_cluster(const Trace& trace) {
  switch (trace.kind) {
    case Trace::Kind::path:
    case Trace::Kind::mount: return is_in_cluster_tree(trace.name);
    case Trace::Kind::link: return begins_with_any(trace.name, kLinks);
    case Trace::Kind::table:
      return std::ranges::contains(kTables, last_word(trace.name)) ||
             (trace.value == "0" && std::ranges::contains(kIptables, last_word(trace.name)));
    case Trace::Kind::chain:
      return begins_with_any(last_word(trace.name), kChains) || std::ranges::contains(kTables, table_of(trace.name));
    case Trace::Kind::cgroup: return true;
    case Trace::Kind::sysctl:
      return std::ranges::contains(kSetByKubelet,
                                   std::pair(std::string_view(trace.name), std::string_view(trace.value))) ||
             std::ranges::contains(kSetByProxy, trace.name);
    case Trace::Kind::unit:
    case Trace::Kind::module:
    case Trace::Kind::user:
    case Trace::Kind::process: break;
  }
  return false;
}

}  // namespace sealift::steps
