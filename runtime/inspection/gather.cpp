// SPDX-License-Identifier: Apache-2.0
#include "runtime/inspection/gather.h"

#include <algorithm>
#include <array>

#include "payload/base/text.h"
#include "payload/base/thread.h"
#include "runtime/host/kubeconfig.h"
#include "runtime/kube/objects.h"
#include "runtime/steps/kubectl.h"
#include "runtime/steps/model.h"
#include "runtime/steps/service_units.h"

namespace sealift::inspection {
namespace {

constexpr unsigned kHostsAtOnce = 32;
// Below the five seconds in which people expect an answer, with room for the login.
constexpr std::string_view kRequestTimeout = "--request-timeout=2s";
constexpr Duration kProbeTimeout{3'000};
constexpr size_t kLongestDetail = 300;
// A host's own part ends sooner (runtime/node/host_check.h); this is for one that hangs.
constexpr Duration kHostTimeout{60'000};
// Units that a delivery has touched; there are some ten.
constexpr size_t kMostUnits = 40;
// Pods of a node that others try to reach, and by whose networks the node itself asks.
constexpr size_t kTargetsOfNode = 2, kOwnPods = 20;

constexpr auto kUnits = std::to_array<std::string_view>(
    {"containerd.service", "kubelet.service", "sealift-api.service", "sealift-mirror.service"});
constexpr auto kDisks =
    std::to_array<const char*>({"/", "/var/lib/containerd", "/var/lib/kubelet", "/var/lib/etcd", "/var/log"});

Result<void> ask_host(host::HostView& host, const node::HostQuestion& question, const CancelToken& cancel,
                      HostLook& out) {
  const base::Command command{{"/proc/self/exe", "node", "check"}, {}, "/", kHostTimeout};
  const std::string text = to_text(question);
  base::CommandIo io;
  io.input = base::as_bytes(text);
  auto answered = base::output_of(command, host.query(command, io, cancel)).and_then([](const std::string& output) {
    return node::parse_host_answer(output);
  });
  if (answered) {
    out.answer = std::move(*answered);
    return {};
  }
  if (answered.error().code == ErrorCode::unreachable || answered.error().code == ErrorCode::cancelled)
    return fail(std::move(answered).error());
  out.no_answer = answered.error().text();
  return {};
}

// A host that is away may be known by its address alone: the cluster knows its name.
void name_absent(const ClusterLook& cluster, std::vector<HostLook>& hosts) {
  for (auto& host : hosts) {
    if (host.is_there() || host.config.name) continue;
    for (const auto& node : kube::items(cluster.objects.nodes)) {
      for (const auto& address : kube::items(node, "status/addresses")) {
        if (address.text_or("address", "") == host.config.address) host.name = kube::text(node, "metadata/name");
      }
    }
  }
}

}  // namespace

std::vector<std::string_view> node_units() { return {kUnits.begin(), kUnits.end()}; }

std::string last_line(std::string_view text) {
  text = base::trim(text);
  const size_t begin = text.rfind('\n');
  return base::printable(base::trim(begin == std::string_view::npos ? text : text.substr(begin + 1)), kLongestDetail);
}

Result<std::optional<Error>> probe_api(host::HostView& control_plane, const std::string& server,
                                       const CancelToken& cancel) {
  base::Command probe{{"kubectl"}, host::kube_environment(steps::kKubeHome), "/", kProbeTimeout};
  if (!server.empty()) probe.argv.push_back("--server=" + server);
  for (const auto word :
       {kRequestTimeout, std::string_view("get"), std::string_view("--raw"), std::string_view("/readyz")})
    probe.argv.emplace_back(word);
  const auto asked = control_plane.query(probe, {}, cancel);
  if (asked) return asked->ok() ? std::nullopt : std::optional(base::command_error(probe, *asked));
  const auto code = asked.error().code;
  if (code == ErrorCode::unreachable || code == ErrorCode::cancelled || code == ErrorCode::protocol)
    return std::unexpected(asked.error());
  return std::optional(asked.error());
}

Result<void> look_at_host(host::HostView& host, const config::ClusterConfig& config, Clock& clock,
                          const CancelToken& cancel, HostLook& out) {
  const Duration began = clock.monotonic();
  SEALIFT_ASSIGN(out.facts, host.facts());
  out.took_ms = (clock.monotonic() - began).count();
  out.read_at_ms = clock.now().time_since_epoch().count();
  if (auto node = steps::make_node(out.config, out.facts)) {
    out.name = std::move(node->name);
    out.ip = std::move(node->ip);
  }
  // A ledger that can't be read is told by whoever writes it next; without it nothing is known to differ.
  const auto ledger = host.ledger();
  if (!ledger && ledger.error().code == ErrorCode::unreachable) return std::unexpected(ledger.error());
  out.worked_on = !ledger || !ledger->empty();
  if (ledger) out.delivered = delivered_of(*ledger);
  if (!out.worked_on) return {};
  for (const auto unit : kUnits) {
    SEALIFT_ASSIGN(out.units[std::string(unit)], host.unit(std::string(unit)));
  }
  for (const auto& [name, wanted] : out.delivered.units) {
    if (out.units.contains(name) || out.units.size() >= kMostUnits) continue;
    SEALIFT_ASSIGN(out.units[name], host.unit(name));
  }
  if (!out.is_control_plane()) return {};
  SEALIFT_ASSIGN(const auto down, probe_api(host, "https://" + steps::endpoint("127.0.0.1", config.api.port), cancel));
  if (down) out.api_down = last_line(down->what);
  return {};
}

node::HostQuestion question_for(const HostLook& host, const Look& look, const config::ClusterConfig& config) {
  node::HostQuestion out;
  out.mirror = steps::endpoint("127.0.0.1", config.registry.port);
  out.balancer = steps::endpoint("127.0.0.1", config.api.local_port);
  for (const auto& [path, digest] : host.delivered.files) out.files.push_back(path);
  for (const auto* disk : kDisks) out.disks.emplace_back(disk);
  if (!std::ranges::contains(out.disks, host.config.data_root)) out.disks.push_back(host.config.data_root);
  out.etcd = host.is_control_plane() && !config.external_etcd;
  if (!look.cluster) return out;
  const auto& cluster = *look.cluster;
  for (const auto& artifact : cluster.artifacts) {
    for (const auto& [name, digest] : artifact.images) out.images.push_back({name, digest.text()});
  }
  if (cluster.names) {
    out.name_server = cluster.names->server;
    out.name = "kubernetes.default.svc." + cluster.names->domain;
  }
  if (!cluster.api_service.empty()) out.service = steps::endpoint(cluster.api_service, 443);
  // Where no policy may forbid it first.
  std::map<std::string, size_t> taken;
  std::set<std::string> away;
  for (const auto& other : look.hosts) {
    if (!other.is_there()) away.insert(other.name);
  }
  for (const bool policed : {false, true}) {
    for (const auto& pod : cluster.pods) {
      if (!pod.has_own_network() || cluster.policed.contains(pod.space) != policed || pod.node.empty()) continue;
      if (pod.node == host.name) {
        if (out.own_pods.size() < kOwnPods) out.own_pods.push_back(pod.ip);
      } else if (pod.ready && !away.contains(pod.node) && taken[pod.node]++ < kTargetsOfNode) {
        out.targets.push_back({pod.node, pod.ip});
      }
    }
  }
  return out;
}

Result<Look> gather(const std::vector<AskedHost>& hosts, const config::ClusterConfig& config, Clock& clock,
                    const CancelToken& cancel) {
  Look out;
  out.hosts.resize(hosts.size());
  const auto on_each = [&](const std::function<Result<void>(host::HostView&, HostLook&)>& look_at) {
    base::parallel_for(hosts.size(), kHostsAtOnce, [&](size_t i) {
      auto& look = out.hosts[i];
      if (look.away) return;
      if (const auto looked = look_at(*hosts[i].host, look); !looked) look.away = looked.error();
    });
  };
  for (size_t i = 0; i < hosts.size(); ++i) {
    auto& look = out.hosts[i];
    look.config = hosts[i].config;
    look.name = base::to_lower(look.config.name.value_or(look.config.address));
    look.ip = look.config.address;
    look.away = hosts[i].away;
  }
  on_each([&](host::HostView& host, HostLook& look) { return look_at_host(host, config, clock, cancel, look); });
  SEALIFT_TRY(cancel.check());
  for (size_t i = 0; i < hosts.size() && !out.cluster; ++i) {
    if (!out.hosts[i].is_control_plane() || out.hosts[i].away) continue;
    // Through the balancer: this host's own API server may be the one that is down.
    const auto down = probe_api(*hosts[i].host, {}, cancel);
    if (down && !*down) out.cluster = ask_cluster(*hosts[i].host, out.hosts[i].name, config, cancel);
  }
  SEALIFT_TRY(cancel.check());
  if (out.cluster) name_absent(*out.cluster, out.hosts);
  on_each([&](host::HostView& host, HostLook& look) -> Result<void> {
    if (!look.worked_on) return {};
    return ask_host(host, question_for(look, out, config), cancel, look);
  });
  SEALIFT_TRY(cancel.check());
  out.now_ms = clock.now().time_since_epoch().count();
  return out;
}

}  // namespace sealift::inspection
