// SPDX-License-Identifier: Apache-2.0
#include "runtime/inspection/catalog.h"

#include <algorithm>
#include <array>

#include "payload/base/format.h"

namespace sealift::inspection {
namespace {

constexpr auto kHosts = std::to_array<Check>({
    {"host.answers", "every host of cluster.yaml can be logged in to and answers the agent",
     "look at its power, its network and its SSH server; the cluster may go on without it meanwhile"},
    {"host.units",
     "containerd, the kubelet and the node's services run (warning: they run, but would not after a reboot)",
     "`systemctl status` and `journalctl -u` of the unit on that host say why; `apply` enables and starts it again"},
    {"time.clock", "the clocks of the hosts differ by 2 s at most (warning), by a minute at most (failure)",
     "point all hosts at one NTP server, or set their clocks"},
    {"disk.space",
     "on every disk that the cluster writes to 15 % of the bytes are free (warning), 5 % at least (failure), and it is "
     "writable",
     "remove files, or enlarge the disk; the kubelet removes images that nobody uses by itself"},
    {"disk.inodes", "likewise 15 % and 5 % of the inodes", "remove files, or use a disk with more inodes"},
    {"disk.forecast", "no disk will be full within 14 days, if it goes on as between the last calls of `check`",
     "find out what grows there, or enlarge the disk in time"},
});

constexpr auto kNodes = std::to_array<Check>({
    {"node.ready", "every host of cluster.yaml is a node that is Ready, and its report is from its current boot",
     "`journalctl -u kubelet` on that host says why; `apply` brings it back"},
    {"node.pressure", "no node lacks memory, disk or process ids, as its kubelet sees it",
     "free what it lacks; the kubelet evicts pods meanwhile"},
    {"node.schedulable", "no node is cordoned (warning)", "`kubectl uncordon` it, unless somebody works on it"},
    {"node.labels", "every node has the labels and taints of cluster.yaml (warning)", "`apply` sets them again"},
    {"node.others", "the cluster has no node that cluster.yaml does not name (warning)",
     "write it there, or write it there and `remove` it"},
});

constexpr auto kControlPlane = std::to_array<Check>({
    {"control-plane.api", "the API server of every control plane answers on that host",
     "`journalctl -u kubelet` and the logs in /var/log/pods/kube-system_kube-apiserver-* on that host say why it does not run"},
    {"control-plane.pods", "the static pods of every control plane are ready",
     "its log below /var/log/pods/kube-system_* on that host says why"},
    {"etcd.answers", "etcd answers on every control plane, and every endpoint of the site's own etcd does",
     "its log in /var/log/pods/kube-system_etcd-* on that host, or the site's administrator, says why"},
    {"etcd.members", "etcd's members are the control planes, all of them started and with a vote",
     "`remove` a control plane that is gone for good; `apply` lets one that is missing join again"},
    {"etcd.leader", "etcd's members follow the same leader",
     "look at the network between the control planes, and at their disks"},
    {"etcd.alarms", "etcd has raised no alarm",
     "NOSPACE: compact and defragment etcd, then disarm the alarm; CORRUPT: `remove` the member and let it join again"},
    {"etcd.size", "etcd's data take less than 70 % of its quota (warning), less than 90 % (failure)",
     "find out what fills it (events, old helm releases, custom resources), compact and defragment it, or raise "
     "`quota-backend-bytes` in a kubeadm document of cluster.yaml"},
    {"etcd.fsync", "99 % of the writes of etcd's log were on the disk within 25 ms since it started (warning)",
     "give etcd a faster disk (SSD), or one that it does not share with images and logs"},
});

constexpr auto kCertificates = std::to_array<Check>({
    {"certificates.authority",
     "an authority that the node services believe has more than a third of its life left (warning), or at least has "
     "not ended; names each of them",
     "`apply` makes another authority beside it, which takes over"},
    {"certificates.kubernetes",
     "none of kubeadm's, the kubelet's and the kubeconfigs' certificates ends within 30 days (warning) or has ended",
     "`kubeadm certs renew all` on that control plane and a restart of its static pods; the kubelet renews its own"},
    {"certificates.nodes",
     "none of the node services' certificates has less than a quarter of its life left (warning) or has ended",
     "`journalctl -u sealift-renew` there says why it was not renewed; or deliver again"},
});

constexpr auto kServices = std::to_array<Check>({
    {"balancer.local", "an API server answers behind the balancer of every node",
     "`journalctl -u sealift-api` on that node says which API servers do not answer it"},
    {"balancer.site", "an API server answers behind the site's balancer, with a certificate that names it (warning)",
     "see to the balancer, which is the site's own; its address belongs into `api.balancer` of cluster.yaml"},
    {"mirror.answers", "the image mirror of every node answers as containerd asks it",
     "`journalctl -u sealift-mirror` on that node says why not"},
    {"mirror.images", "the mirror of every node has each image of every delivered application, by its digest",
     "`apply` brings what the registry hosts lack"},
    {"mirror.people", "the door for people (registry.domain) of every registry host answers by TLS",
     "`journalctl -u sealift-mirror` on that host says why not; `apply` brings its certificate and users again"},
    {"names.hosts", "every host gets an answer of the cluster's name service",
     "look at CoreDNS's pods (`kubectl -n kube-system get pods -o wide`), and at the network between that host and "
     "theirs"},
    {"names.pods", "a pod of every node gets an answer of the cluster's name service",
     "look at CoreDNS's pods, and at what the network forbids between nodes (firewalls, VXLAN's port 8472/udp)"},
    {"network.pods", "packets of a pod of every node reach a pod of every other node and come back",
     "look at what the network forbids between these nodes (firewalls, VXLAN's port 8472/udp), and at the network's "
     "pods on both"},
    {"network.services", "a pod of every node reaches the API server by the address of its service",
     "look at the node's kube-proxy pod, and at the network between it and the control planes"},
});

constexpr auto kApplications = std::to_array<Check>({
    {"app.release", "the helm release of every application that is delivered as one is deployed",
     "`apply` installs it again"},
    {"app.healthy",
     "every object of every delivered application is there, and as it should be, by the rules of kstatus",
     "the reason is in the evidence; `kubectl describe` of the object says more"},
    {"app.claims", "every claim is bound to a volume (warning)",
     "`kubectl describe pvc` says what it waits for: a storage class, or a pod that uses it"},
    {"app.others", "so are the workloads that no artifact has delivered (warning)",
     "they are the site's own; `kubectl describe` says more"},
    {"system.workloads", "so are the workloads of kube-system", "`kubectl -n kube-system describe` says more"},
});

constexpr auto kDrift = std::to_array<Check>({
    {"version.kubernetes", "every kubelet and control plane has the version that was delivered (warning)",
     "`apply` brings the delivered version"},
    {"version.artifact", "this artifact is the one that the cluster has recorded (warning)",
     "`plan` says what would become different; use the artifact that was delivered to check against it"},
    {"drift.files", "every file that a delivery has written is as it was written (warning)",
     "`apply` writes it again; what it is now is kept in the host's ledger"},
    {"drift.units", "every unit that a delivery has enabled or started still is (warning)",
     "`apply` enables and starts it again"},
});

constexpr auto kThemes = std::to_array<Theme>({{"Hosts and their disks", kHosts},
                                               {"Nodes", kNodes},
                                               {"Control planes and etcd", kControlPlane},
                                               {"Certificates", kCertificates},
                                               {"Services and networks of the nodes", kServices},
                                               {"Applications", kApplications},
                                               {"What differs from what was delivered", kDrift}});

const Check* find(std::string_view id) {
  for (const auto& theme : kThemes) {
    const auto found = std::ranges::find(theme.checks, id, &Check::id);
    if (found != theme.checks.end()) return &*found;
  }
  return nullptr;
}

}  // namespace

std::span<const Theme> catalog() { return kThemes; }

bool is_known(std::string_view id) { return find(id) != nullptr; }

std::string_view remedy_of(std::string_view id) {
  const auto* check = find(id);
  return check == nullptr ? std::string_view() : check->remedy;
}

std::string document() {
  std::string out =
      "# What `check` looks at\n\n"
      "On hosts of which none is a node yet, `check` looks at what [CHECKS.md](CHECKS.md) lists: a preflight. In a\n"
      "cluster it looks at all of the following, at all hosts at once, and changes nothing. Each finding is `ok`, `warn`\n"
      "or `fail`, with what was seen and what to do; if anything fails, the exit code is 15. `report` looks at the same, and\n"
      "may leave findings as they are: `--waive ID=REASON`, or `--waive ID@SUBJECT=REASON`.\n\n"
      "For the networks of pods no pod is made and no image is needed: on each node the agent enters the network of a\n"
      "pod that is there, and asks from inside. A node without such a pod is not asked, and that is said.\n";
  for (const auto& theme : kThemes) {
    out += base::format("\n## {}\n\n| check | what is well | what to do if not |\n|---|---|---|\n", theme.title);
    for (const auto& check : theme.checks)
      out += base::format("| `{}` | {} | {} |\n", check.id, check.looks_at, check.remedy);
  }
  return out;
}

}  // namespace sealift::inspection
