// SPDX-License-Identifier: Apache-2.0
#include "runtime/checks/preflight.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>

#include "payload/base/text.h"

namespace sealift::checks {
namespace {

constexpr int64_t kMaxSkewMs = 60'000;  // certificates and leases bear this much
constexpr std::string_view kContainerdRoot = "/var/lib/containerd";

bool is_control_plane(const CheckedHost& view) { return view.config.role == format::HostRole::control_plane; }

class Findings {
 public:
  explicit Findings(std::string host) : host_(std::move(host)) {}
  template <class... Args>
  void block(std::format_string<Args...> format, Args&&... args) {
    list_.push_back({host_, true, std::format(format, std::forward<Args>(args)...)});
  }
  template <class... Args>
  void warn(std::format_string<Args...> format, Args&&... args) {
    list_.push_back({host_, false, std::format(format, std::forward<Args>(args)...)});
  }
  // What a look gave. One that fails is a finding itself and hides no other: only a host that is gone ends them all.
  template <class T>
  Result<std::optional<T>> of(Result<T> looked) {
    if (looked) return std::optional<T>(std::in_place, std::move(*looked));
    if (is_gone(looked.error().code)) return std::unexpected(std::move(looked).error());
    block("could not be checked ({}); see what is wrong there and run again", looked.error().text());
    return std::optional<T>();
  }
  std::vector<Finding> take() { return std::move(list_); }

