// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/node_service.h"

#include <algorithm>

#include "payload/base/format.h"
#include "payload/json/value.h"
#include "runtime/host/artifact_record.h"
#include "runtime/steps/certificates.h"
#include "runtime/steps/people_files.h"
#include "runtime/steps/registries.h"
#include "runtime/steps/service_units.h"

namespace sealift::steps {
namespace {

constexpr std::string_view kBalancer = "sealift-api.service";

constexpr std::string_view kRootNote =
    "systemd shows the service this folder as its root, with what its unit names in BindReadOnlyPaths.\n"
    "The files here are empty: they only mark the places.\n";

WantedFile unit_file(UnitFile unit) {
  return text_file("/etc/systemd/system/" + unit.name, std::move(unit.text), 0644);
}

WantedFile root_note(std::string_view service) {
  return text_file(base::format("/var/lib/sealift/roots/{}/README", service), std::string(kRootNote), 0644);
}

const format::Stub* stub_for(const Model& model, const Node& node) {
  const auto& stubs = model.contents().stubs;
  const auto found = std::ranges::find(stubs, node.facts.architecture, &format::Stub::architecture);
  return found == stubs.end() ? nullptr : &*found;
}

// Sorted: which control plane is the first one says nothing to those who only need a list.
template <class EndpointOf>
json::Value endpoints(const std::vector<const Node*>& nodes, EndpointOf endpoint_of) {
  std::vector<std::string> texts;
  for (const auto* node : nodes) texts.push_back(endpoint_of(*node));
  std::ranges::sort(texts);
  json::Value out = json::Value::array();
  for (auto& text : texts) out.push_back(std::move(text));
  return out;
}

// Only who has a certificate of this delivery's authority is believed to be the mirror.
std::string hosts_toml(const Model& model) {
  const auto mirror = base::format("https://127.0.0.1:{}", model.config.registry.port);
  // Exactly these lines: with [host] entries containerd falls back to the real registry.
  if (!model.config.existing) return base::format("server = \"{}\"\nca = \"{}\"\n", mirror, bundle_path());
  // Which is what it must do here: the cluster has images that no artifact brought.
  return base::format("[host.\"{}\"]\n  capabilities = [\"pull\", \"resolve\"]\n  ca = \"{}\"\n", mirror,
                      bundle_path());
}

std::string mirror_json(const Model& model, const Node& node) {
  json::Value out = json::Value::object();
  json::Value hosts = json::Value::array();
  const bool is_one = is_asked(model, node);
  auto asked = model.asked_hosts();
  // One that keeps payloads asks another only for artifacts that it lacks: this one, if it is no registry host any
  // more.
  if (is_one) {
    const bool lacks_this = !model.is_registry_host(node);
    std::erase_if(asked, [&](const Node* other) {
      if (other->name == node.name) return true;
      return !(lacks_this && model.is_registry_host(*other)) &&
             std::ranges::none_of(model.others, [&](const host::ArtifactRecord& artifact) {
               const auto name = artifact.file_name();
               return other->served.contains(name) && !node.served.contains(name);
             });
    });
  }
  hosts = endpoints(asked, [&](const Node& other) { return endpoint(other.ip, model.config.registry.port); });
  const auto own = mirror_endpoints(model, node);
  out.set("localListen", own.front());
  out.set("peerListen", is_one ? own.back() : "");
  out.set("artifacts", is_one ? host::kArtifactRecords : "");
  out.set("registryHosts", std::move(hosts));
  if (asks_registries(model, node)) out.set("registries", std::string(kRegistriesFile));
  out.set("ca", mirror_bundle_path());
  for (const auto* usage : {"server", "client"}) out.set(usage, pair_path(usage));
  out.set("artifact", model.payload.artifact_name());
  if (has_people_door(model, node)) {
    json::Value people = json::Value::object();
    people.set("listen", people_endpoint(model, node));
    people.set("certificate", people_certificate(*model.config.registry.domain));
    people.set("users", std::string(kUsersFile));
    out.set("people", std::move(people));
  }
  return json::to_pretty(out) + "\n";
}

std::string balancer_json(const Model& model, const Node& node) {
  json::Value out = json::Value::object();
  out.set("listen", balancer_endpoint(model));
  const auto& balancer = model.config.api.balancer;
  if (balancer && balancer->for_workers && !node.is_control_plane()) {
    json::Value list = json::Value::array();
    list.push_back(endpoint(balancer->address, balancer->port));
    out.set("backends", std::move(list));
  } else {
    out.set("backends", endpoints(model.control_planes(),
                                  [&](const Node& other) { return endpoint(other.ip, model.config.api.port); }));
  }
  return json::to_pretty(out) + "\n";
}

std::string renewal_json(const Model& model) {
  json::Value out = json::Value::object();
  out.set("authorities",
          endpoints(model.control_planes(), [&](const Node& node) { return authority_endpoint(model, node); }));
  return json::to_pretty(out) + "\n";
}

}  // namespace

Result<std::string> node_program(const Model& model, const Node& node) {
  const auto* stub = stub_for(model, node);
  if (stub == nullptr) {
    return fail(ErrorCode::not_in_artifact, "the artifact has no program for {} ({}); build it with --platform {}",
                node.name, base::platform(node.facts.architecture), base::platform(node.facts.architecture));
  }
  return base::format("{}/node-{}", kProgramDirectory, stub->object.digest.hex().substr(0, 16));
}

Result<std::vector<WantedFile>> node_service_files(const Model& model, const Node& node) {
  SEALIFT_ASSIGN(const std::string program, node_program(model, node));
  std::vector<WantedFile> out;
  out.push_back(object_file(program, model.payload, stub_for(model, node)->object, 0755));
  out.push_back(text_file(base::format("{}/mirror.json", kConfigDirectory), mirror_json(model, node), 0644));
  for (auto& unit : service_units(model, node, program)) {
    if (unit.name != kBalancer) out.push_back(unit_file(std::move(unit)));
  }
  for (const auto* service : {"mirror", "renew", "authority"}) {
    if (service == std::string_view("authority") && !node.is_control_plane()) continue;
    out.push_back(root_note(service));
  }
  out.push_back(text_file(std::string(kHostsToml), hosts_toml(model), 0644));
  return out;
}

Result<std::vector<WantedFile>> balancer_files(const Model& model, const Node& node) {
  SEALIFT_ASSIGN(const std::string program, node_program(model, node));
  std::vector<WantedFile> out{root_note("api")};
  for (auto& unit : service_units(model, node, program)) {
    if (unit.name == kBalancer) out.push_back(unit_file(std::move(unit)));
  }
  return out;
}

std::vector<std::string> unwanted_paths(const Model& model, const Node& node) {
  std::vector<std::string> out;
  if (!asks_registries(model, node)) out.emplace_back(kRegistriesFolder);
  const auto cache = cache_folder(node.config);
  if (!cache_of(model, node)) out.push_back(cache.substr(0, cache.rfind('/')));
  return out;
}

std::vector<WantedFile> renewal_files(const Model& model) {
  return {text_file(base::format("{}/renew.json", kConfigDirectory), renewal_json(model), 0644)};
}

std::vector<WantedFile> backends_files(const Model& model, const Node& node) {
  auto out = renewal_files(model);
  out.insert(out.begin(),
             text_file(base::format("{}/balancer.json", kConfigDirectory), balancer_json(model, node), 0644));
  return out;
}

std::vector<WantedFile> balancer_socket_files(const Model& model) { return {unit_file(balancer_socket_unit(model))}; }

std::vector<WantedFile> socket_files(const Model& model, const Node& node) {
  std::vector<WantedFile> out;
  for (auto& unit : socket_units(model, node)) out.push_back(unit_file(std::move(unit)));
  return out;
}

}  // namespace sealift::steps
