// SPDX-License-Identifier: Apache-2.0
//
// The hosts that a survey got to, with what it found on each, and those that it didn't get to. Internal to this
// library.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "payload/base/retry.h"
#include "runtime/checks/preflight.h"
#include "runtime/delivery/control_plane.h"
#include "runtime/delivery/delivery.h"
#include "runtime/delivery/fixed_fields.h"
#include "runtime/engine/connections.h"
#include "runtime/steps/model.h"

namespace sealift::delivery {

struct Reached {
  config::HostConfig config;
  std::shared_ptr<host::Host> host;
  checks::CheckedHost view = {};
  std::vector<checks::Finding> findings = {};
  std::optional<StandingNode> standing = {};
  std::optional<Error> error = {};
  Membership membership = {};  // of a control plane
  bool keeps_payload = false;
  bool needs_no_payload = true;

  bool is_control_plane() const { return config.role == format::HostRole::control_plane; }
  // Of a cluster that Sealift made.
  bool is_member() const { return membership.made || membership.joined; }
};

class ReachedHosts {
 public:
  ReachedHosts(Input& input, host::Purpose purpose) : input_(input), purpose_(purpose) {}

  // All hosts of cluster.yaml. A worker that is away or makes no sense is set aside, which is told.
  void connect();
  // Asks the control planes what they are; those of the cluster come first then, and further looks ask the first one.
  Result<void> order_control_planes();

  // A connection may have died while others were being made: retries once on a new one.
  template <class Look>
  auto look(Reached& reached, Look look_at) -> decltype(look_at(*reached.host)) {
    auto first = look_at(*reached.host);
    if (first || !base::may_pass(first.error().code)) return first;
    auto fresh = input_.connector.reconnect(reached.config, purpose_);
    if (!fresh) return std::unexpected(std::move(fresh).error());
    reached.host = std::move(*fresh);
    return look_at(*reached.host);
  }
  // Several at a time.
  void for_each(const std::function<void(Reached&)>& look_at);
  // A worker lost since the login counts as one that was never reached.
  void set_lost_aside();

  std::vector<Reached>& all() { return reached_; }
  std::vector<Reached*> control_planes();
  // Null: none was reached.
  Reached* first_control_plane();
  // A control plane that can tell about the cluster. Null: there is none.
  Reached* member();

  // By address.
  const std::map<std::string, Error>& aside() const { return aside_; }
  // Of all required hosts that could not be connected.
  const std::optional<Error>& refused() const { return refused_; }

  // By node name. The connections made here are handed on.
  std::unique_ptr<engine::ConnectionPool> connections(const std::vector<steps::Node>& nodes);

 private:
  void set_aside(const config::HostConfig& config, const Error& why);

  Input& input_;
  host::Purpose purpose_;
  std::vector<Reached> reached_;
  std::map<std::string, Error> aside_;
  std::optional<Error> refused_;
};

}  // namespace sealift::delivery
