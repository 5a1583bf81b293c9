// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/helm.h"

#include <algorithm>

#include "payload/base/format.h"
#include "runtime/host/kubeconfig.h"
#include "runtime/steps/kubectl.h"
#include "runtime/steps/units.h"

namespace sealift::steps {

base::Command helm(std::vector<std::string> arguments, Duration more) {
  // Everything that helm keeps in a home folder stays in memory and disappears with it.
  base::Command out{
      {"helm"},
      {"HELM_CACHE_HOME=/run/sealift/helm", "HELM_CONFIG_HOME=/run/sealift/helm", "HELM_DATA_HOME=/run/sealift/helm"},
      "/",
      kHelmTimeout + more};
  out.environment.append_range(host::kube_environment(kKubeHome));
  out.argv.insert(out.argv.end(), arguments.begin(), arguments.end());
  return out;
}

Result<bool> wait_for_helm(engine::StepContext& context, const std::string& unit, const std::string& app,
                           Duration deadline) {
  bool waited = false;
  SEALIFT_TRY(wait_until(context, deadline, ErrorCode::busy,
                         base::format("helm of an earlier run is still at work on {}", app),
                         [&](std::string&) -> Result<bool> {
                           SEALIFT_ASSIGN(const auto state, context.host.unit(unit + ".service"));
                           const bool works = is_at_work(state);
                           waited = waited || works;
                           return !works;
                         }));
  return waited;
}

Result<std::vector<Revision>> revisions_of(host::HostView& host, const std::string& release,
                                           const std::string& target_namespace, const CancelToken& cancel) {
  const auto ask = helm({"history", release, "--namespace", target_namespace, "--max", "256", "--output", "json"});
  SEALIFT_ASSIGN(const auto printed, base::output_of(ask, host.query(ask, {}, cancel)));
  SEALIFT_ASSIGN(const auto list, json::parse(printed, kHostJson));
  if (!list.is_array()) return fail(ErrorCode::protocol, "helm history {}: not a list", release);
  std::vector<Revision> out;
  for (const auto& one : *list.elements()) {
    SEALIFT_ASSIGN(const auto number, one.natural("revision"));
    out.push_back({number, one.text_or("status", ""), one.text_or("chart", ""), one.text_or("description", "")});
  }
  std::ranges::sort(out, {}, &Revision::number);
  return out;
}

}  // namespace sealift::steps
