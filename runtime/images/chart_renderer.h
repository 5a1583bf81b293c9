// SPDX-License-Identifier: Apache-2.0
//
// Renders charts before any host is touched, to see what a delivery would install.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "payload/base/cancel.h"
#include "payload/format/base_document.h"
#include "payload/format/reader.h"
#include "runtime/kube/patches.h"

namespace sealift::images {

// The programs of an artifact, or of the cluster, that look at what would be installed.
enum class Tool { helm, kubectl };

struct ChartRequest {
  const format::App* app = nullptr;
  std::string release, target_namespace;
  std::string kubernetes_version;                         // "v1.34.4"
  std::vector<std::string> values;                        // texts, later wins; they may hold secrets
  std::set<std::string> api_versions;                     // of resources that other applications bring
  std::map<std::string, std::string> changed_files = {};  // by the site, by path below its root
};

class ChartRenderer {
 public:
  virtual ~ChartRenderer() = default;
  // The documents as text. Any thread. Errors: invalid_input with what helm says; cancelled; others: it couldn't be
  // run.
  virtual Result<std::string> render(const ChartRequest& request, const CancelToken& cancel) = 0;
  // What patches make of documents (kube::patch_objects). Errors: those, and that kubectl couldn't be run. Any thread.
  virtual Result<std::string> patch(const std::string& manifests, const std::string& target_namespace,
                                    const std::vector<kube::Patch>& patches, const CancelToken& cancel) = 0;
  // The cluster's own, if they run on this machine: for artifacts without a base, which bring none. Before rendering.
  virtual void use(Tool tool, Bytes program) = 0;
};

// The payload's helm and kubectl on this machine: started from memory, without network; charts and values stay in
// memory if this machine has a place for that (/dev/shm), and are removed at once. `payload` must outlive it.
std::unique_ptr<ChartRenderer> make_local_renderer(const format::PayloadReader& payload);

}  // namespace sealift::images
