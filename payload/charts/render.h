// SPDX-License-Identifier: Apache-2.0
//
// Renders a helm chart as `helm upgrade --install` would, without a cluster, and reads the result.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "payload/base/cancel.h"
#include "payload/base/process.h"
#include "payload/charts/inspection.h"

namespace sealift::charts {

struct Rendering {
  std::string chart;  // its folder, absolute
  std::string release, target_namespace;
  std::string kubernetes_version;      // "v1.34.4"
  std::vector<std::string> values;     // files, absolute; later wins
  std::set<std::string> api_versions;  // of resources that other applications bring: "monitoring.coreos.com/v1"
  std::vector<std::string> arguments;  // further ones of helm, which win over the files: "--set", "a=b"
};

// The words after "helm".
std::vector<std::string> template_arguments(const Rendering& rendering);

// Runs `helm template …` and returns what it prints. Errors: invalid_input with what helm says, or that it did not end
// in the command's time or printed too much; cancelled; those of base::run().
Result<std::string> render(const base::Command& command, const CancelToken& cancel);

struct Rendered {
  std::optional<Inspector> inspector;  // always there
  std::set<std::string> api_versions;  // of the resource definitions among its documents
};

// `set`: see Inspector::of_rendered().
Result<Rendered> read_rendered(std::string_view text, const std::string& set, const workloads::Rules& rules,
                               workloads::TestHooks test_hooks);

// Whether a chart with this file asks for API versions of the cluster, so that what is rendered depends on other
// applications. A packed dependency is not looked into: it may.
bool may_ask_for_api_versions(std::string_view path, std::string_view text);

}  // namespace sealift::charts
