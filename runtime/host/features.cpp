// SPDX-License-Identifier: Apache-2.0
//
// Tries kernel features in a child with its own namespaces, so that the trial leaves nothing behind. Module lists are
// not consulted; built-in features are in none.
#include <dirent.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

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
  return {false, std::format("{}: {}", name, std::strerror(code))};
}

// The kernel leaves its own files (a shared whiteout) in an overlay's work folder.
void remove_folder_of_files(const std::string& folder) {
  DIR* entries = ::opendir(folder.c_str());
  if (entries == nullptr) return;
  while (const dirent* entry = ::readdir(entries)) ::unlinkat(::dirfd(entries), entry->d_name, 0);
  ::closedir(entries);
  ::rmdir(folder.c_str());
}

// An overlay whose upper directory is on the file system containerd will use, with a file and a whiteout.
int try_overlay() {
  if (::unshare(CLONE_NEWNS) != 0) return errno;
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return errno;
  char folder[] = "/var/lib/.sealift-overlay-XXXXXX";
  if (::mkdtemp(folder) == nullptr) return errno;
  const std::string base = folder;
  const std::string lower = base + "/l", upper = base + "/u", work = base + "/w", merged = base + "/m";
  int result = 0;
  for (const auto* part : {&lower, &upper, &work, &merged}) {
    if (::mkdir(part->c_str(), 0700) != 0) result = errno;
  }
  const int below = ::open((lower + "/file").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  if (below >= 0) ::close(below);
  const std::string options = "lowerdir=" + lower + ",upperdir=" + upper + ",workdir=" + work;
  if (result == 0 && ::mount("overlay", merged.c_str(), "overlay", 0, options.c_str()) != 0) result = errno;
  if (result == 0) {
    if (::unlink((merged + "/file").c_str()) != 0) result = errno;  // makes a whiteout
    struct stat status{};
    if (result == 0 && (::lstat((upper + "/file").c_str(), &status) != 0 || !S_ISCHR(status.st_mode)))
      result = EOPNOTSUPP;
    ::umount2(merged.c_str(), MNT_DETACH);
  }
  ::unlink((lower + "/file").c_str());
  ::unlink((upper + "/file").c_str());
  remove_folder_of_files(work + "/work");
  for (const auto* part : {&lower, &upper, &work, &merged, &base}) ::rmdir(part->c_str());
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

Result<FeatureResult> try_feature_here(const std::string& name) {
  if (name == "overlay") return in_child(try_overlay, "an overlay mount with an upper layer in /var/lib");
  if (name == "nftables") return in_child(try_nftables, "nf_tables");
  if (name == "vxlan") return in_child(try_vxlan, "a vxlan link");
  if (name == "br_netfilter") return try_br_netfilter();
  return fail(ErrorCode::internal, "the feature \"{}\" can't be tried", base::printable(name));
}

}  // namespace sealift::host
