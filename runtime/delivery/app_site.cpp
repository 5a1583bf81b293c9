// SPDX-License-Identifier: Apache-2.0
#include "runtime/delivery/app_site.h"

#include <algorithm>
#include <map>
#include <set>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/delivery/control_plane.h"
#include "runtime/delivery/existing_site.h"
#include "runtime/delivery/outcome.h"
#include "runtime/steps/basic_step.h"
#include "runtime/steps/existing_cluster.h"

namespace sealift::delivery {
namespace {

// A control plane, or another registry host.
struct Plane {
  config::HostConfig config;
  std::shared_ptr<host::Host> host;
  Membership membership;
};

Result<std::vector<Plane>> connect(Input& input) {
  std::vector<config::HostConfig> wanted;
  for (const auto& host : input.config.hosts) {
    const bool is_plane = host.role == format::HostRole::control_plane;
    if (is_plane || steps::wants_payload(input.config.registry, host, 0)) wanted.push_back(host);
  }
  if (std::ranges::none_of(wanted, [](const auto& host) { return host.role == format::HostRole::control_plane; }))
    return fail(ErrorCode::invalid_config, "no host has the role control-plane");
  tell_phase(input, "Connecting to the control planes and registry hosts");
  std::vector<Plane> out, others;
  for (auto& connection : input.connector.connect(wanted, host::Purpose::change)) {
    // Each has records that must not survive what is done.
    if (!connection.host) return fail(std::move(connection.host).error());
    const auto config = std::ranges::find(wanted, connection.address, &config::HostConfig::address);
    std::shared_ptr<host::Host> host = std::move(*connection.host);
    if (config->role != format::HostRole::control_plane) {
      others.push_back({*config, std::move(host), {}});
      continue;
    }
    SEALIFT_ASSIGN(const bool has_cluster, steps::exists(*host, steps::kubeconfig_path(input.config)));
    if (!has_cluster) continue;
    SEALIFT_ASSIGN(const auto membership, look_at_membership(*host));
    out.push_back({*config, std::move(host), membership});
  }
  if (out.empty())
    return fail(ErrorCode::not_found, "there is no cluster on {} yet; deliver it with --config",
                wanted.front().address);
  std::ranges::stable_sort(out, {}, [](const Plane& plane) { return plane.membership.rank(); });
  std::ranges::move(others, std::back_inserter(out));
  return out;
}

const config::ApplicationConfig* settings_of(const config::ClusterConfig& config, const format::App& app) {
  for (const auto& name : {app.name, app.part_of}) {
    const auto found = std::ranges::find(config.applications, name, &config::ApplicationConfig::name);
    if (found != config.applications.end()) return &*found;
  }
  return nullptr;
}

}  // namespace

Result<AppSite> look_at_apps(Input& input) {
  SEALIFT_ASSIGN(auto planes, connect(input));
  AppSite out;
  out.model.reset(new steps::Model{input.payload, input.config, {}, {}, {}});
  out.model->applied_by = input.who;
  std::map<std::string, config::HostConfig> by_name;
  for (const auto& plane : planes) {
    SEALIFT_ASSIGN(auto facts, plane.host->facts());
    SEALIFT_ASSIGN(auto node, steps::make_node(plane.config, std::move(facts)));
    by_name[node.name] = plane.config;
    out.model->nodes.push_back(std::move(node));
  }
  auto& first = *planes.front().host;
  if (input.config.existing) {
    SEALIFT_ASSIGN(out.model->base.kubernetes_version, version_of_existing(first, input.cancel));
  } else {
    SEALIFT_ASSIGN(const auto version, first.recorded(std::string(steps::kVersionRecord)));
    out.model->base.kubernetes_version = version.value_or("");
  }
  SEALIFT_ASSIGN(out.records, host::read_artifact_records(first));
  out.connections = std::make_unique<engine::ConnectionPool>(
      [by_name, &connector = input.connector](const std::string& name,
                                              const CancelToken&) -> Result<std::shared_ptr<host::Host>> {
        SEALIFT_ASSIGN(auto fresh, connector.reconnect(by_name.at(name), host::Purpose::change));
        return std::shared_ptr<host::Host>(std::move(fresh));
      });
  steps::ClusterApps apps;
  SEALIFT_ASSIGN(const auto installed, apps.installed({first, *out.connections, input.cancel, {}}));
  out.installed = *installed;
  for (size_t i = 0; i < planes.size(); ++i) out.connections->adopt(out.model->nodes[i].name, planes[i].host);
  return out;
}

std::vector<host::ArtifactRecord::App> find_recorded(const AppSite& site, const std::string& name) {
  std::vector<host::ArtifactRecord::App> out;
  for (const auto& record : site.records) {
    std::ranges::copy_if(record.apps, std::back_inserter(out), [&](const host::ArtifactRecord::App& app) {
      return app.name == name || (!app.part_of.empty() && app.part_of == name);
    });
  }
  return out;
}

Result<steps::SelectedApp> from_artifact(const steps::Model& model, const format::App& app,
                                         const host::ArtifactRecord::App* recorded) {
  std::vector<steps::SelectedApp> out{
      {.app = &app, .target_namespace = app.default_namespace(), .release = app.release_name(), .needs = app.needs}};
  auto& selected = out.front();
  if (const auto* settings = settings_of(model.config, app)) {
    if (settings->target_namespace) selected.target_namespace = *settings->target_namespace;
    selected.timeout = settings->timeout;
    selected.waits_for_health = settings->waits_for_health;
    if (!settings->files.empty()) selected.changes = &settings->files;
  }
  if (recorded != nullptr) {
    selected.target_namespace = recorded->target_namespace;
    selected.release = recorded->release;
  }
  SEALIFT_TRY(steps::change_files(model.payload, model.config, out));
  return std::move(selected);
}

Error unknown_app(const AppSite& site, const std::string& name) {
  std::set<std::string, std::less<>> names;
  for (const auto& record : site.records) {
    for (const auto& app : record.apps) names.insert(app.name);
  }
  for (const auto& app : site.model->contents().apps) names.insert(app.name);
  const std::vector<std::string_view> known(names.begin(), names.end());
  const auto near = base::nearest(name, known);
  return {
      ErrorCode::not_found,
      base::format("no application {} is known to the cluster or to the artifact {}{}; `list --cluster` names those "
                   "that are there",
                   base::printable(name, 100), site.model->payload.artifact_name(),
                   near ? base::format(" (did you mean {}?)", *near) : ""),
      {}};
}

}  // namespace sealift::delivery
