// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/config_step.h"

#include "payload/base/text.h"
#include "runtime/steps/kubectl.h"

namespace sealift::steps {
namespace {

constexpr std::string_view kName = "sealift-cluster";
// A ConfigMap may have 1 MiB.
constexpr size_t kLargest = size_t{900} << 10;

json::Value config_map(const KeptConfig& kept) {
  json::Value data = json::Value::object(), metadata = json::Value::object(), out = json::Value::object();
  data.set("cluster.yaml", kept.text);
  data.set("artifact", kept.artifact);
  data.set("identity", kept.identity);
  data.set("appliedBy", kept.applied_by);
  data.set("appliedAt", kept.applied_at);
  metadata.set("name", std::string(kName));
  metadata.set("namespace", "kube-system");
  out.set("apiVersion", "v1");
  out.set("kind", "ConfigMap");
  out.set("metadata", std::move(metadata));
  out.set("data", std::move(data));
  return out;
}

}  // namespace

Result<std::optional<KeptConfig>> read_kept_config(host::HostView& control_plane, const CancelToken& cancel) {
  SEALIFT_ASSIGN(const auto object,
                 kubectl_object(control_plane, {"--namespace=kube-system", "configmap", std::string(kName)}, cancel));
  if (!object) return std::optional<KeptConfig>{};
  const auto* data = object->find("data");
  if (data == nullptr) return fail(ErrorCode::protocol, "the ConfigMap {} has no data", kName);
  return KeptConfig{data->text_or("cluster.yaml", ""), data->text_or("artifact", ""), data->text_or("identity", ""),
                    data->text_or("appliedBy", ""), data->text_or("appliedAt", "")};
}

ConfigStep::ConfigStep(const Model& model)
    : BasicStep("cluster.config", "keep cluster.yaml in the cluster",
                digest_of({model.config.kept, model.payload.identity().text()})),
      wanted_{model.config.kept.size() <= kLargest ? model.config.kept : std::string(),
              model.payload.artifact_name(),
              model.payload.identity().text(),
              model.applied_by,
              {}} {}

Result<engine::StepState> ConfigStep::check(const engine::LookContext& context) {
  SEALIFT_ASSIGN(const auto kept, read_kept_config(context.host, context.cancel));
  const bool same = kept && kept->text == wanted_.text && kept->identity == wanted_.identity;
  return same ? engine::StepState::done : engine::StepState::needed;
}

Result<void> ConfigStep::apply(engine::StepContext& context) {
  KeptConfig kept = wanted_;
  kept.applied_at = base::to_iso8601(context.clock.now());
  const std::string text = json::to_canonical(config_map(kept));
  const auto command = kubectl({"apply", "--server-side", "--force-conflicts", "--filename", "-"});
  base::CommandIo io;
  io.input = base::as_bytes(text);
  return base::output_of(command, context.host.run(command, io, reason(), context.cancel))
      .transform([](const std::string&) {});
}

}  // namespace sealift::steps
