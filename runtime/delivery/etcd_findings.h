// SPDX-License-Identifier: Apache-2.0
//
// Whether control planes can use the etcd of the site, before anything is changed. Internal to this library.
#pragma once

#include <vector>

#include "payload/base/cancel.h"
#include "runtime/checks/preflight.h"
#include "runtime/steps/model.h"

namespace sealift::delivery {

// As this control plane sees it. `is_first`: it will make the cluster, which must find etcd empty. Errors: those of the
// host; what etcd says is a finding.
Result<std::vector<checks::Finding>> etcd_findings(host::HostView& host, const std::string& name,
                                                   const steps::Model& model, bool is_first, const CancelToken& cancel);

}  // namespace sealift::delivery
