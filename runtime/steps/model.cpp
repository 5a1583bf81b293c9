// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/model.h"

#include <algorithm>
#include <map>
#include <set>

#include "payload/base/format.h"
#include "payload/base/pattern.h"
#include "payload/base/text.h"

namespace sealift::steps {
namespace {

bool is_usable(std::string_view address) {
  return !address.starts_with("127.") && address != "::1" && !address.starts_with("fe80:") &&
         !address.starts_with("169.254.");
}

// The names of applications that a name of cluster.yaml stands for: several, if an APP line brought several charts.
std::vector<std::string> members(const format::Contents& contents, const std::string& name) {
  std::vector<std::string> out;
  for (const auto& app : contents.apps) {
    if (app.part_of == name) out.push_back(app.name);
  }
  if (out.empty() || contents.find_app(name) != nullptr) return {name};
  return out;
}

// What is said of a chart itself comes before what is said of its whole APP line.
const config::ApplicationConfig* site_settings(const config::ClusterConfig& config, const format::App& app) {
  for (const auto& name : {app.name, app.part_of}) {
    const auto found = std::ranges::find(config.applications, name, &config::ApplicationConfig::name);
    if (found != config.applications.end()) return &*found;
  }
  return nullptr;
}

// The tree path of the set with this file name.
Result<std::string> find_set(const format::App& app, const std::string& name) {
  std::vector<std::string> known;
  for (const auto& path : app.values) {
    known.push_back(path.substr(path.rfind('/') + 1));
    if (known.back() == name) return path;
  }
  return fail(ErrorCode::not_in_artifact, "the artifact has no set of values \"{}\" for {}; it has {}",
              base::printable(name), app.name, known.empty() ? "none" : base::join(known, ", "));
}

Result<SelectedApp> select(const format::Contents& contents, const config::ClusterConfig& config,
                           const std::string& name, const IsElsewhere& elsewhere) {
  const format::App* app = contents.find_app(name);
  if (app == nullptr) {
    std::vector<std::string> known;
    for (const auto& other : contents.apps) known.push_back(other.name);
    return fail(ErrorCode::not_in_artifact, "the application \"{}\" is not in the artifact, which holds: {}", name,
                base::join(known, ", "));
  }
  SelectedApp out{
      .app = app, .target_namespace = app->default_namespace(), .release = app->release_name(), .needs = app->needs};
  if (!app->values.empty()) out.values_set = app->values.front();
  if (const auto* settings = site_settings(config, *app)) {
    if (settings->target_namespace) out.target_namespace = *settings->target_namespace;
    if (settings->values_set) {
      SEALIFT_ASSIGN(out.values_set, find_set(*app, *settings->values_set));
    }
    out.values_yaml = settings->values_yaml;
    out.values_file = settings->values_file_yaml;
    out.ignored_images = settings->ignored_images;
    out.timeout = settings->timeout;
    out.waits_for_health = settings->waits_for_health;
    if (!settings->files.empty()) out.changes = &settings->files;
    for (const auto& need : settings->needs) {
      for (auto& member : members(contents, need)) {
        if (contents.find_app(member) != nullptr || !elsewhere(member)) out.needs.push_back(std::move(member));
      }
    }
  }
  for (const auto& patch : config.patches) {
    if (patch.app == app->name) out.patches.push_back(&patch);
  }
  std::ranges::sort(out.needs);
  out.needs.erase(std::ranges::unique(out.needs).begin(), out.needs.end());
  return out;
}

// How long the longest chain of applications is that wait for each, itself included; in a circle it has no meaning.
std::map<std::string, size_t> chains_behind(const std::map<std::string, SelectedApp>& apps) {
  std::map<std::string, size_t> out;
  for (const auto& [name, app] : apps) out[name] = 1;
  bool changed = true;
  for (size_t round = 0; changed && round < apps.size(); ++round) {
    changed = false;
    for (const auto& [name, app] : apps) {
      for (const auto& need : app.needs) {
        if (out[need] > out[name]) continue;
        out[need] = out[name] + 1;
        changed = true;
      }
    }
  }
  return out;
}

Error no_application(const config::ClusterConfig& config, const config::Place& place, const std::string& who,
                     const std::string& app, const std::map<std::string, SelectedApp>& selected) {
  std::vector<std::string_view> known;
  for (const auto& [name, there] : selected) known.emplace_back(name);
  const auto near = base::nearest(app, known);
  return {
      ErrorCode::invalid_config,
      base::format("{}:{}:{}: the {} is for the application \"{}\", which is not delivered{}", config.path, place.line,
                   place.column, base::printable(who, 300), base::printable(app, 300),
                   near ? base::format("; did you mean {}?", *near) : "; name it in spec.apps or remove the document"),
      {}};
}

// Kahn's algorithm: the network first, then what the longest chain waits for, then by name.
Result<std::vector<SelectedApp>> ordered(std::map<std::string, SelectedApp> waiting) {
  std::vector<SelectedApp> out;
  std::set<std::string> done;
  auto behind = chains_behind(waiting);
  while (!waiting.empty()) {
    const auto ready = [&](const auto& entry) {
      return std::ranges::all_of(entry.second.needs, [&](const std::string& need) { return done.contains(need); });
    };
    auto next = waiting.end();
    for (auto it = waiting.begin(); it != waiting.end(); ++it) {
      if (!ready(*it)) continue;
      const auto rank = [&](const auto& entry) { return std::pair(entry.second.app->is_network, behind[entry.first]); };
      if (next == waiting.end() || rank(*it) > rank(*next)) next = it;
    }
    if (next == waiting.end()) {
      std::vector<std::string> names;
      for (const auto& [name, app] : waiting) names.push_back(name);
      return fail(ErrorCode::invalid_config,
                  "these applications need each other in a circle: {}; remove one of their needs",
                  base::join(names, ", "));
    }
    done.insert(next->first);
    out.push_back(std::move(next->second));
    waiting.erase(next);
  }
  return out;
}

}  // namespace

std::vector<const Node*> Model::control_planes() const {
  std::vector<const Node*> out;
  for (const auto& node : nodes) {
    if (node.is_control_plane()) out.push_back(&node);
  }
  return out;
}

std::vector<const Node*> Model::workers() const {
  std::vector<const Node*> out;
  for (const auto& node : nodes) {
    if (!node.is_control_plane()) out.push_back(&node);
  }
  return out;
}

bool wants_payload(const config::RegistryConfig& registry, const config::HostConfig& host, size_t planes_before) {
  using Hosts = config::RegistryConfig::Hosts;
  if (registry.external) return false;
  const auto is_named = [&](const std::string& name) { return std::ranges::contains(registry.hosts, name); };
  switch (registry.on) {
    case Hosts::all: return true;
    case Hosts::named: return is_named(host.address) || (host.name && is_named(*host.name));
    case Hosts::control_planes:
      return host.role == format::HostRole::control_plane && planes_before < kMostRegistryHosts;
  }
  return false;
}

std::vector<const Node*> Model::registry_hosts() const {
  std::vector<const Node*> out;
  size_t planes = 0;
  for (const auto& node : nodes) {
    if (wants_payload(config.registry, node.config, planes)) out.push_back(&node);
    planes += node.is_control_plane() ? 1 : 0;
  }
  return out;
}

bool Model::is_registry_host(const Node& node) const {
  return std::ranges::contains(registry_hosts(), node.name, &Node::name);
}

bool Model::leaves_registry(const Node& node) const {
  return before && node.served.contains(before->file_name()) && !is_registry_host(node);
}

std::vector<const Node*> Model::asked_hosts() const {
  auto out = registry_hosts();
  const size_t wanted = out.size();
  const auto is_needed = [&](const Node& node) {
    return std::ranges::any_of(others, [&](const host::ArtifactRecord& other) {
      const auto lacks = [&](const Node* host) { return !host->served.contains(other.file_name()); };
      return node.served.contains(other.file_name()) &&
             (wanted == 0 || std::any_of(out.begin(), out.begin() + static_cast<ptrdiff_t>(wanted), lacks));
    });
  };
  for (const auto& node : nodes) {
    const auto end_of_wanted = out.begin() + static_cast<ptrdiff_t>(wanted);
    if (is_needed(node) && std::find(out.begin(), end_of_wanted, &node) == end_of_wanted) out.push_back(&node);
  }
  return out;
}

std::vector<const Node*> Model::keepers() const {
  std::vector<const Node*> out;
  size_t planes = 0;
  for (const auto& node : nodes) {
    const bool has_charts = node.is_control_plane() && planes < kMostRegistryHosts;
    if (has_charts || wants_payload(config.registry, node.config, planes)) out.push_back(&node);
    planes += node.is_control_plane() ? 1 : 0;
  }
  return out;
}

const Node& Model::any_control_plane() const { return *control_planes().front(); }

bool Model::brings_network() const {
  const auto is_network_file = [](const auto& file) { return file.destination.starts_with("/etc/cni/net.d/"); };
  return std::ranges::any_of(apps, [](const SelectedApp& app) { return app.app->is_network; }) ||
         std::ranges::any_of(base.files, is_network_file) ||
         std::ranges::any_of(contents().host_files, is_network_file) ||
         std::ranges::any_of(config.files, is_network_file);
}

std::vector<const format::Image*> Model::selected_images() const {
  std::set<std::string> names;
  for (const auto& app : apps) names.insert(app.app->name);
  return contents().images_for(names);
}

std::string Model::payload_folder(const config::HostConfig& host) { return host.data_root + "/payloads"; }

std::string Model::payload_path(const config::HostConfig& host) const {
  return base::format("{}/{}.payload", payload_folder(host), payload.identity().hex());
}

bool Model::has_image(const image::Reference& reference) const {
  if (contents().find_image(reference) != nullptr) return true;
  // Whether it is there, only that registry knows, and only while it answers.
  const auto may_have = [&](const auto& upstream) { return base::is_like(reference.name(), upstream.match); };
  if (std::ranges::any_of(config.registry.upstreams, may_have)) return true;
  return std::ranges::any_of(others, [&](const host::ArtifactRecord& other) {
    return std::ranges::any_of(other.images, [&](const auto& image) {
      const auto known = image::parse_reference(image.first);
      if (!known || known->name() != reference.name()) return false;
      return reference.digest ? *reference.digest == image.second : reference.tag == known->tag;
    });
  });
}

Result<format::BaseDocument> read_base(const format::PayloadReader& payload) {
  const auto& path = payload.contents().base_document;
  if (!path) {
    return fail(
        ErrorCode::not_in_artifact,
        "this artifact holds no Kubernetes base, so there is nothing to make a cluster of; build it FROM a base (packer/KUBEFILE.md)");
  }
  SEALIFT_ASSIGN(const Bytes text, payload.read_tree(*path, size_t{1} << 20));
  return format::parse_base_document(base::as_text(text), *path);
}

Result<std::vector<SelectedApp>> select_apps(const format::Contents& contents, const config::ClusterConfig& config,
                                             const IsElsewhere& elsewhere) {
  std::vector<std::string> names = config.apps.value_or(contents.launch);
  for (const auto& app : contents.apps) {
    // A cluster that is there has its network.
    if (app.is_network && contents.base_document && !std::ranges::contains(names, app.name)) names.push_back(app.name);
  }
  std::map<std::string, SelectedApp> selected;
  std::set<std::string> disabled;
  for (const auto& written : names) {
    for (const auto& name : members(contents, written)) {
      const auto* app_there = contents.find_app(name);
      if (app_there == nullptr && elsewhere(name)) continue;
      if (const auto* settings = app_there == nullptr ? nullptr : site_settings(config, *app_there);
          settings != nullptr && !settings->enabled) {
        disabled.insert(name);
        continue;
      }
      SEALIFT_ASSIGN(auto app, select(contents, config, name, elsewhere));
      selected.insert_or_assign(name, std::move(app));
    }
  }
  for (const auto& application : config.applications) {
    const auto mine = members(contents, application.name);
    if (contents.find_app(mine.front()) == nullptr && elsewhere(application.name)) continue;
    if (!application.enabled && contents.find_app(mine.front()) != nullptr) continue;
    if (!std::ranges::any_of(mine, [&](const std::string& name) { return selected.contains(name); })) {
      return fail(
          ErrorCode::invalid_config,
          "the Application \"{}\" has settings but is not delivered; name it in spec.apps or remove the document",
          application.name);
    }
  }
  const auto is_known_elsewhere = [&](const std::string& name) {
    return disabled.contains(name) || (contents.find_app(name) == nullptr && elsewhere(name));
  };
  for (const auto& patch : config.patches) {
    if (!selected.contains(patch.app) && !is_known_elsewhere(patch.app))
      return fail(no_application(config, patch.app_place, "patch " + patch.name, patch.app, selected));
  }
  for (const auto& [name, app] : selected) {
    for (const auto& need : app.needs) {
      if (!selected.contains(need)) {
        return fail(ErrorCode::invalid_config, "the application \"{}\" needs \"{}\", which {}", name, need,
                    disabled.contains(need) ? "is not enabled; enable it, or disable both"
                                            : "is not selected; add it to spec.apps");
      }
    }
  }
  return ordered(std::move(selected));
}

Result<Node> make_node(const config::HostConfig& config, host::Facts facts) {
  Node node{config, base::to_lower(config.name.value_or(facts.hostname)), {}, {}, {}};
  if (const auto bad = config::bad_node_name(node.name)) {
    return fail(ErrorCode::invalid_config,
                "the host name \"{}\" of {} can't be a node's name ({}); set `name` for this host in cluster.yaml",
                base::printable(node.name), config.address, *bad);
  }
  std::vector<std::string> usable;
  for (const auto& address : facts.addresses) {
    if (address.address == config.address) node.ip = address.address;
    if (is_usable(address.address)) usable.push_back(address.address);
  }
  if (node.ip.empty() && usable.size() == 1) node.ip = usable.front();
  if (node.ip.empty()) {
    return fail(ErrorCode::invalid_config,
                "{} has the addresses {}; write the one that the other nodes reach as `address` in cluster.yaml",
                config.address, usable.empty() ? "none" : base::join(usable, ", "));
  }
  node.facts = std::move(facts);
  return node;
}

}  // namespace sealift::steps
