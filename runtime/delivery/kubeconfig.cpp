// SPDX-License-Identifier: Apache-2.0
#include "payload/base/address.h"
#include "payload/base/format.h"
#include "payload/yaml/node.h"
#include "runtime/delivery/control_plane.h"
#include "runtime/delivery/existing_site.h"
#include "runtime/steps/model.h"

namespace sealift::delivery {

Result<Secret> kubeconfig(Input& input) {
  SEALIFT_TRY(refuse_existing(input.config, "kubeconfig", "who made it has its kubeconfig"));
  SEALIFT_ASSIGN(const auto found, find_control_planes(input));
  const auto& [config, host] = found.there.front();
  SEALIFT_ASSIGN(auto bytes, host->read(std::string(steps::kAdminKubeconfig), size_t{256} << 10));
  if (!bytes) return fail(ErrorCode::not_found, "{} is gone", steps::kAdminKubeconfig);
  const Secret original{std::string(base::as_text(*bytes))};
  explicit_bzero(bytes->data(), bytes->size());
  SEALIFT_ASSIGN(auto documents, yaml::parse(original.reveal(), steps::kAdminKubeconfig));
  auto* clusters = documents.empty() ? nullptr : documents[0].find("clusters");
  if (clusters == nullptr || clusters->items.empty() || clusters->items[0].find("cluster") == nullptr)
    return fail(ErrorCode::protocol, "{} is not a kubeconfig", steps::kAdminKubeconfig);
  // On the hosts 127.0.0.1 is their own balancer; people work elsewhere.
  const auto& balancer = input.config.api.balancer;
  const auto& address = balancer ? balancer->address : config.address;
  const uint16_t port = balancer ? balancer->port : input.config.api.port;
  clusters->items[0].find("cluster")->set(
      "server", yaml::Node::make_string(base::format("https://{}:{}", base::bracketed(address), port)));
  return Secret(yaml::to_yaml(documents[0]));
}

}  // namespace sealift::delivery