 private:
  static bool is_gone(ErrorCode code) { return code == ErrorCode::unreachable || code == ErrorCode::timeout || code == ErrorCode::cancelled; }
  std::string host_;
  std::vector<Finding> list_;
};

void check_one(const PreflightInput& input, const CheckedHost& view, Findings& out) {
  const auto& facts = view.facts;
  if (std::ranges::none_of(input.contents.stubs, [&](const format::Stub& stub) { return stub.architecture == facts.architecture; })) {
    out.block("is {}, which this artifact is not packed for; build it with --platform {}", base::platform(facts.architecture), base::platform(facts.architecture));
  }
  if (!facts.systemd) out.block("does not run systemd; Sealift needs it to start services");
  if (facts.cgroup_version == 0) out.block("has no cgroups mounted; mount them (systemd does so by itself)");
  for (const auto* controller : {"cpu", "cpuset", "memory", "pids"}) {
    if (facts.cgroup_version != 0 && !std::ranges::contains(facts.cgroup_controllers, controller)) {
      out.block("lacks the cgroup controller {}; enable it on the kernel's command line", controller);
    }
  }
  if (facts.swap_bytes > 0) {
    out.block("has {} of swap on; kubelet refuses that: run `swapoff -a` and take swap out of /etc/fstab", base::human_bytes(facts.swap_bytes));
  }
  const auto minimum = input.base.minimum.find(view.config.role);
  if (minimum != input.base.minimum.end()) {
    if (facts.cpus < minimum->second.cpus) out.block("has {} CPUs, {} are needed for a {}", facts.cpus, minimum->second.cpus, format::name(view.config.role));
    if (facts.memory_bytes < minimum->second.memory_bytes) {
      out.block("has {} of memory, {} are needed for a {}", base::human_bytes(facts.memory_bytes), base::human_bytes(minimum->second.memory_bytes), format::name(view.config.role));
    }
  }
  const int64_t skew = std::abs(facts.clock_ms - view.read_at_ms);
  if (skew > kMaxSkewMs) out.block("has a clock that differs by {} s from this machine's; set the clocks (or an NTP server) first", skew / 1000);
  if (facts.machine_id.empty()) out.block("has an empty /etc/machine-id; run `systemd-machine-id-setup`");
  if (!facts.default_route) out.block("has no default route; this version can't deliver such hosts yet: set one, it need not lead anywhere");
}

// Names don't tell such hosts apart: their places in cluster.yaml do.
std::string place(const CheckedHost& view) { return std::format("{} (line {})", view.config.address, view.config.line); }

template <class Key>
void check_unique(const std::vector<CheckedHost>& hosts, Key key, std::string_view what, std::string_view remedy, std::vector<Finding>& out) {
  std::map<std::string, const CheckedHost*> seen;
  for (const auto& view : hosts) {
    const std::string value = key(view);
    if (value.empty()) continue;
    const auto [there, fresh] = seen.try_emplace(value, &view);
    if (!fresh) out.push_back({view.name, true, std::format("at {} has the same {} as {} in cluster.yaml: {}; {}", place(view), what, place(*there->second), value, remedy)});
  }
}

void check_ports(const PreflightInput& input, const CheckedHost& view, Findings& out) {
  std::set<uint16_t> wanted{input.config.registry.port, input.config.api.local_port};
  for (const auto role : {format::HostRole::all, view.config.role}) {
    const auto ports = input.base.ports.find(role);
    if (ports != input.base.ports.end()) wanted.insert(ports->second.begin(), ports->second.end());
  }
  if (is_control_plane(view)) wanted.insert(input.config.api.port);
  for (const auto& listener : view.facts.listeners) {
    if (!wanted.contains(listener.port)) continue;
    out.block("port {} is taken by {}; stop it, or choose another port in cluster.yaml where there is a field for it", listener.port,
              listener.process.empty() ? "another program" : listener.process);
    wanted.erase(listener.port);  // once, however many addresses it listens on
  }
}

Result<void> check_features(const CheckedHost& view, Findings& out) {
  struct Wanted {
    const char* feature;
    const char* remedy;
  };
  for (const auto& [feature, remedy] : {Wanted{"overlay", "containers need overlay on the file system of /var/lib; use ext4, or XFS with ftype=1, and a kernel with overlayfs"},
                                        Wanted{"br_netfilter", "install the kernel's module package"}, Wanted{"nftables", "kube-proxy needs nf_tables in the kernel"},
                                        Wanted{"vxlan", "the pod network needs vxlan in the kernel"}}) {
    SEALIFT_ASSIGN(const auto result, out.of(view.host->try_feature(feature)));
    if (result && !result->works) out.block("the kernel feature {} does not work ({}); {}", feature, result->detail, remedy);
  }
  return {};
}

// What containerd's CNI library reads in its folder; other files (a hidden one that keeps the folder, a backup) are left alone.
bool is_network_configuration(std::string_view name) { return name.ends_with(".conf") || name.ends_with(".conflist") || name.ends_with(".json"); }

// Somebody else's cluster or container engine. Nothing is touched by default: the remedy is the operator's.
Result<void> check_foreign(const CheckedHost& view, Findings& out) {
  struct Sign {
    const char* path;
    const char* what;
  };
  for (const auto& [path, what] : {Sign{"/etc/kubernetes/kubelet.conf", "is a node of another cluster already"}, Sign{"/etc/kubernetes/admin.conf", "is a control plane of another cluster already"},
                                   Sign{"/var/lib/rancher", "has k3s or RKE2 on it"}, Sign{"/var/lib/k0s", "has k0s on it"}, Sign{"/var/lib/docker", "has Docker on it"},
                                   Sign{"/var/lib/etcd/member", "holds the data of an etcd"}}) {
    SEALIFT_ASSIGN(const auto status, out.of(view.host->stat(path)));
    if (status && *status) out.block("{} ({} exists); take it away first, or use another host", what, path);
  }
  SEALIFT_ASSIGN(const auto containerd, out.of(view.host->unit("containerd.service")));
  if (containerd && containerd->active == "active") out.block("runs a containerd that Sealift did not install; remove it first");
  SEALIFT_ASSIGN(auto networks, out.of(view.host->list("/etc/cni/net.d")));
  if (networks) std::erase_if(*networks, [](const std::string& name) { return !is_network_configuration(name); });
  if (networks && !networks->empty()) out.block("has pod network configurations of somebody else in /etc/cni/net.d ({}); remove them", base::join(*networks, ", "));
  SEALIFT_ASSIGN(const auto registries, out.of(view.host->list("/etc/containerd/certs.d")));
  for (const auto& name : registries.value_or(std::vector<std::string>())) {
    if (name != "_default" && !name.starts_with('.')) out.block("has /etc/containerd/certs.d/{}, which would send pulls to the network; remove it", name);
  }
  return {};
}

Result<void> check_disks(const PreflightInput& input, const CheckedHost& view, Findings& out) {
  std::map<std::string, Demand> by_mount;
  std::map<std::string, host::DiskSpace> spaces;
  for (const auto& demand : disk_demand(input, view)) {
    SEALIFT_ASSIGN(const auto looked, out.of(view.host->disk(demand.path)));
    if (!looked) continue;
    const auto& space = *looked;
    if (space.read_only) out.block("{} lies on {}, which is mounted read-only; mount it writable, or set dataRoot to another disk", demand.path, space.mount_point);
    auto& sum = by_mount[space.mount_point];
    sum.path += (sum.path.empty() ? "" : ", ") + demand.path;
    sum.bytes += demand.bytes;
    sum.inodes += demand.inodes;
    spaces[space.mount_point] = space;
  }
  for (const auto& [mount, demand] : by_mount) {
    const auto& space = spaces[mount];
    if (space.free_bytes < demand.bytes) {
      out.block("has {} free on {}, {} are needed for {}; free space, or set dataRoot to a larger disk", base::human_bytes(space.free_bytes), mount, base::human_bytes(demand.bytes), demand.path);
    }
    // Some file systems count no inodes.
    if (space.free_inodes != 0 && space.free_inodes < demand.inodes) out.block("has {} free inodes on {}, {} are needed for {}", space.free_inodes, mount, demand.inodes, demand.path);
  }
  for (const auto* folder : {"/usr/local/bin", "/usr/local/lib", "/opt/cni/bin"}) {
    SEALIFT_ASSIGN(const auto can, out.of(view.host->can_execute_in(folder)));
    if (can == host::ProgramFolder::no_exec) out.block("does not let programs run in {} (mounted noexec); mount it without that option", folder);
    if (can == host::ProgramFolder::read_only) out.block("takes no files in {} (mounted read-only, or the folder is immutable); make it writable", folder);
  }
  SEALIFT_ASSIGN(const auto etc, out.of(view.host->disk("/etc")));
  if (etc && etc->read_only) out.block("takes no files in /etc, which is mounted read-only; mount it writable");
  return {};
}

// Of one line of `systemctl show-environment`, if it is a variable that sends requests to a proxy.
std::string proxy_variable(std::string_view line) {
  std::string name(line.substr(0, line.find('=')));
  const std::string lower = base::to_lower(name);
  return lower == "http_proxy" || lower == "https_proxy" || lower == "all_proxy" ? name : std::string();
}

// systemd's DefaultEnvironment reaches every service. Ours take the proxies out again; whoever set them may rely on them.
Result<void> check_environment(const CheckedHost& view, Findings& out) {
  const auto shown = view.host->query({{"systemctl", "show-environment"}, {}, "/", Duration{30'000}}, {}, {});
  if (!shown || !shown->ok()) return {};  // no systemd is a finding of its own
  std::vector<std::string> names;
  for (const auto line : base::split(shown->output, '\n')) {
    if (auto name = proxy_variable(line); !name.empty()) names.push_back(std::move(name));
  }
  if (names.empty()) return {};
  out.warn("has {} in systemd's environment (DefaultEnvironment); kubelet, containerd and Sealift's services run without it, since the cluster speaks to its own hosts only",
           base::join(names, ", "));
  return {};
}

uint64_t tree_bytes(const PreflightInput& input, const CheckedHost& view, std::string_view prefix) {
  uint64_t out = 0;
  for (const auto* list : {&input.base.files, &input.contents.host_files}) {
    for (const auto& file : *list) {
      if (file.role != format::HostRole::all && file.role != view.config.role) continue;
      if (!file.destination.starts_with(prefix)) continue;
      const auto found = input.contents.tree.find(format::expand_architecture(file.source, view.facts.architecture));
      if (found != input.contents.tree.end()) out += found->second.object.size;
    }
  }
  return out;
}

}  // namespace

std::vector<Demand> disk_demand(const PreflightInput& input, const CheckedHost& view) {
  std::vector<Demand> out;
  const uint64_t opt = tree_bytes(input, view, "/opt/");
  const uint64_t all = tree_bytes(input, view, "/");
  out.push_back({"/usr/local", all - opt, 100});
  out.push_back({"/opt", opt, 100});
  if (is_control_plane(view) && !input.keeps_payload_complete) out.push_back({view.config.data_root, input.payload_bytes, 10});
  // Compressed layers and what they unpack to; each layer once, whatever the number of images on it.
  Demand images{std::string(kContainerdRoot), 0, 0};
  std::set<Digest> seen;
  for (const auto& image : input.contents.images) {
    for (const auto& platform : image.platforms) {
      if (platform.architecture != view.facts.architecture) continue;
      for (const auto& layer : platform.layers) {
        if (!seen.insert(layer.digest).second) continue;
        images.bytes += layer.size;
        const auto info = input.contents.layers.find(layer.digest);
        if (info == input.contents.layers.end()) continue;
        images.bytes += info->second.uncompressed_bytes;
        images.inodes += info->second.files;
      }
    }
  }
  out.push_back(std::move(images));
  return out;
}

std::vector<Finding> check_facts(const PreflightInput& input, const std::vector<CheckedHost>& hosts) {
  std::vector<Finding> out;
  for (const auto& view : hosts) {
    Findings findings(view.name);
    check_one(input, view, findings);
    for (auto& finding : findings.take()) out.push_back(std::move(finding));
  }
  // As make_node() spells them: CP1 and cp1 are one node.
  check_unique(hosts, [](const CheckedHost& view) { return base::to_lower(view.config.name.value_or(view.facts.hostname)); }, "node name", "set `name` for one of them", out);
  check_unique(hosts, [](const CheckedHost& view) { return view.facts.machine_id; }, "machine-id", "remove /etc/machine-id on one and run `systemd-machine-id-setup`", out);
  return out;
}

Result<std::vector<Finding>> check_host(const PreflightInput& input, const CheckedHost& view) {
  Findings out(view.name);
  // A host that an earlier run has worked on: what is there is ours, and half-done is for the steps to finish.
  SEALIFT_ASSIGN(const auto worked_on, out.of(view.host->worked_on()));
  SEALIFT_TRY(check_features(view, out));
  if (worked_on && !*worked_on) {
    SEALIFT_TRY(check_environment(view, out));
    check_ports(input, view, out);
    SEALIFT_TRY(check_foreign(view, out));
    SEALIFT_TRY(check_disks(input, view, out));
  }
  return out.take();
}

}  // namespace sealift::checks
