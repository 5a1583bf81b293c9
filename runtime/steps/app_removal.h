// SPDX-License-Identifier: Apache-2.0
//
// Takes an application out of the cluster: a helm release by helm, manifests by their objects. What holds data stays
// unless it is asked for too; namespaces always stay, since nobody can tell whose all that is in them is.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/steps/app_claims.h"
#include "runtime/steps/basic_step.h"
#include "runtime/steps/cluster_apps.h"
#include "runtime/steps/model.h"

namespace sealift::steps {

enum class AppData { stays, goes };  // claims, and definitions of kinds with all objects of these

// What is still in the cluster afterwards, for people.
struct LeftBehind {
  std::vector<std::string> claims;  // "store/data-redis-0"
  std::vector<std::string> namespaces, definitions;
};

// "remove.app.redis". Always needed: it is planned for what is recorded, and ends well if nothing is there any more.
class RemoveAppStep final : public BasicStep {
 public:
  // `app` as it is recorded, with its kind. `shared`: of all applications of the run. `left` is set when the step has
  // ended well; it must outlive the step.
  RemoveAppStep(host::ArtifactRecord::App app, AppData data, std::shared_ptr<ClusterApps> shared, LeftBehind& left);
  Result<engine::StepState> check(const engine::LookContext& context) override;
  Result<void> apply(engine::StepContext& context) override;

 private:
  struct There {
    bool release = false;  // of helm
    std::vector<AppObject> objects;
  };
  Result<There> look(engine::StepContext& context) const;
  Result<void> take_out(engine::StepContext& context) const;
  Result<void> uninstall(engine::StepContext& context, const There& there) const;
  Result<void> delete_objects(engine::StepContext& context, const std::vector<AppObject>& objects) const;
  Result<void> delete_kind(engine::StepContext& context, const std::vector<AppObject>& objects) const;
  Result<void> settle_claims(engine::StepContext& context);
  // Whether the application's end leaves this object.
  bool stays(const AppObject& object) const;

  host::ArtifactRecord::App app_;
  AppData data_;
  std::shared_ptr<ClusterApps> shared_;
  LeftBehind& left_;
};

}  // namespace sealift::steps
