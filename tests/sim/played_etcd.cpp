// SPDX-License-Identifier: Apache-2.0
//
// PlayedCluster's etcd: how members come, vote and leave, and what the node program hears of it.
#include <algorithm>

#include "payload/base/format.h"
#include "tests/sim/played_cluster.h"

namespace sealift::sim {

using base::Command;
using base::ExitStatus;
using tests::FakeMachine;

namespace {

const std::string& address(const FakeMachine& machine) { return machine.facts.addresses.front().address; }

}  // namespace

// A learner is added, starts, and is promoted.
Result<ExitStatus> PlayedCluster::join_etcd(FakeMachine& self, const std::string& name, const std::string& ip) {
  std::string id;
  {
    const std::lock_guard guard(mutex_);
    for (const auto& [other, member] : state.etcd) {
      if (member.ip == ip) return bad("etcdserver: Peer URLs already exists");
      if (member.is_learner || member.name.empty()) return bad("etcdserver: too many learner members in cluster");
    }
    for (size_t number = 1; id.empty() || state.etcd.contains(id); ++number) id = std::to_string(number);
    state.etcd[id] = {"", ip, true};
  }
  SIM_STAGE(self, "kubeadm join: etcd learner");
  put(self, "/etc/kubernetes/manifests/etcd.yaml", "kind: Pod\n");
  put(self, "/var/lib/etcd/member", "data");
  {
    const std::lock_guard guard(mutex_);
    state.etcd.at(id).name = name;
  }
  SIM_STAGE(self, "kubeadm join: etcd started");
  const std::lock_guard guard(mutex_);
  // Its own words after it has waited.
  if (learners_stay)
    return bad(
        "error execution phase control-plane-join/etcd: error creating local etcd static pod manifest file: "
        "etcdserver: can only promote a learner member which is in sync with leader");
  state.etcd.at(id).is_learner = false;
  return good();
}

bool PlayedCluster::has_quorum(const std::string& without_id) const {
  if (state.etcd.empty()) return true;  // it is the site's
  size_t voters = 0, answer = 0;
  for (const auto& [id, member] : state.etcd) {
    if (member.is_learner || id == without_id) continue;
    ++voters;
    answer += member.name.empty() || etcd_down.contains(member.ip) ? 0 : 1;
  }
  return answer >= voters / 2 + 1;
}

void PlayedCluster::dies(const FakeMachine& machine) {
  const std::lock_guard guard(mutex_);
  etcd_down.insert(address(machine));
  api_moves_from(address(machine));
}

void PlayedCluster::api_moves_from(const std::string& from) {
  if (address(*control_plane.load()) != from) return;
  for (const auto& [id, member] : state.etcd) {
    if (member.is_learner || member.ip == from || etcd_down.contains(member.ip)) continue;
    control_plane = machines.at(member.ip);
    api_moved_ = true;
    return;
  }
}

ExitStatus PlayedCluster::etcd_of_site(const Command& command) {
  const std::lock_guard guard(mutex_);
  if (!has(command, "clear"))
    return good(
        base::format(R"({{"endpoints":[{{"endpoint":"https://10.7.9.1:2379","version":"3.6.5"}}],"objects":{}}})",
                     objects_in_etcd_of_site));
  objects_in_etcd_of_site = 0;
  return good("0\n");
}

Result<ExitStatus> PlayedCluster::etcd(FakeMachine& self, const Command& command) {
  if (has(command, "look") || has(command, "clear")) return etcd_of_site(command);
  if (etcd_says) {
    const std::lock_guard guard(mutex_);
    if (auto said = etcd_says(self, has(command, "remove"))) return std::move(*said);
  }
  if (text_of(self, "/etc/kubernetes/manifests/etcd.yaml").empty() || !api_answers())
    return bad("connecting to https://127.0.0.1:2379: refused");
  const std::lock_guard guard(mutex_);
  const bool is_member = std::ranges::any_of(state.etcd, [&](const auto& entry) {
    return entry.second.ip == address(self) && !etcd_down.contains(entry.second.ip);
  });
  if (!is_member) return bad("connecting to https://127.0.0.1:2379: refused");
  if (has(command, "remove")) {
    const std::string trouble = remove_member(after(command, "--member"));
    return trouble.empty() ? good() : bad("etcd answers 503: " + trouble);
  }
  if (has(command, "hand-over")) {
    const auto to = state.etcd.find(after(command, "--to"));
    const bool can = to != state.etcd.end() && !to->second.is_learner;
    return can ? good() : bad("etcd answers 400: etcdserver: bad leader transferee");
  }
  if (!has(command, "members")) return bad("not played: " + command.text());
  std::string out;
  for (const auto& [id, member] : state.etcd) {
    out += base::format(R"({}{{"id":"{}","name":"{}","peerURLs":["https://{}:2380"],"learner":{}}})",
                        out.empty() ? "" : ",", id, member.name, member.ip, member.is_learner);
  }
  return good(R"({"members":[)" + out + "]}");
}

std::string PlayedCluster::remove_member(const std::string& id) {
  const auto member = state.etcd.find(id);
  if (member == state.etcd.end()) return {};
  if (!has_quorum(id)) {
    faults.push_back("etcd was asked to give its quorum up");
    return "etcdserver: unhealthy cluster";
  }
  const std::string from = member->second.ip;
  state.etcd.erase(member);
  api_moves_from(from);
  return {};
}

}  // namespace sealift::sim
