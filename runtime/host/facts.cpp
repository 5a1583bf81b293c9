// SPDX-License-Identifier: Apache-2.0
//
// Facts about this machine from the kernel's own files: no program is started, so this works on a bare host.
#include <arpa/inet.h>
#include <dirent.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "payload/base/file.h"
#include "payload/base/parallel.h"
#include "payload/base/text.h"
#include "runtime/host/local_host.h"

namespace sealift::host {
namespace {

std::string slurp(const std::string& path) {
  auto text = base::read_text_file(path, size_t{4} << 20);
  return text ? std::move(*text) : std::string();
}

void read_memory(Facts& facts) {
  const std::string text = slurp("/proc/meminfo");
  for (const auto line : base::split(text, '\n')) {
    const auto words = base::split_words(line);
    if (words.size() < 2) continue;
    const uint64_t bytes = base::parse_u64(words[1]).value_or(0) * 1024;
    if (words[0] == "MemTotal:") facts.memory_bytes = bytes;
    if (words[0] == "SwapTotal:") facts.swap_bytes = bytes;
  }
}

// Version 2 only if the unified hierarchy has the controllers (hybrid counts as 1).
void read_cgroups(Facts& facts) {
  const std::string unified = slurp("/sys/fs/cgroup/cgroup.controllers");
  if (!unified.empty()) {
    facts.cgroup_version = 2;
    for (const auto word : base::split_words(base::trim(unified))) facts.cgroup_controllers.emplace_back(word);
    return;
  }
  const std::string mounts = slurp("/proc/self/mountinfo");
  for (const auto line : base::split(mounts, '\n')) {
    const size_t dash = line.find(" - cgroup ");
    if (dash == std::string_view::npos) continue;
    facts.cgroup_version = 1;
    const auto fields = base::split_words(line.substr(dash));
    if (fields.size() < 4) continue;
    for (const auto option : base::split(fields[3], ',')) {
      if (option != "rw" && option != "ro" && !option.contains('=')) facts.cgroup_controllers.emplace_back(option);
    }
  }
  std::ranges::sort(facts.cgroup_controllers);
}

void read_addresses(Facts& facts) {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || entry->ifa_netmask == nullptr) continue;
    const int family = entry->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    std::array<uint8_t, 16> address{}, mask{};
    const size_t size = family == AF_INET ? 4 : 16;
    const size_t offset = family == AF_INET ? offsetof(sockaddr_in, sin_addr) : offsetof(sockaddr_in6, sin6_addr);
    std::memcpy(address.data(), reinterpret_cast<const char*>(entry->ifa_addr) + offset,
                size);  // NOLINT(*-reinterpret-cast): socket addresses
    std::memcpy(mask.data(), reinterpret_cast<const char*>(entry->ifa_netmask) + offset,
                size);  // NOLINT(*-reinterpret-cast)
    std::array<char, INET6_ADDRSTRLEN> text{};
    ::inet_ntop(family, address.data(), text.data(), text.size());
    int prefix = 0;
    for (const uint8_t byte : mask) prefix += std::popcount(byte);
    facts.addresses.push_back({entry->ifa_name, text.data(), prefix});
  }
  ::freeifaddrs(list);
}

bool has_default_route() {
  const std::string v4 = slurp("/proc/net/route");
  for (const auto line : base::split(v4, '\n')) {
    const auto fields = base::split(line, '\t');
    if (fields.size() > 7 && fields[1] == "00000000" && fields[7] == "00000000") return true;
  }
  const std::string v6 = slurp("/proc/net/ipv6_route");
  for (const auto line : base::split(v6, '\n')) {
    const auto fields = base::split_words(line);
    if (fields.size() > 9 && fields[0] == std::string(32, '0') && fields[1] == "00" && fields[9] != "lo") return true;
  }
  return false;
}

// "0100007F:1F90" → 127.0.0.1, 8080: each 32-bit word is in the machine's byte order.
std::pair<std::string, uint16_t> parse_socket(std::string_view text) {
  const size_t colon = text.find(':');
  auto bytes = base::from_hex(text.substr(0, colon));
  unsigned port = 0;
  std::from_chars(text.data() + colon + 1, text.data() + text.size(), port, 16);
  if (!bytes || (bytes->size() != 4 && bytes->size() != 16)) return {"", static_cast<uint16_t>(port)};
  for (size_t i = 0; i + 4 <= bytes->size(); i += 4)
    std::reverse(bytes->begin() + static_cast<ptrdiff_t>(i), bytes->begin() + static_cast<ptrdiff_t>(i) + 4);
  std::array<char, INET6_ADDRSTRLEN> out{};
  ::inet_ntop(bytes->size() == 4 ? AF_INET : AF_INET6, bytes->data(), out.data(), out.size());
  return {out.data(), static_cast<uint16_t>(port)};
}

