// SPDX-License-Identifier: Apache-2.0
//
// Registries of others on a host (cluster.yaml, registry.external and registry.upstreams): their logins for the mirror,
// and the folder in which it keeps what came from upstreams.
#pragma once

#include <optional>
#include <string>

#include "payload/base/secret.h"
#include "runtime/steps/basic_step.h"
#include "runtime/steps/model.h"

namespace sealift::steps {

// A folder of its own: a service sees a file that is replaced only through its folder.
inline constexpr std::string_view kRegistriesFolder = "/etc/sealift/registries";
inline constexpr std::string_view kRegistriesFile = "/etc/sealift/registries/registries.json";

inline constexpr std::string_view kRegistriesStep = "files.registries";
inline constexpr std::string_view kCacheFolder = "/cache/blobs";  // below a host's dataRoot

// What this node's mirror asks: all of them an external registry, registry hosts the upstreams, others none.
bool asks_registries(const Model& model, const Node& node);
// Whether a registry there is believed for what the host itself trusts.
bool trusts_host_authorities(const Model& model);
// Where upstreams' images are kept, within a folder that root alone can enter; nothing if there are none.
std::string cache_folder(const config::HostConfig& host);
std::optional<std::string> cache_of(const Model& model, const Node& node);

// For a node that asks registries. Nothing of a password, however digested, gets into a ledger: the file begins with
// random bytes, so that not even its digest tells anything.
class RegistriesStep final : public BasicStep {
 public:
  RegistriesStep(const Model& model, const Node& node);
  Result<engine::StepState> check(const engine::LookContext& context) override;
  Result<void> apply(engine::StepContext& context) override;

 private:
  Result<bool> is_written(host::HostView& host) const;
  const Model& model_;
  const Node& node_;
};

}  // namespace sealift::steps
