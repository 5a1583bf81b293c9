// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/site_balancer.h"

#include "payload/base/address.h"
#include "payload/base/format.h"
#include "runtime/steps/kubectl.h"

namespace sealift::steps {

std::string name_of(const config::SiteBalancer& balancer) {
  return base::format("{}:{}", base::bracketed(balancer.address), balancer.port);
}

Result<void> ask_balancer(host::HostView& control_plane, const config::SiteBalancer& balancer,
                          const CancelToken& cancel) {
  return kubectl_get(control_plane,
                     {base::format("--server=https://{}", name_of(balancer)), "--request-timeout=5s", "get", "--raw",
                      "/readyz"},
                     cancel)
      .transform([](const std::string&) {});
}

}  // namespace sealift::steps