// socket inode → command name; only for the requested inodes.
std::map<std::string, std::string> owners_of(const std::vector<std::string>& inodes) {
  std::map<std::string, std::string> out;
  DIR* processes = ::opendir("/proc");
  if (processes == nullptr) return out;
  while (const dirent* process = ::readdir(processes)) {
    const std::string pid = process->d_name;
    if (!base::parse_u64(pid)) continue;
    const std::string folder = "/proc/" + pid + "/fd";
    DIR* descriptors = ::opendir(folder.c_str());
    if (descriptors == nullptr) continue;
    while (const dirent* descriptor = ::readdir(descriptors)) {
      std::array<char, 64> target{};
      const ssize_t size = ::readlink((folder + "/" + descriptor->d_name).c_str(), target.data(), target.size());
      const std::string_view link(target.data(), size < 0 ? 0 : static_cast<size_t>(size));
      if (!link.starts_with("socket:[")) continue;
      const std::string inode(link.substr(8, link.size() - 9));
      if (std::ranges::contains(inodes, inode)) out[inode] = std::string(base::trim(slurp("/proc/" + pid + "/comm")));
    }
    ::closedir(descriptors);
  }
  ::closedir(processes);
  return out;
}

void read_listeners(Facts& facts) {
  std::vector<std::string> inodes;
  for (const auto* path : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    const std::string text = slurp(path);
    for (const auto line : base::split(text, '\n')) {
      const auto fields = base::split_words(line);
      if (fields.size() < 10 || fields[3] != "0A") continue;  // listening
      const auto [address, port] = parse_socket(fields[1]);
      facts.listeners.push_back({address, port, ""});
      inodes.emplace_back(fields[9]);
    }
  }
  const auto owners = owners_of(inodes);
  for (size_t i = 0; i < inodes.size(); ++i) {
    const auto found = owners.find(inodes[i]);
    if (found != owners.end()) facts.listeners[i].process = found->second;
  }
}

void read_nameservers(Facts& facts) {
  const std::string text = slurp("/etc/resolv.conf");
  for (const auto line : base::split(text, '\n')) {
    const auto words = base::split_words(line);
    if (words.size() >= 2 && words[0] == "nameserver") facts.nameservers.emplace_back(words[1]);
  }
}

}  // namespace

Result<Facts> read_facts(Clock& clock) {
  Facts facts;
  utsname names{};
  if (::uname(&names) != 0) return fail_errno(errno, "uname");
  facts.hostname = names.nodename;
  facts.architecture = base::own_architecture();
  facts.machine_id = base::trim(slurp("/etc/machine-id"));
  facts.cpus = base::processors();
  facts.systemd = ::access("/run/systemd/system", F_OK) == 0;
  facts.clock_ms = clock.now().time_since_epoch().count();
  read_memory(facts);
  read_cgroups(facts);
  read_addresses(facts);
  facts.default_route = has_default_route();
  read_nameservers(facts);
  read_listeners(facts);
  return facts;
}

Result<DiskSpace> disk_space_of(const std::string& real_path) {
  std::string path = real_path;
  struct statvfs space{};
  while (::statvfs(path.c_str(), &space) != 0) {
    if (errno != ENOENT && errno != ENOTDIR) return fail_errno(errno, "look at the disk of " + real_path);
    const size_t slash = path.rfind('/');
    if (slash == std::string::npos || path == "/") return fail_errno(errno, "look at the disk of " + real_path);
    path = slash == 0 ? "/" : path.substr(0, slash);
  }
  DiskSpace out;
  out.free_bytes = uint64_t{space.f_bavail} * space.f_frsize;
  out.total_bytes = uint64_t{space.f_blocks} * space.f_frsize;
  out.free_inodes = space.f_favail;
  out.read_only = (space.f_flag & ST_RDONLY) != 0;
  out.no_exec = (space.f_flag & ST_NOEXEC) != 0;
  // The longest mount point that is a prefix; if several are equal, the last one mounted.
  const std::string mounts = slurp("/proc/self/mountinfo");
  for (const auto line : base::split(mounts, '\n')) {
    const auto fields = base::split_words(line);
    if (fields.size() < 6) continue;
    const std::string_view point = fields[4];
    const bool above = point == "/" || path == point ||
                       (path.starts_with(point) && path.size() > point.size() && path[point.size()] == '/');
    if (!above || point.size() < out.mount_point.size()) continue;
    out.mount_point = point;
    const size_t dash = line.find(" - ");
    if (dash != std::string_view::npos) out.filesystem = base::split_words(line.substr(dash + 3)).front();
  }
  return out;
}

}  // namespace sealift::host
