// SPDX-License-Identifier: Apache-2.0
// Everything on this machine that a delivery may add to.
#include <dirent.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>

#include "payload/base/file.h"
#include "payload/base/text.h"
#include "runtime/host/footprint_paths.h"
#include "runtime/host/local_host.h"
#include "runtime/host/mounts.h"
#include "runtime/host/netlink.h"
#include "runtime/host/packet_rules.h"
#include "runtime/host/processes.h"

namespace sealift::host {
namespace {

using Kind = Trace::Kind;
using Traces = std::map<std::pair<Kind, std::string>, std::string>;

// What the kubelet, kube-proxy, the pod networks and Sealift's own settings are about. Folders: their direct entries.
constexpr auto kSysctls = std::to_array<std::string_view>(
    {"vm/", "kernel/panic", "kernel/keys/root_max", "net/ipv4/", "net/ipv4/conf/all/", "net/ipv4/conf/default/",
     "net/ipv6/conf/all/", "net/ipv6/conf/default/", "net/bridge/", "net/netfilter/", "fs/inotify/"});
constexpr size_t kMaxSysctl = size_t{64} << 10;  // bytes

// Names in a folder; none if it is not there.
std::vector<std::string> names_of(const std::string& folder) {
  std::vector<std::string> out;
  std::error_code ignored;
  for (std::filesystem::directory_iterator entry(folder, ignored), end; entry != end && !ignored;
       entry.increment(ignored))
    out.push_back(entry->path().filename().string());
  return out;
}

void find_units(const std::string& systemctl, Traces& found) {
  const auto listed = base::run_checked(
      {{systemctl, "list-unit-files", "--no-legend", "--no-pager", "--full", "--plain"}, {}, "/", Duration{60'000}});
  if (!listed) return;
  for (const auto line : base::split(*listed, '\n')) {
    const auto words = base::split_words(line);
    // Transient ones are no files: each login makes some.
    if (words.size() >= 2 && words[1] != "transient") found[{Kind::unit, std::string(words[0])}] = words[1];
  }
}

// Of what is built in, /sys/module shows the parameters, but no state.
void find_modules(const std::string& folder, Traces& found) {
  for (auto& name : names_of(folder)) {
    if (::access((folder + "/" + name + "/initstate").c_str(), F_OK) == 0) found[{Kind::module, std::move(name)}];
  }
}

void find_sysctls(const std::string& root, Traces& found) {
  for (const auto wanted : kSysctls) {
    const std::string folder(wanted.substr(0, wanted.rfind('/') + 1)), begin(wanted.substr(folder.size()));
    for (const auto& name : names_of(root + "/" + folder)) {
      const std::string path = root + "/" + folder + name;
      struct stat status{};
      if (!name.starts_with(begin) || ::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
      if (folder == "net/netfilter/" && name.ends_with("_count")) continue;  // how much is in use now
      const bool is_readable = (status.st_mode & 0004U) != 0;  // for all: the others are secrets, or only written
      const auto value = is_readable ? base::read_text_file(path, kMaxSysctl) : Result<std::string>();
      if (!is_readable || !value) continue;
      std::string key = folder + name;
      std::ranges::replace(key, '/', '.');
      found[{Kind::sysctl, std::move(key)}] = as_utf8(std::string(base::trim(*value)));
    }
  }
}

// Those of the kernel, of logins and of single services come and go.
bool is_passing(std::string_view point) {
  constexpr auto kPassing =
      std::to_array<std::string_view>({"/proc/", "/sys/", "/run/user/", "/run/systemd/", "/run/credentials/"});
  return std::ranges::any_of(kPassing, [&](std::string_view folder) { return point.starts_with(folder); });
}

Result<void> find_mounts(const std::string& root, Traces& found) {
  SEALIFT_ASSIGN(const auto mounts, mounts_here());
  for (const auto& mount : mounts) {
    if (!root.empty() && !mount.point.starts_with(root + "/")) continue;
    const std::string point = mount.point.substr(root.size());
    if (!is_passing(point)) found[{Kind::mount, as_utf8(point)}] = as_utf8(mount.filesystem);
  }
  return {};
}

Result<void> find_links(Traces& found) {
  const auto links = netlink_dump(NETLINK_ROUTE, NetlinkMessage(RTM_GETLINK, NLM_F_DUMP, ifinfomsg{}));
  if (!links) return fail_errno(links.error(), "list the network interfaces");
  for (const auto& link : *links) {
    const auto attributes =
        netlink_attributes(ByteView(link).subspan(std::min(link.size(), NLMSG_ALIGN(sizeof(ifinfomsg)))));
    if (const auto name = attributes.find(IFLA_IFNAME); name != attributes.end())
      found[{Kind::link, as_utf8(std::string(netlink_text(name->second)))}];
  }
  return {};
}

Result<void> find_packet_rules(Traces& found) {
  SEALIFT_ASSIGN(const auto rules, packet_rules());
  for (const auto& table : rules.tables) found[{Kind::table, table.name}] = std::to_string(table.rules);
  for (const auto& chain : rules.chains) found[{Kind::chain, chain}];
  return {};
}

void find_groups(Traces& found) {
  const std::string top = "/sys/fs/cgroup";
  std::vector<std::string> folders{top};
  for (const auto& name : names_of(top)) folders.push_back(top + "/" + name);
  for (const auto& folder : folders) {
    for (const auto* name : {"kubepods", "kubepods.slice"}) {
      struct stat status{};
      const std::string path = folder + "/" + name;
      if (::lstat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) found[{Kind::cgroup, path}];
    }
  }
}

void find_users(const std::string& root, Traces& found) {
  const auto text = base::read_text_file(root + "/etc/passwd", 16U << 20);
  for (const auto line : base::split(text.value_or(""), '\n')) {
    const auto fields = base::split(line, ':');
    if (fields.size() >= 3) found[{Kind::user, as_utf8(std::string(fields[0]))}] = as_utf8(std::string(fields[2]));
  }
}

}  // namespace

Result<Footprint> LocalHost::footprint() {
  forget_killed_trials();
  Traces found;
  SEALIFT_ASSIGN(auto paths, footprint_paths(root_));
  for (auto& [path, value] : paths) found.emplace(std::pair(Kind::path, path), std::move(value));
  find_units(machine_.systemctl, found);
  find_modules(machine_.modules, found);
  find_sysctls(machine_.sysctls, found);
  SEALIFT_TRY(find_mounts(root_, found));
  SEALIFT_TRY(find_links(found));
  SEALIFT_TRY(find_packet_rules(found));
  find_groups(found);
  find_users(root_, found);
  for (const auto& program : running_programs()) found[{Kind::process, as_utf8(program)}];
  if (found.size() > kMaxTraces)
    return fail(ErrorCode::limit_exceeded, "this host has {} traces, {} can be noted", found.size(), kMaxTraces);
  Footprint out;
  out.reserve(found.size());
  for (auto& [key, value] : found) out.push_back({key.first, key.second, std::move(value)});
  return out;
}

}  // namespace sealift::host
