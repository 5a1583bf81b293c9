// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/host_check.h"

#include <sys/statvfs.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <functional>

#include "payload/base/file.h"
#include "payload/base/text.h"
#include "payload/base/thread.h"
#include "payload/http/client.h"
#include "runtime/host/local_host.h"
#include "runtime/node/etcd.h"
#include "runtime/node/mirror_config.h"
#include "runtime/node/network_check.h"

namespace sealift::node {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxPem = size_t{64} << 10;
constexpr const char* kMirrorAuthority = "/etc/sealift/pki/ca.crt";
constexpr const char* kMirrorConfig = "/etc/sealift/mirror.json";
constexpr const char* kClusterAuthority = "/etc/kubernetes/pki/ca.crt";
// Where containerd keeps them, as long as nobody says otherwise in its configuration (netns_mount_dir).
constexpr const char* kPodNetworks = "/run/netns";
constexpr Duration kPatience{2'000};
// Nobody listens at this port of a pod (tcpmux): a refusal says as much as an answer.
constexpr uint16_t kUnusedPort = 1;
constexpr int kAsks = 2;  // each reaches a random pod of the name service: an unreachable one should not stay hidden

HostAnswer::Mirror look_at_mirror(const HostQuestion& question) {
  HostAnswer::Mirror out;
  const auto url = http::parse_url("https://" + question.mirror);
  const auto authority = base::read_text_file(kMirrorAuthority, kMaxPem);
  if (!url || !authority) {
    out.error = (url ? authority.error() : url.error()).text();
    return out;
  }
  return check_mirror({url->origin.host, url->origin.port, *authority}, question.images);
}

std::string look_at_balancer(const HostQuestion& question) {
  const auto authority = base::read_text_file(kClusterAuthority, kMaxPem);
  return authority ? check_balancer(question.balancer, *authority) : authority.error().text();
}

// What the mirror's own configuration says of it.
std::optional<std::string> look_at_people_door() {
  const auto config = base::read_text_file(kMirrorConfig, kMaxPem).and_then(parse_mirror_config);
  if (!config || !config->people) return std::nullopt;
  const auto authority = base::read_text_file(kMirrorAuthority, kMaxPem);
  if (!authority) return authority.error().text();
  return check_people_door(config->people->address, config->people->port, *authority);
}

HostAnswer::File look_at_file(const std::string& path) {
  HostAnswer::File out{path, {}, {}};
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return out;
  const auto digest = base::OpenFile::open(path).and_then(
      [](const std::unique_ptr<base::OpenFile>& file) { return hash::sha256(*file, 0, file->size()); });
  if (digest)
    out.digest = *digest;
  else
    out.error = digest.error().text();
  return out;
}

std::optional<HostAnswer::Disk> look_at_disk(const std::string& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return std::nullopt;
  const auto space = host::disk_space_of(path);
  struct statvfs counted{};
  if (!space || ::statvfs(path.c_str(), &counted) != 0) return std::nullopt;
  return HostAnswer::Disk{path,
                          space->mount_point,
                          space->free_bytes,
                          space->total_bytes,
                          space->free_inodes,
                          counted.f_files,
                          space->read_only};
}

std::string ask_for_name(const HostQuestion& question) {
  for (int asked = 0; asked < kAsks; ++asked) {
    const auto answer = host::ask_name_server_here(question.name_server, question.name);
    if (!answer) return answer.error().text();
    if (!answer->works) return answer->detail;
  }
  return {};
}

// "" if packets travel both ways.
std::string reason_of(int error) { return error == 0 || error == ECONNREFUSED ? "" : std::strerror(error); }

Result<Endpoint> endpoint_of(const std::string& text) {
  SEALIFT_ASSIGN(const auto url, http::parse_url("https://" + text));
  return Endpoint{url.origin.host, url.origin.port};
}

HostAnswer::PodView look_as_pod(const HostQuestion& question) {
  HostAnswer::PodView out;
  const auto network = find_pod_network(question.own_pods, kPodNetworks);
  if (!network) {
    out.error = network.error().text();
    return out;
  }
  out.address = network->address;
  const auto entered = inside(*network, [&] {
    const auto ask = [&] {
      if (!question.name_server.empty()) out.names = ask_for_name(question);
    };
    const auto connect = [&] {
      std::vector<Endpoint> endpoints;
      const auto service = question.service.empty() ? Result<Endpoint>{} : endpoint_of(question.service);
      if (service && !question.service.empty()) endpoints.push_back(*service);
      const size_t others = endpoints.size();
      for (const auto& target : question.targets) endpoints.push_back({target.address, kUnusedPort});
      const auto errors = try_to_connect(endpoints, kPatience);
      // A service that refuses has no API server behind it.
      if (others == 1 && errors[0] != 0) out.service = std::strerror(errors[0]);
      for (size_t i = 0; i < question.targets.size(); ++i)
        out.targets.push_back({question.targets[i].node, question.targets[i].address, reason_of(errors[others + i])});
    };
    const std::array<std::function<void()>, 2> parts{ask, connect};
    base::parallel_for(parts.size(), parts.size(), [&](size_t i) { parts[i](); });
  });
  if (!entered) out.error = entered.error().text();
  return out;
}

HostAnswer::Etcd look_at_own_etcd() {
  const auto status = etcd_of_control_plane().and_then(etcd_status);
  if (status) return *status;
  HostAnswer::Etcd out;
  out.error = status.error().text();
  return out;
}

}  // namespace

HostAnswer check_host(const HostQuestion& question) {
  HostAnswer out;
  const std::vector<std::function<void()>> parts{
      [&] {
        if (!question.mirror.empty()) out.mirror = look_at_mirror(question);
      },
      [&] {
        if (!question.balancer.empty()) out.balancer = look_at_balancer(question);
      },
      [&] {
        if (!question.mirror.empty()) out.people = look_at_people_door();
      },
      [&] {
        if (question.etcd) out.etcd = look_at_own_etcd();
      },
      [&] {
        if (!question.name_server.empty()) out.names = ask_for_name(question);
      },
      [&] {
        if (!question.own_pods.empty()) out.pod = look_as_pod(question);
      },
      [&] {
        out.boot_id = base::trim(base::read_text_file("/proc/sys/kernel/random/boot_id", 256).value_or(""));
        for (const auto& path : question.disks) {
          if (auto disk = look_at_disk(path)) out.disks.push_back(std::move(*disk));
        }
        out.certificates = find_certificates("/");
        for (const auto& path : question.files) out.files.push_back(look_at_file(path));
      }};
  base::parallel_for(parts.size(), static_cast<unsigned>(parts.size()), [&](size_t i) { parts[i](); });
  return out;
}

}  // namespace sealift::node
