// SPDX-License-Identifier: Apache-2.0
//
// APP and CNI: turns an application's files into a format::App.
#pragma once

#include <string>
#include <vector>

#include "packer/resolve/inspection.h"
#include "packer/resolve/remote.h"
#include "packer/resolve/tree.h"

namespace sealift::resolve {

struct LocalApp {
  format::App app;
  std::vector<LocalFile> files;
  std::string folder;                 // of a chart or a kustomization, on this machine; else empty
  std::vector<Inspector> inspectors;  // of manifests; charts are still to be rendered
};

// The type follows from the content: Chart.yaml makes a helm chart, which may be packed (.tgz: unpacked below
// `scratch`); a folder with a kustomization is built later, with the base's kubectl; YAML and JSON files alone are
// manifests. Charts without their Chart.yaml or dependencies, and manifests that can't be read, are rejected. `rules`
// must outlive the result. Charts on other machines, and dependencies that are missing, are fetched from `remote`.
Result<LocalApp> local_app(const Place& place, const AddApp& line, const std::string& context,
                           const std::string& scratch, const workloads::Rules& rules, Remote& remote);

}  // namespace sealift::resolve
