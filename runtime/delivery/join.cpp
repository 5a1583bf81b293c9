// SPDX-License-Identifier: Apache-2.0
#include "runtime/delivery/join.h"

#include <algorithm>
#include <set>

#include "payload/base/text.h"
#include "runtime/delivery/control_plane.h"
#include "runtime/delivery/existing_site.h"
#include "runtime/delivery/known_nodes.h"
#include "runtime/delivery/site_findings.h"
#include "runtime/delivery/survey.h"
#include "runtime/plans/deliver.h"

namespace sealift::delivery {
namespace {

constexpr std::string_view kNobodyNew =
    "every host of cluster.yaml is a node that is Ready; what else may be missing there, apply sees";

// The names and addresses of the cluster's nodes that are Ready, by the first control plane whose API answers.
Result<std::set<std::string>> nodes_of(Input& input) {
  SEALIFT_ASSIGN(const auto found, find_control_planes(input));
  Error last;
  for (const auto& one : found.there) {
    const auto nodes = ask_for_nodes(*one.host, input.cancel);
    if (!nodes) {
      last = nodes.error();
      continue;
    }
    std::set<std::string> out;
    for (const auto& node : *nodes) {
      if (node.is_ready) out.insert({node.name, node.ip});  // else its join may have been cut: it is taken up again
    }
    return out;
  }
  return fail_while(std::move(last), "asking the cluster for its nodes");
}

struct Concerned {
  config::ClusterConfig config;
  std::set<std::string> newcomers;  // by address
};

// Control planes, registry hosts, and the hosts that come; all of them where a control plane comes.
Result<Concerned> concerned(Input& input) {
  SEALIFT_ASSIGN(const auto nodes, nodes_of(input));
  Concerned out{input.config, {}};
  bool for_all = false;
  for (const auto& host : input.config.hosts) {
    if (nodes.contains(host.address) || (host.name && nodes.contains(base::to_lower(*host.name)))) continue;
    out.newcomers.insert(host.address);
    for_all = for_all || host.role == format::HostRole::control_plane;
  }
  if (!for_all) {
    std::erase_if(out.config.hosts, [&](const config::HostConfig& host) {
      return host.role != format::HostRole::control_plane && !out.newcomers.contains(host.address) &&
             !steps::wants_payload(input.config.registry, host, 0);
    });
  }
  return out;
}

Result<void> check_artifact(const steps::Model& model) {
  if (!model.makes_cluster())
    return fail(ErrorCode::preflight,
                "{} has no base, and only a base makes a host a node; join with the artifact that "
                "made the cluster",
                model.payload.artifact_name());
  if (!model.before || model.before->identity == model.payload.identity()) return {};
  return fail(
      ErrorCode::preflight,
      "the cluster has {} ({}), and this is {} ({}): join takes the artifact that is there; apply brings another",
      model.before->title(), model.before->identity.text().substr(0, 19), model.payload.artifact_name(),
      model.payload.identity().text().substr(0, 19));
}

// Nodes that stand are told who is new, and nothing else.
Result<void> check_registry(const steps::Model& model, const std::set<std::string>& newcomers) {
  const auto moves = registry_moves(model);
  for (const auto& node : model.nodes) {
    if (std::ranges::contains(moves, node.name) && !newcomers.contains(node.config.address))
      return fail(
          ErrorCode::preflight,
          "cluster.yaml has other registry hosts than the cluster ({} is one, or is to be one): `apply` moves the "
          "registry, then join",
          node.name);
  }
  return {};
}

// `then` gets what join works with.
template <class Out>
Result<Out> with_newcomers(Input& input, host::Purpose purpose, Out nothing,
                           Result<Out> (*then)(Input&, const Survey&, const engine::Plan&)) {
  SEALIFT_TRY(
      refuse_existing(input.config, "join", "let the host join it, write it in cluster.yaml and deliver again"));
  SEALIFT_ASSIGN(const auto concerned_now, concerned(input));
  const auto& [config, newcomers] = concerned_now;
  if (newcomers.empty()) return nothing;
  Input reduced{input.payload, config,        input.connector, input.journal, input.events, input.clock, input.cancel,
                input.charts,  input.offline, input.allowed,   true,          false,        input.who};
  SEALIFT_ASSIGN(const auto found, survey(reduced, purpose));
  SEALIFT_TRY(check_artifact(*found.model));
  SEALIFT_TRY(check_registry(*found.model, newcomers));
  // Also one that takes itself for a node: until it is Ready, its join has not ended.
  for (auto& node : found.model->nodes) node.stands = node.stands && !newcomers.contains(node.config.address);
  if (auto error = blocking(found.findings); error && purpose == host::Purpose::change) return fail(std::move(*error));
  SEALIFT_ASSIGN(const auto planned, plans::join(*found.model));
  return then(reduced, found, planned);
}

}  // namespace

Result<Outcome> join(Input& input) {
  Outcome nothing;
  nothing.notes.emplace_back(kNobodyNew);
  return with_newcomers(input, host::Purpose::change, std::move(nothing), run_plan);
}

Result<PlanOutcome> plan_join(Input& input) {
  PlanOutcome nothing;
  nothing.notes.emplace_back(kNobodyNew);
  return with_newcomers(input, host::Purpose::look, std::move(nothing), look_at_plan);
}

}  // namespace sealift::delivery
