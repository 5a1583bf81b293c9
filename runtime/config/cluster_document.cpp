// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "payload/base/count.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/format/destination.h"
#include "runtime/config/authority_port.h"
#include "runtime/config/field_reader.h"

namespace sealift::config {
namespace {

using format::HostRole;

void read_network(const yaml::Node& node, Reading& reading) {
  const Mapping fields(node, reading.problems, kNetwork);
  auto& network = reading.config.network;
  fields.text("pods", network.pods);
  fields.text("services", network.services);
  const auto* dns = fields.find("dnsUpstream");
  if (dns == nullptr) return;
  if (dns->kind == yaml::Kind::sequence) {
    network.dns_upstream = NetworkConfig::Dns::addresses;
    if (dns->items.empty()) fields.bad("dnsUpstream", "the list is empty; write none where there is no name server");
    for (const auto* address : fields.texts("dnsUpstream")) {
      if (!is_ip(address->text))
        reading.problems.add(*address, base::format("\"{}\" is not an IP address", base::printable(address->text)));
      network.dns_addresses.push_back(address->text);
    }
  } else if (dns->text == "none") {
    network.dns_upstream = NetworkConfig::Dns::none;
  } else if (dns->text != "host") {
    fields.bad("dnsUpstream", "\"dnsUpstream\" must be host, none or a list of addresses");
  }
}

void read_file(const yaml::Node& node, Reading& reading) {
  const Mapping fields(node, reading.problems, kFile);
  if (node.kind != yaml::Kind::mapping) return;
  SiteFile file;
  if (fields.require("src")) fields.text("src", file.source);
  if (fields.require("dest")) fields.text("dest", file.destination);
  if (!file.destination.empty()) {
    if (const auto bad = format::bad_destination(file.destination)) fields.bad("dest", *bad);
  }
  std::string mode = "0644", role = "all";
  fields.text("mode", mode);
  if (const auto bad = bad_mode(mode, file.mode)) fields.bad("mode", *bad);
  fields.text("role", role);
  const auto parsed = format::parse_host_role(role);
  if (!parsed) fields.bad("role", "the role must be all, control-plane or worker");
  file.role = parsed.value_or(HostRole::all);
  for (const auto& other : reading.config.files) {
    const bool same_hosts = other.role == file.role || other.role == HostRole::all || file.role == HostRole::all;
    if (!file.destination.empty() && other.destination == file.destination && same_hosts)
      fields.bad("dest", base::format("{} is written twice on the same hosts", base::printable(file.destination)));
  }
  if (!file.source.empty()) file.content = reading.content_of(fields, "src", file.source);
  reading.config.files.push_back(std::move(file));
}

// One identity, or one for each artifact that is delivered with this file.
void read_artifact(const yaml::Node& node, Reading& reading) {
  const Mapping fields(node, reading.problems, kArtifact);
  if (!fields.require("identity")) return;  // what is left empty must not come to mean any
  const auto* identity = fields.find("identity");
  const bool one = identity->kind == yaml::Kind::scalar;
  const auto texts = one ? std::vector{identity} : fields.texts("identity");
  if (identity->kind == yaml::Kind::sequence && identity->items.empty())
    fields.bad("identity", "the list is empty; write the identities, or leave \"artifact\" out");
  for (const auto* text : texts) {
    const auto digest = Digest::parse(text->text);
    if (digest) {
      reading.config.identities.push_back(*digest);
    } else {
      reading.problems.add(*text, base::format("\"{}\" is not an identity: write it as `delivery.run info` prints it, "
                                               "sha256: and 64 lower-case hexadecimal digits",
                                               base::printable(text->text)));
    }
  }
}

// The field, or the nearest enclosing mapping that is written: a default has no place of its own.
const yaml::Node& place_of(const yaml::Node& cluster, std::string_view path) {
  for (;;) {
    if (const auto* node = cluster.at_path(path)) return *node;
    const size_t slash = path.rfind('/');
    // NOLINTNEXTLINE(bugprone-return-const-ref-from-parameter): callers hold the document
    if (slash == std::string_view::npos) return cluster;
    path = path.substr(0, slash);
  }
}

void check_ports(const yaml::Node& cluster, Reading& reading) {
  // kubelet, kube-proxy, etcd, scheduler and controller manager
  constexpr auto kTaken = std::to_array<uint16_t>({2379, 2380, 2381, 10248, 10249, 10250, 10256, 10257, 10259});
  struct Port {
    std::string_view path;
    uint16_t number;
  };
  const auto& config = reading.config;
  std::vector<Port> ports{Port{"spec/api/port", config.api.port},
                          {"spec/api/localPort", config.api.local_port},
                          {"spec/registry/port", config.registry.port},
                          {"spec/registry/port", authority_port(config.registry)}};
  if (config.registry.domain) ports.push_back({"spec/registry/domain/port", config.registry.domain->port});
  if (authority_port(config.registry) == 0)
    reading.problems.add(place_of(cluster, "spec/registry/port"),
                         "registry.port must be less than 65535: the port after it is the certificate authority's");
  for (size_t i = 0; i < ports.size(); ++i) {
    if (std::ranges::contains(kTaken, ports[i].number))
      reading.problems.add(place_of(cluster, ports[i].path),
                           base::format("port {} is taken by Kubernetes itself; choose another", ports[i].number));
    for (size_t k = 0; k < i; ++k) {
      if (ports[i].number != ports[k].number) continue;
      const auto* written = cluster.at_path(ports[i].path);
      reading.problems.add(
          written != nullptr ? *written : place_of(cluster, ports[k].path),
          "api.port, api.localPort, registry.port, the port after it and registry.domain.port must differ");
    }
  }
}

// Each network by itself, then all against each other.
void check_networks(const yaml::Node& cluster, Reading& reading) {
  const auto& network = reading.config.network;
  const auto& pods = place_of(cluster, "spec/network/pods");
  const auto& services = place_of(cluster, "spec/network/services");
  const bool own_mask = std::ranges::any_of(reading.config.kubeadm, [](const KubeadmDocument& document) {
    return document.yaml.contains("node-cidr-mask-size");
  });
  const auto bad_pods = bad_pod_network(network.pods);
  const auto bad_services = bad_service_network(network.services);
  if (bad_pods && !own_mask) reading.problems.add(pods, *bad_pods);
  if (bad_services) reading.problems.add(services, *bad_services);
  if (bad_pods || bad_services) return;
  if (!same_family(network.pods, network.services))
    return reading.problems.add(services, "the networks of pods and services must both be IPv4 or both IPv6");
  if (cidrs_overlap(network.pods, network.services))
    reading.problems.add(services, base::format("the networks of pods and services, {} and {}, overlap", network.pods,
                                                network.services));
  const auto room = hosts_in_pod_network(network.pods);
  if (!own_mask && reading.config.hosts.size() > room)
    reading.problems.add(pods,
                         base::format("{} has room for {}, and there are {}; choose a larger network", network.pods,
                                      base::counted(room, "host", "hosts"), reading.config.hosts.size()));
}

// Addresses of hosts must be none of the cluster's own. What networks a cluster has that is there is
// not known here.
void check_address(const yaml::Node& place, const std::string& address, Reading& reading) {
  if (reading.config.existing) return;
  const auto& network = reading.config.network;
  for (const auto& [word, cidr] : {std::pair{"pods", network.pods}, {"services", network.services}}) {
    if (cidr_holds(cidr, address))
      reading.problems.add(
          place, base::format("{} lies in the network of {}, {}; choose another network", address, word, cidr));
  }
}

void check_balancer(const yaml::Node& cluster, Reading& reading) {
  const auto& balancer = reading.config.api.balancer;
  if (!balancer || !is_ip(balancer->address)) return;
  const auto& place = place_of(cluster, "spec/api/balancer/address");
  check_address(place, balancer->address, reading);
  if (balancer->for_workers && !same_family(balancer->address, reading.config.network.pods))
    reading.problems.add(place, base::format("{} and the network of pods, {}, must both be IPv4 or both IPv6",
                                             balancer->address, reading.config.network.pods));
}

void check_hosts(const yaml::Node& cluster, Reading& reading) {
  const auto& config = reading.config;
  std::map<std::string, int> addresses, names;
  for (size_t i = 0; i < config.hosts.size(); ++i) {
    const auto& host = config.hosts[i];
    const auto& place = *reading.host_places[i];
    const auto [address, fresh] = addresses.try_emplace(canonical_host(host.address), place.line);
    if (!fresh)
      reading.problems.add(place,
                           base::format("the address {} stands in line {} already", host.address, address->second));
    if (fresh) check_address(place, host.address, reading);
    if (fresh && !config.existing && is_ip(host.address) && !same_family(host.address, config.network.pods))
      reading.problems.add(place, base::format("{} and the network of pods, {}, must both be IPv4 or both IPv6",
                                               host.address, config.network.pods));
    if (!host.name || reading.name_places[i] == nullptr ||
        (i > 0 && reading.name_places[i] == reading.name_places[i - 1]))
      continue;
    const auto [name, new_name] = names.try_emplace(*host.name, reading.name_places[i]->line);
    if (!new_name)
      reading.problems.add(*reading.name_places[i],
                           base::format("the name {} stands in line {} already", *host.name, name->second));
  }
  if (config.hosts.empty()) return;
  if (!std::ranges::contains(config.hosts, HostRole::control_plane, &HostConfig::role))
    reading.problems.add(place_of(cluster, "spec/hosts"), "no host has the role control-plane; one must");
}

}  // namespace

void read_cluster(const yaml::Node& document, Reading& reading) {
  const Mapping top(document, reading.problems, kDocument);
  if (top.require("metadata")) {
    const Mapping metadata(*top.find("metadata"), reading.problems, kMetadata);
    metadata.require("name");
    metadata.text("name", reading.config.name);
    if (!reading.config.name.empty() && !is_dns_label(reading.config.name))
      metadata.bad("name", "the cluster's name may hold lower-case letters, digits and - only, at most 63");
  }
  if (!top.require("spec")) return;
  const Mapping spec(*top.find("spec"), reading.problems, kSpec);
  SshSettings ssh;
  if (const auto* node = spec.find("ssh")) read_ssh(*node, ssh, reading);
  if (spec.require("hosts")) read_hosts(*spec.find("hosts"), ssh, reading);
  if (const auto* node = spec.find("network")) read_network(*node, reading);
  if (const auto* node = spec.find("api")) read_api(*node, reading);
  if (const auto* node = spec.find("etcd")) read_etcd(*node, reading);
  // Also without a value: what is left empty must not come to mean a cluster of our own.
  if (const auto* node = spec.node().find("existing")) read_existing(*node, reading);
  if (const auto* node = spec.find("registry")) read_registry(*node, reading);
  if (const auto* node = spec.find("files"); node != nullptr && node->kind != yaml::Kind::sequence) {
    spec.bad("files", "\"files\" must be a list");
  } else if (node != nullptr) {
    for (const auto& item : node->items) read_file(item, reading);
  }
  if (const auto* node = spec.find("apps")) read_apps(*node, spec, reading);
  // Also without a value: see there.
  if (const auto* node = spec.node().find("artifact")) read_artifact(*node, reading);
}

void check_whole(const yaml::Node& cluster, Reading& reading) {
  const auto place = [&](std::string_view path) {
    const auto& node = place_of(cluster, path);
    return Place{node.line, node.column};
  };
  reading.config.places = {place("metadata/name"),      place("spec"),
                           place("spec/network/pods"),  place("spec/network/services"),
                           place("spec/api/port"),      place("spec/api/localPort"),
                           place("spec/etcd/external"), place("spec/registry/hosts")};
  check_ports(cluster, reading);
  if (reading.config.existing) {
    check_existing(cluster, reading);
  } else {
    check_networks(cluster, reading);
    check_balancer(cluster, reading);
  }
  check_hosts(cluster, reading);
  check_named_hosts(reading);
}

}  // namespace sealift::config
