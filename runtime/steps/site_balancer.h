// SPDX-License-Identifier: Apache-2.0
//
// A balancer of the site before the API servers (cluster.yaml, api.balancer). It is the site's: nothing here sets it
// up.
#pragma once

#include <string>

#include "runtime/config/cluster_config.h"
#include "runtime/host/host.h"

namespace sealift::steps {

std::string name_of(const config::SiteBalancer& balancer);  // "api.plant7.lan:6443"
// Whether an API server answers through it, with a certificate that names it: asked from a control plane. Errors:
// command_failed with what is wrong.
Result<void> ask_balancer(host::HostView& control_plane, const config::SiteBalancer& balancer,
                          const CancelToken& cancel);

}  // namespace sealift::steps
