// SPDX-License-Identifier: Apache-2.0
#include "runtime/delivery/members.h"

#include <algorithm>
#include <iterator>

#include "payload/base/count.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/base/thread.h"
#include "runtime/delivery/control_plane.h"
#include "runtime/delivery/outcome.h"
#include "runtime/host/artifact_record.h"
#include "runtime/steps/basic_step.h"
#include "runtime/steps/kubectl.h"

namespace sealift::delivery {
namespace {

// Those that are meant are known by what cluster.yaml says of them; a host's own name comes later.
Result<std::vector<MemberHost>> connect(Input& input, const std::vector<std::string>& to_undo) {
  tell_phase(input, "Connecting to " + base::counted(input.config.hosts.size(), "host", "hosts"));
  std::vector<config::HostConfig> leaving, staying;
  const auto is_named = [&](const config::HostConfig& host) {
    return std::ranges::contains(to_undo, host.address) || (host.name && std::ranges::contains(to_undo, *host.name));
  };
  std::ranges::partition_copy(input.config.hosts, std::back_inserter(leaving), std::back_inserter(staying), is_named);
  auto connections = input.connector.connect(staying, host::Purpose::change);
  auto others = input.connector.connect(leaving, host::Purpose::undo);
  std::ranges::move(others, std::back_inserter(connections));
  std::vector<MemberHost> out;
  for (const auto& config : input.config.hosts) {
    const auto connection = std::ranges::find(connections, config.address, &Connection::address);
    auto& member = out.emplace_back();
    member.node = {config, base::to_lower(config.name.value_or(config.address)), config.address, {}};
    if (connection->host) {
      member.host = std::move(*connection->host);
      continue;
    }
    // A host that is another machine now is as far away as one that does not answer.
    const Error& error = connection->host.error();
    if (!may_be_set_aside(error.code) && error.code != ErrorCode::host_key_changed) return fail(error);
    member.away = error;
  }
  return out;
}

Result<void> look_at(Input& input, MemberHost& member) {
  SEALIFT_ASSIGN(auto facts, member.host->facts());
  SEALIFT_ASSIGN(member.node, steps::make_node(member.node.config, std::move(facts)));
  SEALIFT_ASSIGN(member.worked_on, member.host->worked_on());
  SEALIFT_ASSIGN(const auto artifacts, host::read_artifact_records(*member.host));
  member.serves = std::ranges::any_of(artifacts, &host::ArtifactRecord::is_served);
  if (!member.node.is_control_plane()) return {};
  SEALIFT_ASSIGN(const auto membership, look_at_membership(*member.host));
  member.keeps_payload = membership.keeps_payload;
  SEALIFT_ASSIGN(const bool has_cluster, steps::exists(*member.host, steps::kAdminKubeconfig));
  if (!has_cluster) return {};
  if (!input.config.external_etcd) {
    member.etcd = steps::etcd_members(*member.host, input.cancel);
    return {};
  }
  member.etcd =
      steps::kubectl_get(*member.host, {"get", "--raw", "/readyz"}, input.cancel).transform([](const std::string&) {
        return std::vector<steps::EtcdMember>();
      });
  return {};
}

Result<void> look_at_all(Input& input, std::vector<MemberHost>& hosts) {
  std::vector<std::optional<Error>> errors(hosts.size());
  base::parallel_for(hosts.size(), 32, [&](size_t i) {
    if (!hosts[i].host) return;
    if (const auto looked = look_at(input, hosts[i]); !looked) errors[i] = looked.error();
  });
  for (size_t i = 0; i < hosts.size(); ++i) {
    if (!errors[i]) continue;
    if (!may_be_set_aside(errors[i]->code)) return fail_while(*errors[i], "looking at " + hosts[i].node.name);
    hosts[i].host.reset();
    hosts[i].away = errors[i];
  }
  return input.cancel.check();
}

// etcd first: that it has no quorum is the reason why the API does not answer.
Result<void> ask_the_cluster(Input& input, Members& members) {
  size_t all = 0, reached = 0;
  std::string why;
  const MemberHost* first = nullptr;
  for (const auto& host : members.hosts) {
    if (!host.node.is_control_plane()) continue;
    ++all;
    reached += host.host ? 1 : 0;
    if (host.etcd && first == nullptr) first = &host;
    if (!host.etcd)
      why += base::format("\n  {}: {}", host.node.name, (host.away ? *host.away : host.etcd.error()).text());
  }
  if (first == nullptr) {
    return fail(ErrorCode::preflight,
                "no {} answers on the {} that can be reached (of {}): it does not run, or has no quorum; nothing can "
                "be taken out of the cluster before that{}",
                input.config.external_etcd ? "API server with the site's etcd" : "etcd",
                base::counted(reached, "control plane", "control planes"), all, why);
  }
  members.of_etcd = *first->etcd;
  std::optional<Error> refused;
  for (const auto& host : members.hosts) {
    if (!host.etcd) continue;
    auto nodes = ask_for_nodes(*host.host, input.cancel);
    if (!nodes) {
      if (!refused) refused = nodes.error();
      continue;
    }
    members.nodes = std::move(*nodes);
    return {};
  }
  return fail_while(*refused, "asking the API for its nodes");
}

// Where the cluster knows more of hosts that can't be asked.
void complete(Members& members) {
  for (auto& host : members.hosts) {
    if (host.host) continue;
    const auto* known = members.known(host.node);
    if (known == nullptr) continue;
    host.node.name = known->name;
    if (!known->ip.empty()) host.node.ip = known->ip;
  }
}

}  // namespace

const KnownNode* Members::known(const steps::Node& node) const {
  auto found = std::ranges::find(nodes, node.name, &KnownNode::name);
  if (found == nodes.end() && node.facts.hostname.empty())  // away: its name may not be known
    found = std::ranges::find(nodes, node.ip, &KnownNode::ip);
  return found == nodes.end() ? nullptr : &*found;
}

const steps::EtcdMember* Members::in_etcd(const steps::Node& node) const {
  const auto found = std::ranges::find_if(
      of_etcd, [&](const steps::EtcdMember& member) { return member.is_at(node.ip) || member.name == node.name; });
  return found == of_etcd.end() ? nullptr : &*found;
}

Result<Members> look_at_members(Input& input, const std::vector<std::string>& to_undo) {
  Members out;
  SEALIFT_ASSIGN(out.hosts, connect(input, to_undo));
  tell_phase(input, "Looking at the cluster");
  SEALIFT_TRY(look_at_all(input, out.hosts));
  SEALIFT_TRY(ask_the_cluster(input, out));
  complete(out);
  return out;
}

}  // namespace sealift::delivery
