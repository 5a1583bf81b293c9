// SPDX-License-Identifier: Apache-2.0
//
// Lite build: finds every image that the applications name, with its reasons. packer/DISCOVERY.md explains it.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "packer/resolve/inputs.h"
#include "packer/resolve/problems.h"
#include "packer/resolve/tools.h"
#include "payload/charts/inspection.h"

namespace sealift::resolve {

// The version that charts are rendered for: the base's, else the request's, if there is one.
std::optional<std::string> kubernetes_version(const Inputs& inputs, const Request& request);

using Inspectors = std::map<std::string, std::vector<charts::Inspector>>;  // by application

// Renders these charts of `inputs` under each of their sets of values and adds what was read to `inspectors` (manifests
// are there already). The resolver has seen to it that there is a kubernetes_version(). What render() says of each
// chart goes to `problems`. Errors: a machine without helm; cancelled.
Result<void> inspect_charts(std::span<const AppInput* const> apps, const Inputs& inputs, const Request& request,
                            Tools& tools, const workloads::Rules& rules, Inspectors& inspectors, Problems& problems,
                            const CancelToken& cancel);

// A place that names an image which has to be packed.
struct Wanted {
  image::Reference reference;
  std::string reason;  // "APP erp: Deployment/web .spec.template.spec.containers[0].image, erp/templates/web.yaml …"
  Place place;         // of the application
};

// Records the uses in `inputs` (App::uses, with full names) and returns the images that they want, each once with its
// first reason. What an IGNORE-IMAGE line names is left out; what can't be resolved otherwise is one error
// (invalid_input) that lists all places. Afterwards the inspectors only know their objects.
Result<std::vector<Wanted>> settle(Inputs& inputs, Inspectors& inspectors, EventSink& events);

}  // namespace sealift::resolve
