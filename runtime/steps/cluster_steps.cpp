// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/cluster_steps.h"

#include <algorithm>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/engine/connections.h"
#include "runtime/kube/corefile.h"
#include "runtime/steps/kubectl.h"

namespace sealift::steps {
namespace {

// In the first control plane's ledger: Sealift has set, or may have set, CoreDNS's upstreams.
constexpr std::string_view kUpstreamsRecord = "dns.upstreams";

std::string labels_text(const Node& node) {
  std::string out;
  for (const auto& [key, value] : node.config.labels) out += key + "=" + value + "\n";
  return out;
}

}  // namespace

Upstreams upstreams(const Model& model) {
  const auto& network = model.config.network;
  if (network.dns_upstream == config::NetworkConfig::Dns::addresses) {
    return {network.dns_addresses, false,
            "CoreDNS asks " + base::join(network.dns_addresses, ", ") + " for names outside the cluster"};
  }
  if (network.dns_upstream == config::NetworkConfig::Dns::none)
    return {{}, false, "CoreDNS answers for the cluster only (network.dnsUpstream is none)"};
  const bool everywhere = std::ranges::all_of(model.nodes, [](const Node& node) {
    return std::ranges::any_of(node.facts.nameservers,
                               [](const std::string& server) { return kube::is_usable_name_server(server); });
  });
  if (everywhere) return {{}, true, {}};
  return {
      {},
      false,
      "CoreDNS answers for the cluster only: not every host's /etc/resolv.conf names a name server that pods can reach"};
}

ApiReadyStep::ApiReadyStep(const Node& node)
    : BasicStep("api.ready", "wait until the API server answers", digest_of({"ready", node.ip})) {}

Result<engine::StepState> ApiReadyStep::check(const engine::LookContext& context) {
  const auto ready = kubectl_get(context.host, {"get", "--raw", "/readyz"}, context.cancel);
  return ready ? engine::StepState::done : engine::StepState::needed;
}

Result<void> ApiReadyStep::apply(engine::StepContext& context) {
  return wait_until(
      context, Duration{240'000}, ErrorCode::unhealthy, "the API server does not answer", [&](std::string&) {
        return kubectl_get(context.host, {"get", "--raw", "/readyz"}, context.cancel).transform([](const std::string&) {
          return true;
        });
      });
}

DnsStep::DnsStep(const Model& model)
    : BasicStep("dns", "set CoreDNS's upstreams",
                digest_of({base::join(upstreams(model).servers, ","), upstreams(model).keep_hosts_own ? "host" : ""})),
      servers_(upstreams(model).servers),
      hosts_own_(upstreams(model).keep_hosts_own) {
  if (hosts_own_) servers_ = {std::string(kube::kHostsOwnServers)};
}

Result<std::string> DnsStep::corefile(const engine::LookContext& context) const {
  SEALIFT_ASSIGN(const auto map,
                 kubectl_object(context.host, {"--namespace=kube-system", "configmap", "coredns"}, context.cancel));
  const auto* text = map ? map->at_path("data/Corefile") : nullptr;
  if (text == nullptr || text->string() == nullptr)
    return fail(ErrorCode::not_found, "the ConfigMap kube-system/coredns has no Corefile");
  return *text->string();
}

Result<engine::StepState> DnsStep::check(const engine::LookContext& context) {
  if (hosts_own_) {
    // kubeadm's own line, or the site's edit of it, stays, unless this step had replaced it earlier.
    SEALIFT_ASSIGN(const auto changed, context.host.recorded(std::string(kUpstreamsRecord)));
    if (!changed || *changed == inputs().hex()) return engine::StepState::done;
  }
  const auto now = corefile(context);
  if (!now) return engine::StepState::needed;
  return kube::with_upstreams(*now, servers_) == *now ? engine::StepState::done : engine::StepState::needed;
}

Result<void> DnsStep::apply(engine::StepContext& context) {
  SEALIFT_ASSIGN(const auto now, corefile(context.looking()));
  json::Value data = json::Value::object(), patch = json::Value::object();
  data.set("Corefile", kube::with_upstreams(now, servers_));
  patch.set("data", std::move(data));
  const host::Reason changed{std::string(kUpstreamsRecord), inputs().hex()};
  if (!hosts_own_) SEALIFT_TRY(context.host.record(changed));  // before the change: an interrupted run may have made it
  SEALIFT_TRY(kubectl_do(context.host,
                         {"--namespace=kube-system", "patch", "configmap", "coredns", "--type=merge", "--patch",
                          json::to_canonical(patch)},
                         reason(), context.cancel));
  return hosts_own_ ? context.host.record(changed) : Result<void>();
}

LabelsStep::LabelsStep(const Model& model, const Node& node)
    : BasicStep("node.labels", base::format("label {}", node.name), digest_of({labels_text(node)})),
      node_(node),
      control_plane_(model.any_control_plane().name) {}

Result<engine::StepState> LabelsStep::check(const engine::LookContext& context) {
  SEALIFT_ASSIGN(const auto control_plane, context.others.view(control_plane_, context.cancel));
  const auto object = kubectl_object(*control_plane, {"node", node_.name}, context.cancel);
  if (!object || !*object) return engine::StepState::needed;
  const auto* labels = (*object)->at_path("metadata/labels");
  const bool all = labels != nullptr && std::ranges::all_of(node_.config.labels, [&](const auto& label) {
                     const auto* value = labels->find(label.first);
                     return value != nullptr && value->string() != nullptr && *value->string() == label.second;
                   });
  return all ? engine::StepState::done : engine::StepState::needed;
}

Result<void> LabelsStep::apply(engine::StepContext& context) {
  SEALIFT_ASSIGN(const auto control_plane, context.others.connection(control_plane_, nullptr, context.cancel));
  // `kubeadm join` ends once the kubelet has its certificate; the kubelet registers its node a little later.
  SEALIFT_TRY(wait_until(
      context, Duration{300'000}, ErrorCode::unhealthy, base::format("the node {} is not known to the API", node_.name),
      [&](std::string&) {
        return kubectl_object(*control_plane, {"node", node_.name}, context.cancel).transform([](const auto& node) {
          return node.has_value();
        });
      }));
  std::vector<std::string> arguments{"label", "node", node_.name, "--overwrite"};
  for (const auto& [key, value] : node_.config.labels) arguments.push_back(key + "=" + value);
  return kubectl_do(*control_plane, std::move(arguments), reason(), context.cancel).transform([](const std::string&) {
  });
}

NodeReadyStep::NodeReadyStep(const Model& model, const Node& node)
    : BasicStep("node.ready", base::format("wait until {} is Ready", node.name), digest_of({node.name})),
      node_(node),
      control_plane_(model.any_control_plane().name) {}

Result<bool> NodeReadyStep::ready(const engine::LookContext& context, std::string& message) const {
  SEALIFT_ASSIGN(const auto control_plane, context.others.view(control_plane_, context.cancel));
  SEALIFT_ASSIGN(const auto object, kubectl_object(*control_plane, {"node", node_.name}, context.cancel));
  const auto* conditions = object ? object->at_path("status/conditions") : nullptr;
  message = "the API does not know the node";
  if (conditions == nullptr || !conditions->is_array()) return false;
  for (const auto& condition : *conditions->elements()) {
    if (condition.text_or("type", "") != "Ready") continue;
    message = condition.text_or("message", "");
    return condition.text_or("status", "") == "True";
  }
  return false;
}

Result<engine::StepState> NodeReadyStep::check(const engine::LookContext& context) {
  std::string message;
  const auto now = ready(context, message);
  return now && *now ? engine::StepState::done : engine::StepState::needed;
}

Result<void> NodeReadyStep::apply(engine::StepContext& context) {
  return wait_until(context, Duration{300'000}, ErrorCode::unhealthy,
                    base::format("the node {} is not Ready", node_.name),
                    [&](std::string& message) { return ready(context.looking(), message); });
}

}  // namespace sealift::steps
