// SPDX-License-Identifier: Apache-2.0
//
// Tries kernel features in a child with its own namespaces, so that the trial leaves nothing behind. Module lists are
// not consulted; built-in features are in none.
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <expected>
#include <filesystem>
#include <system_error>

#include "payload/base/fd.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/host/local_host.h"
#include "runtime/host/netlink.h"

namespace sealift::host {
namespace {

// Runs a trial in a child; 0 = works, else an errno.
FeatureResult in_child(int (*trial)(), std::string_view name) {
  const pid_t pid = ::fork();
  if (pid < 0) return {false, std::strerror(errno)};
  if (pid == 0) ::_exit(trial());
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
  if (code == 0) return {true, {}};
  return {false, base::format("{}: {}", name, std::strerror(code))};
}

// On the file system that containerd will use. One name, so that what a killed trial left is found by the next one.
constexpr const char* kTrialFolder = "/var/lib/.sealift-overlay";

// The trial's folder, made and locked against other trials, or an errno. What is in it was left by one that was killed.
std::expected<base::Fd, int> lock_trial_folder() {
  for (int attempt = 0; attempt < 100; ++attempt) {
    if (::mkdir(kTrialFolder, 0700) != 0 && errno != EEXIST) return std::unexpected(errno);
    base::Fd folder(::open(kTrialFolder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!folder && errno != ENOENT) return std::unexpected(errno);
    if (!folder) continue;
    if (::flock(folder.get(), LOCK_EX) != 0) return std::unexpected(errno);
    // The one that had the lock before took the folder away with it.
    struct stat locked{}, named{};
    if (::fstat(folder.get(), &locked) == 0 && ::lstat(kTrialFolder, &named) == 0 && locked.st_ino == named.st_ino)
      return folder;
  }
  return std::unexpected(EBUSY);
}

void remove_trial_folder() {
  std::error_code ignored;  // what stays is found by the next trial
  std::filesystem::remove_all(kTrialFolder, ignored);
}

// An overlay with a file and a whiteout, below `base`.
int mount_overlay(const std::string& base) {
  const std::string lower = base + "/l", upper = base + "/u", work = base + "/w", merged = base + "/m";
  for (const auto* part : {&lower, &upper, &work, &merged}) {
    if (::mkdir(part->c_str(), 0700) != 0) return errno;
  }
  const base::Fd below(::open((lower + "/file").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  if (!below) return errno;
  const std::string options = "lowerdir=" + lower + ",upperdir=" + upper + ",workdir=" + work;
  if (::mount("overlay", merged.c_str(), "overlay", 0, options.c_str()) != 0) return errno;
  int result = 0;
  struct stat status{};
  if (::unlink((merged + "/file").c_str()) != 0) {  // makes a whiteout
    result = errno;
  } else if (::lstat((upper + "/file").c_str(), &status) != 0 || !S_ISCHR(status.st_mode)) {
    result = EOPNOTSUPP;
  }
  ::umount2(merged.c_str(), MNT_DETACH);
  return result;
}

int try_overlay() {
  if (::unshare(CLONE_NEWNS) != 0) return errno;
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return errno;
  const auto folder = lock_trial_folder();
  if (!folder) return folder.error();
  std::error_code failed;
  for (const auto& left : std::filesystem::directory_iterator(kTrialFolder, failed)) {
    std::filesystem::remove_all(left.path(), failed);
  }
  const int result = mount_overlay(kTrialFolder);
  remove_trial_folder();
  return result;
}

// Sends one netlink request in a new network namespace; returns the errno in the answer, 0 for success.
int request_in_new_network(int protocol, const NetlinkMessage& message) {
  if (::unshare(CLONE_NEWNET) != 0) return errno;
  return netlink_request(protocol, {message});
}

int try_nftables() {
  return request_in_new_network(NETLINK_NETFILTER, NetlinkMessage((NFNL_SUBSYS_NFTABLES << 8U) | NFT_MSG_GETGEN,
                                                                  NLM_F_ACK, nfgenmsg{AF_UNSPEC, NFNETLINK_V0, 0}));
}

int try_vxlan() {
  Bytes info, data;
  const uint32_t id = 1;
  put_attribute(data, IFLA_VXLAN_ID, std::as_bytes(std::span(&id, 1)));
  put_attribute(info, IFLA_INFO_KIND, "vxlan");
  put_attribute(info, IFLA_INFO_DATA, data);
  NetlinkMessage link(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, ifinfomsg{});
  link.put(IFLA_IFNAME, "sealift0").put(IFLA_LINKINFO, info);
  return request_in_new_network(NETLINK_ROUTE, link);
}

FeatureResult try_br_netfilter() {
  // Loading the module is the delivery's work; here only whether it is loaded or could be.
  if (::access("/proc/sys/net/bridge/bridge-nf-call-iptables", F_OK) == 0) return {true, "loaded"};
  const auto there = base::run({{"modprobe", "--dry-run", "--quiet", "--", "br_netfilter"}, {}, "/", Duration{20'000}});
  if (there && there->ok()) return {true, "can be loaded"};
  return {false, "br_netfilter is neither built in nor a module of this kernel"};
}

}  // namespace

void forget_killed_trials() {
  if (::access(kTrialFolder, F_OK) != 0) return;
  if (const auto folder = lock_trial_folder()) remove_trial_folder();
}

Result<FeatureResult> try_feature_here(const std::string& name) {
  if (name == "overlay") return in_child(try_overlay, "an overlay mount with an upper layer in /var/lib");
  if (name == "nftables") return in_child(try_nftables, "nf_tables");
  if (name == "vxlan") return in_child(try_vxlan, "a vxlan link");
  if (name == "br_netfilter") return try_br_netfilter();
  return fail(ErrorCode::internal, "the feature \"{}\" can't be tried", base::printable(name));
}

}  // namespace sealift::host
