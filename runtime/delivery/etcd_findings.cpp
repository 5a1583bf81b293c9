// SPDX-License-Identifier: Apache-2.0
#include "runtime/delivery/etcd_findings.h"

#include "payload/base/format.h"
#include "payload/base/retry.h"
#include "payload/base/text.h"
#include "runtime/kube/kubeadm.h"
#include "runtime/steps/external_etcd.h"
#include "runtime/steps/init_step.h"
#include "runtime/steps/kubeadm_step.h"

namespace sealift::delivery {
namespace {

constexpr std::string_view kReach =
    "see whether etcd runs there, whether a firewall is in between, and whether etcd.external names the right endpoints "
    "and keys";

}  // namespace

Result<std::vector<checks::Finding>> etcd_findings(host::HostView& host, const std::string& name,
                                                   const steps::Model& model, bool is_first,
                                                   const CancelToken& cancel) {
  const auto& etcd = *model.config.external_etcd;
  const auto prefix = kube::etcd_prefix_of(steps::kubeadm_input(model));
  std::vector<checks::Finding> out;
  const auto found = [&](checks::Severity severity, std::string evidence, std::string_view remedy) {
    out.push_back({"site.etcd", name, severity, std::move(evidence), std::string(remedy)});
  };
  const auto state = steps::look_at_etcd(host, etcd, prefix, cancel);
  if (!state) {
    if (base::may_pass(state.error().code)) return fail(state.error());
    found(checks::Severity::blocks, base::format("could not ask the site's etcd: {}", state.error().text()), kReach);
    return out;
  }
  for (const auto& one : state->endpoints) {
    if (one.error.empty()) continue;
    found(state->answers() ? checks::Severity::warns : checks::Severity::blocks,
          base::format("gets no answer from the site's etcd at {}: {}", base::printable(one.endpoint),
                       base::printable(one.error, 500)),
          kReach);
  }
  if (!state->answers() || !is_first || state->objects == 0) return out;
  SEALIFT_ASSIGN(const bool begun, steps::has_begun_with(host, etcd.endpoints));
  if (!begun) found(checks::Severity::blocks, steps::holds_a_cluster(*state, prefix), steps::empty_it(prefix));
  return out;
}

}  // namespace sealift::delivery
