// SPDX-License-Identifier: Apache-2.0
//
// A finished artifact as the inputs of a build that it would be the result of, so that what a build checks can be
// checked again.
#pragma once

#include <string>

#include "packer/resolve/discover.h"
#include "packer/resolve/inputs.h"
#include "packer/resolve/problems.h"
#include "payload/workloads/rules.h"

namespace sealift::resolve {

// Its contents are all inherited; what checks read lies in the private folder as well: the applications with their sets
// of values, base.yaml, templates of host files. `name`: of the artifact, which stands for the Kubefile in messages.
// Errors: those of reading the payload.
Result<Inputs> packed_inputs(BaseInput artifact, const std::string& name);

// The rules that it carries, or Sealift's own if it carries none.
Result<workloads::Rules> packed_rules(const Inputs& inputs);

// Reads all manifests. Problems: what a build refuses in them.
Inspectors inspect_manifests(const Inputs& inputs, const workloads::Rules& rules, Problems& problems);

// What lies in the private folder is called as in the artifact's tree.
Error named_as_packed(const Inputs& inputs, Error error);

}  // namespace sealift::resolve
