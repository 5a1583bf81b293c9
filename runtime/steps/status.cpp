// SPDX-License-Identifier: Apache-2.0
//
// What a standing cluster is asked by people: `status` and `kubeconfig`. Both look at the control plane alone.
#include <algorithm>

#include "payload/base/text.h"
#include "payload/yaml/node.h"
#include "runtime/steps/control_plane_state.h"
#include "runtime/steps/delivery.h"
#include "runtime/steps/health.h"

namespace sealift::steps {
namespace {

const config::HostConfig* control_plane_of(const config::ClusterConfig& config) {
  const auto found = std::ranges::find(config.hosts, format::HostRole::control_plane, &config::HostConfig::role);
  return found == config.hosts.end() ? nullptr : &*found;
}

Result<std::shared_ptr<host::Host>> look_at_control_plane(DeliveryInput& input) {
  const auto* config = control_plane_of(input.config);
  if (config == nullptr) return fail(ErrorCode::invalid_config, "no host has the role control-plane");
  auto connections = input.connector.connect({*config}, Purpose::look);
  if (!connections.front().host) return std::unexpected(connections.front().host.error());
  std::shared_ptr<host::Host> out(std::move(*connections.front().host));
  SEALIFT_ASSIGN(const auto admin, out->stat(std::string(kAdminKubeconfig)));
  if (!admin) return fail(ErrorCode::not_found, "there is no cluster on {} yet; deliver it with --config", config->address);
  return out;
}

StatusLine status_line(const kube::Judged& judged) {
  const bool healthy = judged.health.state == kube::Health::State::current;
  StatusLine line{judged.health.subject, healthy ? "Ready" : "NotReady", judged.detail, healthy};
  if (!healthy) line.detail += (line.detail.empty() ? "" : "  ") + judged.health.message;
  return line;
}

bool is_of_the_host(ErrorCode code) { return code == ErrorCode::unreachable || code == ErrorCode::cancelled; }

}  // namespace

Result<std::vector<StatusLine>> status(DeliveryInput& input) {
  SEALIFT_ASSIGN(const auto host, look_at_control_plane(input));
  const auto& control_plane = *control_plane_of(input.config);
  const std::string name = control_plane.name.value_or(control_plane.address);
  SEALIFT_ASSIGN(auto state, look_at_state(*host, name, input.cancel));
  auto out = std::move(state.down);
  if (!state.api_answers) return out;
  std::set<std::string> expected;
  for (const auto& config : input.config.hosts) {
    if (config.name) expected.insert(base::to_lower(*config.name));
  }
  const auto look = look_at_cluster(*host, expected, input.cancel);
  if (!look && is_of_the_host(look.error().code)) return std::unexpected(look.error());
  if (!look) {  // it went down while it was asked: that is an answer too
    out.push_back(api_down(name, look.error()));
    return out;
  }
  for (const auto& judged : look->judged) out.push_back(status_line(judged));
  const auto service = name_service(*host);
  if (!service) {
    out.push_back({"name service", "NotReady", service.error().text(), false});
    return out;
  }
  SEALIFT_ASSIGN(const auto trouble, name_service_trouble(*host, *service));
  out.push_back({"name service " + service->server, trouble ? "NotReady" : "Ready", trouble ? std::format("{}: {}", name, *trouble) : "", !trouble});
  return out;
}

Result<Secret> kubeconfig(DeliveryInput& input) {
  SEALIFT_ASSIGN(const auto host, look_at_control_plane(input));
  SEALIFT_ASSIGN(auto bytes, host->read(std::string(kAdminKubeconfig), size_t{256} << 10));
  if (!bytes) return fail(ErrorCode::not_found, "{} is gone", kAdminKubeconfig);
  const Secret original{std::string(base::as_text(*bytes))};
  explicit_bzero(bytes->data(), bytes->size());
  SEALIFT_ASSIGN(auto documents, yaml::parse(original.reveal(), kAdminKubeconfig));
  const auto& address = control_plane_of(input.config)->address;
  auto* clusters = documents.empty() ? nullptr : documents[0].find("clusters");
  if (clusters == nullptr || clusters->items.empty() || clusters->items[0].find("cluster") == nullptr) return fail(ErrorCode::protocol, "{} is not a kubeconfig", kAdminKubeconfig);
  // On the hosts 127.0.0.1 is the balancer; people work elsewhere.
  const std::string bracketed = address.contains(':') ? "[" + address + "]" : address;
  clusters->items[0].find("cluster")->set("server", yaml::Node::make_string(std::format("https://{}:{}", bracketed, input.config.api.port)));
  return Secret(yaml::to_yaml(documents[0]));
}

}  // namespace sealift::steps
