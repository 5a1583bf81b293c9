// SPDX-License-Identifier: Apache-2.0
//
// The plan by which applications leave a cluster that goes on.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "runtime/engine/step.h"
#include "runtime/steps/app_removal.h"
#include "runtime/steps/model.h"

namespace sealift::plans {

struct AppRemoval {
  const steps::Model& model;                    // of the control planes, the one that is asked first
  std::vector<host::ArtifactRecord::App> apps;  // each before those that it needs
  steps::AppData data = steps::AppData::stays;
  std::map<std::string, steps::LeftBehind>& left;  // by application; set by the run
};

// One after the other as they need each other, the others side by side; one that fails keeps those that it needs. Each
// is taken off the records once it is gone, at last off those of the control plane that is asked: as long as that has
// it, the same command finds what is left to do. `removal` must outlive the plan.
engine::Plan remove_apps(const AppRemoval& removal);

}  // namespace sealift::plans
