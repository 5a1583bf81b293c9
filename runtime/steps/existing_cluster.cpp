// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/existing_cluster.h"

#include <algorithm>

#include "payload/yaml/node.h"
#include "runtime/host/kubeconfig.h"

namespace sealift::steps {
namespace {

constexpr host::FileSpec kRootsAlone{0600, 0, 0};

}  // namespace

std::string_view kubeconfig_path(const config::ClusterConfig& config) {
  const bool is_given = config.existing && !config.existing->kubeconfig.empty();
  return is_given ? host::kSiteKubeconfig : kAdminKubeconfig;
}

Result<KubeContext> current_context(std::string_view kubeconfig, std::string_view where) {
  const auto documents = yaml::parse(kubeconfig, where);
  const auto* contexts = documents && !documents->empty() ? documents->front().find("contexts") : nullptr;
  if (contexts != nullptr) {
    const auto found = std::ranges::find_if(contexts->items, [&](const yaml::Node& one) {
      return one.text_at("name") == documents->front().text_at("current-context");
    });
    if (found != contexts->items.end())
      return KubeContext{found->text_at("context/cluster"), found->text_at("context/user")};
  }
  return fail(ErrorCode::protocol, "{} is no kubeconfig with a current-context", where);
}

KubeconfigStep::KubeconfigStep(const config::ExistingCluster& existing)
    : BasicStep("files.kubeconfig",
                existing.kubeconfig.empty() ? "take a kubeconfig of an earlier delivery away"
                                            : "put the kubeconfig that cluster.yaml names",
                digest_of({"kubeconfig"})),
      existing_(existing) {}

Result<engine::StepState> KubeconfigStep::check(const engine::LookContext& context) {
  const std::string path(host::kSiteKubeconfig);
  SEALIFT_ASSIGN(const auto status, context.host.stat(path));
  if (existing_.kubeconfig.empty()) return status ? engine::StepState::needed : engine::StepState::done;
  if (!status || status->type != host::FileType::regular || status->spec != kRootsAlone)
    return engine::StepState::needed;
  SEALIFT_ASSIGN(const auto digest, context.host.digest(path));
  const auto wanted = hash::sha256(base::as_bytes(existing_.kubeconfig.reveal()));
  return digest == wanted ? engine::StepState::done : engine::StepState::needed;
}

Result<void> KubeconfigStep::apply(engine::StepContext& context) {
  const std::string path(host::kSiteKubeconfig);
  // The ledger would keep a copy of what is replaced.
  SEALIFT_TRY(context.host.take_away(host::Trace::Kind::path, path, reason()));
  if (existing_.kubeconfig.empty()) return {};
  SEALIFT_TRY(context.host.make_directory(std::string(kConfigDirectory), {0755, 0, 0}, reason()));
  base::MemorySource source(base::as_bytes(existing_.kubeconfig.reveal()));
  return context.host.write_atomic(path, kRootsAlone, source, reason());
}

}  // namespace sealift::steps
