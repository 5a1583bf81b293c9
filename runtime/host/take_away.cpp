// SPDX-License-Identifier: Apache-2.0
// Takes away from this machine what programs have made on it.
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "payload/base/file.h"
#include "payload/base/safe_path.h"
#include "payload/base/text.h"
#include "runtime/host/descriptions.h"
#include "runtime/host/local_host.h"
#include "runtime/host/mounts.h"
#include "runtime/host/netlink.h"
#include "runtime/host/packet_rules.h"
#include "runtime/host/path_state.h"
#include "runtime/host/processes.h"
#include "runtime/host/tree_removal.h"

namespace sealift::host {
namespace {

constexpr int kMostMounts = 1000;  // at one point

std::unexpected<Error> refused(std::string_view kind, const std::string& name) {
  return fail(ErrorCode::internal, "the {} \"{}\" is not to be taken away", kind, base::printable(name));
}

// A mistake must not cost a host more than a part of a folder.
Result<void> check_path(const std::string& path) {
  SEALIFT_ASSIGN(const auto safe, base::safe_absolute_path(path));
  if (std::ranges::count(safe, '/') < 2) return refused("path", path);
  return {};
}

// Whole hierarchies, and groups of anything but pods, hold everything else that runs.
Result<void> check_group(const std::string& path) {
  SEALIFT_ASSIGN(const auto safe, base::safe_absolute_path(path));
  const bool is_of_pods = safe.ends_with("/kubepods") || safe.ends_with("/kubepods.slice");
  if (!safe.starts_with("/sys/fs/cgroup/") || !is_of_pods) return refused("control group", path);
  return {};
}

std::string folder_of(const MachinePaths& machine, std::string module) {
  std::ranges::replace(module, '-', '_');
  return machine.modules + "/" + module;
}

Result<void> remove_module(const MachinePaths& machine, const std::string& name) {
  const base::Command command{{machine.modprobe, "-r", "--", name}, {}, "/", Duration{60'000}};
  const auto in_use = [&] { return fail(ErrorCode::busy, "the kernel module {} is in use", name); };
  const auto users = base::read_text_file(folder_of(machine, name) + "/refcnt", 4096);
  if (users && base::trim(*users) != "0") return in_use();
  SEALIFT_ASSIGN(const auto said, base::run(command));
  if (said.ok()) return {};
  if (said.errors.contains("in use")) return in_use();
  return fail(base::command_error(command, said));
}

Result<void> remove_link(const std::string& name) {
  if (name.empty() || name.size() >= IFNAMSIZ) return refused("network interface", name);
  NetlinkMessage removal(RTM_DELLINK, NLM_F_ACK, ifinfomsg{});
  removal.put(IFLA_IFNAME, name);
  const int error = netlink_request(NETLINK_ROUTE, {removal});
  if (error == 0 || error == ENODEV) return {};
  return fail_errno(error, "take away the network interface " + base::printable(name));
}

Result<bool> is_mounted(const std::string& point) {
  SEALIFT_ASSIGN(const auto mounts, mounts_here());
  return std::ranges::contains(mounts, point, &Mount::point);
}

Result<void> unmount(const std::string& point) {
  for (int i = 0; i < kMostMounts; ++i) {
    SEALIFT_ASSIGN(const bool mounted, is_mounted(point));
    if (!mounted) return {};
    if (::umount2(point.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0) return fail_errno(errno, "unmount " + point);
  }
  return fail(ErrorCode::busy, "somebody keeps mounting at {}", point);
}

}  // namespace

Result<bool> LocalHost::has_trace(Trace::Kind kind, const std::string& name) const {
  switch (kind) {
    case Trace::Kind::path: {
      SEALIFT_TRY(check_path(name));
      const auto place = place_of(root_, name, FolderOwners::anyone);
      if (!place && place.error().code == ErrorCode::not_found) return false;
      if (!place) return fail(place.error());
      struct stat status{};
      return ::fstatat(place->folder.get(), place->name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
    }
    case Trace::Kind::mount: {
      SEALIFT_TRY(base::safe_absolute_path(name));  // not "/"
      return is_mounted(root_ + name);
    }
    case Trace::Kind::link: return ::if_nametoindex(name.c_str()) != 0;
    case Trace::Kind::table:
    case Trace::Kind::chain:
      return packet_rules().transform([&](const PacketRules& rules) {
        return kind == Trace::Kind::chain ? std::ranges::contains(rules.chains, name)
                                          : std::ranges::contains(rules.tables, name, &PacketRules::Table::name);
      });
    case Trace::Kind::cgroup: {
      SEALIFT_TRY(check_group(name));
      return ::access(name.c_str(), F_OK) == 0;
    }
    case Trace::Kind::module: return ::access(folder_of(machine_, name).c_str(), F_OK) == 0;
    case Trace::Kind::process: return runs_elsewhere(name);
    case Trace::Kind::unit:
    case Trace::Kind::sysctl:
    case Trace::Kind::user: break;
  }
  return refused(names<Trace::Kind>[static_cast<size_t>(kind)], name);
}

Result<void> LocalHost::take_away(Trace::Kind kind, const std::string& name, const Reason& reason) {
  SEALIFT_ASSIGN(const bool there, has_trace(kind, name));
  if (!there) return {};
  SEALIFT_TRY(ledger_->add(reason, TakenAway{kind, name}));
  switch (kind) {
    case Trace::Kind::path: {
      SEALIFT_ASSIGN(const auto place, place_of(root_, name, FolderOwners::anyone));
      SEALIFT_TRY(remove_tree(place, name));
      return sync_folder(place, name);
    }
    case Trace::Kind::mount: return unmount(root_ + name);
    case Trace::Kind::link: return remove_link(name);
    case Trace::Kind::table: return remove_packet_table(name);
    case Trace::Kind::chain: return remove_packet_chain(name);
    case Trace::Kind::cgroup: return end_control_group(name, clock_);
    case Trace::Kind::module: return remove_module(machine_, name);
    case Trace::Kind::process: return end_program(name, clock_);
    case Trace::Kind::unit:
    case Trace::Kind::sysctl:
    case Trace::Kind::user: break;
  }
  return refused(names<Trace::Kind>[static_cast<size_t>(kind)], name);
}

Result<void> LocalHost::forget(const Reason&) { return ledger_->forget(); }

}  // namespace sealift::host
