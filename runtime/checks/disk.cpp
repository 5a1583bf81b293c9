// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <map>
#include <set>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/checks/all_checks.h"

namespace sealift::checks {
namespace {

constexpr std::string_view kContainerdRoot = "/var/lib/containerd";
constexpr const char* kClusterRoot = "/var/lib";  // holds the data of kubelet, etcd and containerd

// What a delivery writes to one file system.
struct Sum {
  host::DiskSpace space;
  Demand demand;
};

Result<std::map<std::string, Sum>> by_mount_point(const Subject& subject, Report& report) {
  std::map<std::string, Sum> out;
  for (const auto& demand : disk_demand(subject.input, subject.host)) {
    SEALIFT_ASSIGN(const auto space, report.of(subject.host.host->disk(demand.path)));
    if (!space) continue;
    auto& sum = out[space->mount_point];
    sum.space = *space;
    sum.demand.path += (sum.demand.path.empty() ? "" : ", ") + demand.path;
    sum.demand.bytes += demand.bytes;
    sum.demand.inodes += demand.inodes;
    if (space->read_only)
      report.found(base::format("{} lies on {}, which is mounted read-only", demand.path, space->mount_point),
                   "mount it writable, or set dataRoot to another disk");
  }
  return out;
}

Result<void> space(const Subject& subject, Report& report) {
  SEALIFT_ASSIGN(const auto sums, by_mount_point(subject, report));
  for (const auto& [mount, sum] : sums) {
    const auto& [free, demand] = sum;
    if (free.free_bytes < demand.bytes) {
      report.found(base::format("has {} free on {}, {} are needed for {}", base::human_bytes(free.free_bytes), mount,
                                base::human_bytes(demand.bytes), demand.path));
    }
    // Some file systems do not count inodes.
    if (free.free_inodes != 0 && free.free_inodes < demand.inodes) {
      report.found(base::format("has {} free inodes on {}, {} are needed for {}", free.free_inodes, mount,
                                demand.inodes, demand.path),
                   "remove files, or set dataRoot to a disk with more inodes");
    }
  }
  return {};
}

// Below this share of the file system that it is on, a kubelet gives up pods and images.
constexpr uint64_t kKubeletPercent = 10;

// Of a host that works already: what comes now is the payload alone.
Result<void> payload(const Subject& subject, Report& report) {
  const uint64_t wanted = subject.input.payload_bytes;
  SEALIFT_ASSIGN(const auto there, report.of(subject.host.host->disk(subject.host.config.data_root)));
  SEALIFT_ASSIGN(const auto kubelet, report.of(subject.host.host->disk(kClusterRoot)));
  if (!there || !kubelet) return {};
  const bool is_shared = there->mount_point == kubelet->mount_point;
  const uint64_t spare = is_shared ? there->total_bytes / 100 * kKubeletPercent : 0;
  if (there->free_bytes >= wanted + spare) return {};
  report.found(base::format("has {} free on {}; the payload needs {}{}", base::human_bytes(there->free_bytes),
                            there->mount_point, base::human_bytes(wanted),
                            spare == 0
                                ? ""
                                : base::format(", and {} must stay free: with less than {} % the kubelet gives up "
                                               "pods and images",
                                               base::human_bytes(spare), kKubeletPercent)));
  return {};
}

Result<void> minimum(const Subject& subject, Report& report) {
  const auto wanted = subject.input.base.minimum.find(subject.host.config.role);
  if (wanted == subject.input.base.minimum.end() || wanted->second.disk_bytes == 0) return {};
  SEALIFT_ASSIGN(const auto there, report.of(subject.host.host->disk(kClusterRoot)));
  if (!there || there->free_bytes >= wanted->second.disk_bytes) return {};
  report.found(base::format("has {} free on {}, a {} needs {} there", base::human_bytes(there->free_bytes),
                            there->mount_point, format::name(subject.host.config.role),
                            base::human_bytes(wanted->second.disk_bytes)));
  return {};
}

// Where the programs of a cluster lie that Sealift did not make, it puts none.
bool is_of_cluster(const Subject& subject, std::string_view folder) {
  return subject.input.config.existing && (folder == "/usr/local/bin" || folder == "/opt/cni/bin");
}

Result<void> programs(const Subject& subject, Report& report) {
  for (const std::string folder : {"/usr/local/bin", "/usr/local/lib", "/opt/cni/bin"}) {
    if (is_of_cluster(subject, folder)) continue;
    SEALIFT_ASSIGN(const auto can, report.of(subject.host.host->can_execute_in(folder)));
    if (can == host::ProgramFolder::no_exec)
      report.found(base::format("does not let programs run in {} (mounted noexec)", folder),
                   "mount it without that option");
    if (can == host::ProgramFolder::read_only)
      report.found(base::format("takes no files in {} (mounted read-only, or the folder is immutable)", folder),
                   "make it writable");
  }
  return {};
}

std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

// Members of a group, too, could exchange a program that root starts. In a dataRoot they could only stop a delivery:
// root's own folder there lets nobody in.
enum class Group { may_write, may_not };

// Finds who besides root could exchange what is in a folder: follows its path, as the kernel would.
Result<void> look_for_others(const Subject& subject, Report& report, const std::string& folder, Group group) {
  constexpr size_t kMostParts = 256;
  std::string at, rest = folder;
  for (size_t count = 0; !rest.empty() && count < kMostParts; ++count) {
    const size_t end = std::min(rest.find('/', 1), rest.size());
    const std::string part = rest.substr(1, end - 1);
    rest.erase(0, end);
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      at = parent_of(at);
      continue;
    }
    const std::string path = at + "/" + part;
    SEALIFT_ASSIGN(const auto looked, report.of(subject.host.host->stat(path)));
    if (!looked || !*looked) return {};  // what is not there yet is made for root alone
    const auto& status = **looked;
    const auto& [mode, uid, gid] = status.spec;
    const bool is_link = status.type == host::FileType::symlink;
    if (uid != 0) {
      report.found(base::format("lets uid {} exchange what is in {}: {} is that user's", uid, folder, path),
                   is_link ? "remove the link, or name the folder that it leads to"
                           : base::format("`chown root:root {}`, or choose another folder", path));
      return {};
    }
    if (is_link) {
      rest = (status.link_target.starts_with('/') ? "" : "/") + status.link_target + rest;
      if (status.link_target.starts_with('/')) at.clear();
      continue;
    }
    const bool keeps_names = (mode & 01000U) != 0 && !rest.empty();
    const bool by_group = group == Group::may_not && gid != 0 && (mode & 020U) != 0;
    if (!keeps_names && ((mode & 02U) != 0 || by_group)) {
      report.found(base::format("lets {} exchange what is in {}: {} has mode {:04o}",
                                (mode & 02U) != 0 ? "everybody" : base::format("group {}", gid), folder, path, mode));
      return {};
    }
    at = path;
  }
  return {};
}

Result<void> writers(const Subject& subject, Report& report) {
  for (const std::string folder :
       {"/etc", "/usr/local/bin", "/usr/local/lib/sealift", "/opt/cni/bin", "/var/lib/sealift"}) {
    if (!is_of_cluster(subject, folder)) SEALIFT_TRY(look_for_others(subject, report, folder, Group::may_not));
  }
  if (!subject.host.keeps_payload) return {};
  return look_for_others(subject, report, subject.host.config.data_root, Group::may_write);
}

Result<void> etc(const Subject& subject, Report& report) {
  SEALIFT_ASSIGN(const auto there, report.of(subject.host.host->disk("/etc")));
  if (there && there->read_only) report.found("takes no files in /etc, which is mounted read-only");
  return {};
}

constexpr auto kChecks = std::to_array<Check>({
    {"disk.space", "the file systems that the delivery writes to are writable and have the bytes and inodes for it",
     "free space, or set dataRoot to a larger disk", AskHost(space), on_fresh_hosts},
    {"disk.payload", "a host that becomes one of registry.hosts later has the bytes for the payload",
     "free space, or write another host in registry.hosts", AskHost(payload), on_new_registry_hosts},
    {"disk.minimum", "the disk of /var/lib has the free space that the base's `minimum` says for the role",
     "free space, or use a larger disk", AskHost(minimum), to_make_a_fresh_node},
    {"disk.programs", "programs can be put into /usr/local/bin, /usr/local/lib and /opt/cni/bin and started there",
     "mount them writable and without noexec", AskHost(programs), on_fresh_hosts},
    {"disk.etc", "/etc is writable", "mount it writable", AskHost(etc), on_fresh_hosts},
    {"disk.writers",
     "nobody but root can exchange what is in dataRoot (on registry hosts), or in /etc, /usr/local/bin, "
     "/usr/local/lib/sealift, /opt/cni/bin and /var/lib/sealift",
     "take the right to write from others (`chmod go-w`)", AskHost(writers)},
});

uint64_t tree_bytes(const PreflightInput& input, const CheckedHost& host, std::string_view prefix) {
  uint64_t out = 0;
  for (const auto* list : {&input.base.files, &input.contents.host_files}) {
    for (const auto& file : *list) {
      if (file.role != format::HostRole::all && file.role != host.config.role) continue;
      if (!file.destination.starts_with(prefix)) continue;
      const auto found = input.contents.tree.find(format::expand_architecture(file.source, host.facts.architecture));
      if (found != input.contents.tree.end()) out += found->second.object.size;
    }
  }
  return out;
}

}  // namespace

std::span<const Check> disk_checks() { return kChecks; }

std::vector<Demand> disk_demand(const PreflightInput& input, const CheckedHost& host) {
  std::vector<Demand> out;
  const uint64_t opt = tree_bytes(input, host, "/opt/");
  const uint64_t all = tree_bytes(input, host, "/");
  out.push_back({"/usr/local", all - opt, 100});
  out.push_back({"/opt", opt, 100});
  if (host.keeps_payload && !input.keeps_payload_complete)
    out.push_back({host.config.data_root, input.payload_bytes, 10});
  // Compressed layers and their unpacked content; each layer once, however many images share it.
  Demand images{std::string(kContainerdRoot), 0, 0};
  std::set<Digest> seen;
  for (const auto* image : input.images) {
    for (const auto& platform : image->platforms) {
      if (platform.architecture != host.facts.architecture) continue;
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

}  // namespace sealift::checks
