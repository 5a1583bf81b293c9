// SPDX-License-Identifier: Apache-2.0
//
// APP and CNI: turns an application's files into a format::App.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "packer/resolve/build_context.h"
#include "packer/resolve/chart.h"
#include "packer/resolve/problems.h"
#include "packer/resolve/remote.h"
#include "packer/resolve/tree.h"
#include "payload/charts/inspection.h"

namespace sealift::resolve {

struct LocalApp {
  format::App app;
  std::vector<LocalFile> files;
  std::string folder;                         // of a chart or a kustomization, on this machine; else empty
  std::optional<Chart> incomplete;            // lacks dependencies: complete_app() fetches them
  std::vector<charts::Inspector> inspectors;  // of manifests; charts are still to be rendered
};

// What the line itself says of the application.
format::App named_app(const AddApp& line);

struct AppReading {
  BuildContext& context;                         // paths are relative to this
  const std::string& scratch;                    // packed charts are unpacked below this folder
  const workloads::Rules& rules;                 // must outlive the result
  Problems& problems;                            // of manifests
  std::map<std::string, std::string>& unpacked;  // paths below `scratch`, as people know them; for messages
  Remote& remote;                                // for charts of other machines and missing dependencies
};

// The type follows from the content: Chart.yaml makes a helm chart, which may be packed (.tgz: unpacked below
// `scratch`); a folder with a kustomization is built later, with the base's kubectl; YAML and JSON files alone are
// manifests. Charts without their Chart.yaml, or with dependencies that can't be fetched, are rejected; what can't be
// read of manifests is added to `problems`. A chart on another machine is fetched, dependencies are not yet.
Result<LocalApp> local_app(const Place& place, const AddApp& line, const AppReading& reading);
// Fetches the dependencies that the chart lacks, if it lacks any.
Result<void> complete_app(const Place& place, const AppReading& reading, LocalApp& app);

}  // namespace sealift::resolve
