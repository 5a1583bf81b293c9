// SPDX-License-Identifier: Apache-2.0
//
// Renders a chart as the site will, with the base's helm, and inspects the result.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "packer/resolve/inputs.h"
#include "packer/resolve/tools.h"
#include "payload/base/cancel.h"
#include "payload/charts/render.h"

namespace sealift::resolve {

struct RenderJob {
  const AppInput* app = nullptr;
  std::string set;     // the set's file name; of the chart's own: "values.yaml"
  std::string values;  // its file on this machine; empty: the chart's own
};

// One job for the chart's own values, or one for each set of values.
std::vector<RenderJob> render_jobs(const AppInput& app);

// The command that prints the rendered chart. `api_versions`: of resources that other applications bring
// ("monitoring.coreos.com/v1/ServiceMonitor").
Result<base::Command> render_command(Tools& tools, const RenderJob& job, const std::string& kubernetes_version,
                                     const std::set<std::string>& api_versions);

// Runs it. Errors: invalid_input with the line of the Kubefile, the set of values and what helm says, or for a release
// that helm could not keep; cancelled.
Result<charts::Rendered> render(const base::Command& command, const RenderJob& job, const workloads::Rules& rules,
                                workloads::TestHooks test_hooks, const CancelToken& cancel);

// Whether templates ask for API versions of the cluster, so that what is rendered depends on other applications.
bool asks_for_api_versions(const Inputs& inputs, const AppInput& app);

}  // namespace sealift::resolve
