// SPDX-License-Identifier: Apache-2.0
#include "runtime/delivery/control_plane_state.h"

#include "payload/base/format.h"
#include "runtime/inspection/gather.h"

namespace sealift::delivery {

StatusLine api_down(const std::string& name, const Error& error) {
  return {"API server on " + name, "down", "does not answer: " + inspection::last_line(error.what), false};
}

Result<ControlPlaneState> look_at_state(host::HostView& host, const std::string& name,
                                        const config::ClusterConfig& config, const CancelToken& cancel) {
  ControlPlaneState out;
  SEALIFT_ASSIGN(const auto down, inspection::probe_api(host, {}, cancel));
  out.api_answers = !down;
  if (down) out.down.push_back(api_down(name, *down));
  for (const auto unit : inspection::node_units()) {
    // The others are what a cluster is made of.
    if (config.existing && unit != "sealift-mirror.service") continue;
    SEALIFT_ASSIGN(const auto state, host.unit(std::string(unit)));
    if (state.active == "active") continue;
    const std::string what = state.loaded ? state.active : "not installed";
    out.down.push_back({base::format("{} on {}", unit, name), what,
                        base::format("`journalctl -u {}` on {} tells why", unit, name), false});
  }
  return out;
}

}  // namespace sealift::delivery
