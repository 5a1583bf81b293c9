// SPDX-License-Identifier: Apache-2.0
//
// What a node of a cluster that Sealift did not make needs, so that applications can be delivered to it.
#include <algorithm>
#include <array>
#include <set>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/checks/all_checks.h"

namespace sealift::checks {
namespace {

constexpr std::string_view kCerts = "/etc/containerd/certs.d";

// The value of config_path in the section of a containerd configuration that speaks of Kubernetes' registries; other
// plugins have a field of that name, too.
std::string config_path_of(std::string_view dump) {
  bool is_registry = false;
  std::string out;
  for (auto line : base::split(dump, '\n')) {
    line = base::trim(line);
    if (line.starts_with('['))
      is_registry = line.contains("io.containerd.") && line.contains("cri") && line.ends_with(".registry]");
    const size_t equals = line.find('=');
    if (!is_registry || equals == std::string_view::npos || base::trim(line.substr(0, equals)) != "config_path")
      continue;
    auto value = base::trim(line.substr(equals + 1));
    if (value.size() > 1) out = value.substr(1, value.size() - 2);
  }
  return out;
}

Result<void> runtime(const Subject& subject, Report& report) {
  const auto asked = subject.host.host->query({{"containerd", "config", "dump"}, {}, "/", Duration{30'000}}, {}, {});
  if (!asked || !asked->ok()) {
    const auto why = asked ? base::printable(base::trim(asked->errors), 200) : asked.error().text();
    report.found(base::format("has no containerd that tells its configuration (`containerd config dump`: {})", why),
                 "Sealift serves images to containerd alone, whose program must be in the PATH; take this host out of "
                 "cluster.yaml, or use registry.external with a runtime that is set up for it");
    return {};
  }
  const auto path = config_path_of(asked->output);
  const auto folders = base::split(path, ':');
  if (std::ranges::contains(folders, kCerts)) return {};
  report.found(path.empty()
                   ? "has a containerd without a folder for its registries"
                   : base::format("has a containerd that reads its registries from {}", base::printable(path)));
  return {};
}

Result<void> mirror(const Subject& subject, Report& report) {
  const auto path = base::format("{}/_default/hosts.toml", kCerts);
  SEALIFT_ASSIGN(const auto there, report.of(subject.host.host->stat(path)));
  if (there && *there) report.found(base::format("has {} already, and Sealift did not write it", path));
  return {};
}

// "docker.io" of "docker.io/library/redis:7.2".
std::string registry_of(const std::string& image) { return image.substr(0, image.find('/')); }

Result<void> registries(const Subject& subject, Report& report) {
  std::set<std::string> wanted;
  for (const auto* image : subject.input.images) wanted.insert(registry_of(image->name));
  SEALIFT_ASSIGN(const auto names, report.of(subject.host.host->list(std::string(kCerts))));
  for (const auto& name : names.value_or(std::vector<std::string>())) {
    // containerd writes a port as "harbor.lan:5000" or "harbor.lan_5000_".
    std::string registry = name;
    if (registry.ends_with('_') && registry.find('_') + 1 < registry.size()) {
      registry.pop_back();
      registry[registry.rfind('_')] = ':';
    }
    if (wanted.contains(registry))
      report.found(base::format("has {}/{}, so images of {} do not come from the artifact", kCerts, name, registry));
  }
  return {};
}

Result<void> tools(const Subject& subject, Report& report) {
  constexpr auto kPath =
      std::to_array<std::string_view>({"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"});
  const auto& contents = subject.input.contents;
  if (std::ranges::none_of(contents.apps, [](const auto& app) { return app.kind == format::AppKind::helm; })) return {};
  for (const auto folder : kPath) {
    const auto path = base::format("{}/helm", folder);
    const bool is_packed = std::ranges::any_of(contents.host_files, [&](const format::HostFile& file) {
      return file.destination == path && file.role != format::HostRole::worker;
    });
    if (is_packed) return {};
    SEALIFT_ASSIGN(const auto there, report.of(subject.host.host->stat(path)));
    if (!there || *there) return {};
  }
  report.found("has no helm, and the artifact brings charts");
  return {};
}

bool on_planes_that_are_there(const Subject& subject) {
  return on_nodes_that_are_there(subject) && subject.host.config.role == format::HostRole::control_plane;
}

constexpr auto kChecks = std::to_array<Check>({
    {"existing.runtime", "containerd is the runtime and reads /etc/containerd/certs.d",
     "write config_path = \"/etc/containerd/certs.d\" below [plugins.'io.containerd.cri.v1.images'.registry] in "
     "/etc/containerd/config.toml (containerd 1: [plugins.\"io.containerd.grpc.v1.cri\".registry]) and restart "
     "containerd",
     AskHost(runtime), on_nodes_that_are_there},
    {"existing.mirror", "/etc/containerd/certs.d/_default/hosts.toml is nobody's",
     "move what it says into a folder for each registry, and remove it", AskHost(mirror),
     on_fresh_nodes_that_are_there},
    {"existing.registries", "containerd has no configuration of its own for the registries of the artifact's images",
     "remove that folder, or build the artifact with other image names", AskHost(registries), on_nodes_that_are_there},
    {"existing.tools", "helm is on hosts with the role control-plane, if the artifact has charts",
     "put it into /usr/local/bin there, or into the artifact with FILE", AskHost(tools), on_planes_that_are_there},
});

}  // namespace

std::span<const Check> existing_checks() { return kChecks; }

}  // namespace sealift::checks
