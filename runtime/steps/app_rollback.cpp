// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/app_rollback.h"

#include "payload/base/format.h"
#include "runtime/steps/helm.h"

namespace sealift::steps {

RollbackAppStep::RollbackAppStep(const Model& model, const SelectedApp& app, uint64_t revision, uint64_t newest,
                                 std::shared_ptr<ClusterApps> shared)
    : BasicStep("rollback.app." + app.app->name,
                base::format("take {} in {} back to revision {}", app.app->name, app.target_namespace, revision),
                digest_of({app.app->name, std::to_string(revision), std::to_string(newest)})),
      app_(app),
      revision_(revision),
      shared_(shared),
      gate_(model, app, std::move(shared)) {}

Result<engine::StepState> RollbackAppStep::check(const engine::LookContext&) { return engine::StepState::needed; }

Result<void> RollbackAppStep::apply(engine::StepContext& context) {
  shared_->forget();
  SEALIFT_TRY(wait_for_helm(context, "sealift-app-" + app_.app->name, app_.app->name, kHelmTimeout + app_.timeout));
  const auto command = helm({"rollback", app_.release, std::to_string(revision_), "--namespace", app_.target_namespace,
                             "--timeout", base::format("{}s", app_.timeout.count() / 1000)},
                            app_.timeout);
  auto rolled = base::output_of(
      command, context.host.run_job("sealift-rollback-" + app_.app->name, command, reason(), context.cancel));
  if (!rolled) return fail_while(std::move(rolled).error(), "rolling back " + app_.app->name);
  const auto ask = helm({"get", "manifest", app_.release, "--namespace", app_.target_namespace});
  SEALIFT_ASSIGN(const auto manifest, base::output_of(ask, context.host.query(ask, {}, context.cancel)));
  return gate_.wait_for_health(context, manifest);
}

}  // namespace sealift::steps
