// SPDX-License-Identifier: Apache-2.0
//
// The applications of a cluster that is there, and the control planes where they are recorded: what is needed to take
// one out or back. Internal to this library.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/delivery/delivery.h"
#include "runtime/engine/connections.h"
#include "runtime/steps/cluster_apps.h"
#include "runtime/steps/model.h"

namespace sealift::delivery {

struct AppSite {
  std::unique_ptr<steps::Model> model;                  // its nodes: the control planes, the one that is asked first
  std::unique_ptr<engine::ConnectionPool> connections;  // by node name
  std::vector<host::ArtifactRecord> records;
  steps::ClusterApps::Installed installed;  // as the ledger and helm know it
};

// Connects to all control planes, to change them: each has records. Errors: those of connecting; not_found if there is
// no cluster.
Result<AppSite> look_at_apps(Input& input);

// An application as it is recorded, by its name or by that of the APP line that brought it.
std::vector<host::ArtifactRecord::App> find_recorded(const AppSite& site, const std::string& name);

// The artifact in hand has it: as cluster.yaml wants it, in this namespace and of this release if they are given.
Result<steps::SelectedApp> from_artifact(const steps::Model& model, const format::App& app,
                                         const host::ArtifactRecord::App* recorded);

// For a name that nobody knows: the nearest of those that the cluster and the artifact have.
Error unknown_app(const AppSite& site, const std::string& name);

}  // namespace sealift::delivery
