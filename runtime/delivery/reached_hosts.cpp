// SPDX-License-Identifier: Apache-2.0
#include "runtime/delivery/reached_hosts.h"

#include <algorithm>

#include "payload/base/count.h"
#include "payload/base/thread.h"
#include "runtime/delivery/outcome.h"

namespace sealift::delivery {
namespace {

constexpr unsigned kAtOnce = 32;

}  // namespace

void ReachedHosts::set_aside(const config::HostConfig& config, const Error& why) {
  tell_aside(input_, config.name.value_or(config.address), why);
  aside_.emplace(config.address, why);
}

void ReachedHosts::connect() {
  const auto& hosts = input_.config.hosts;
  tell_phase(input_, "Connecting to " + base::counted(hosts.size(), "host", "hosts"));
  auto connections = input_.connector.connect(hosts, purpose_);
  for (size_t i = 0; i < connections.size(); ++i) {
    auto& connection = connections[i].host;
    if (connection) {
      reached_.push_back({.config = hosts[i], .host = std::move(*connection)});
      continue;
    }
    const Error& error = connection.error();
    // A failed login must be fixed by the operator before anything changes.
    if (hosts[i].role == format::HostRole::worker && may_be_set_aside(error.code))
      set_aside(hosts[i], error);
    else if (!refused_)
      refused_ = error;
    else
      refused_->what += "\n" + error.text();
  }
}

Result<void> ReachedHosts::order_control_planes() {
  std::vector<Reached> planes;
  for (auto& reached : reached_) {
    if (reached.is_control_plane()) planes.push_back(std::move(reached));
  }
  std::vector<Result<void>> looked(planes.size());
  base::parallel_for(planes.size(), kAtOnce, [&](size_t i) {
    looked[i] = look(planes[i], look_at_membership).transform([&](Membership membership) {
      planes[i].membership = membership;
    });
  });
  for (auto& one : looked) SEALIFT_TRY(one);
  std::ranges::stable_sort(planes, {}, [](const Reached& reached) { return reached.membership.rank(); });
  auto next = planes.begin();
  for (auto& reached : reached_) {
    if (reached.is_control_plane()) reached = std::move(*next++);
  }
  return {};
}

void ReachedHosts::for_each(const std::function<void(Reached&)>& look_at) {
  base::parallel_for(reached_.size(), kAtOnce, [&](size_t i) { look_at(reached_[i]); });
}

void ReachedHosts::set_lost_aside() {
  std::erase_if(reached_, [&](const Reached& reached) {
    if (!reached.error || reached.is_control_plane() || !may_be_set_aside(reached.error->code)) return false;
    set_aside(reached.config, *reached.error);
    return true;
  });
}

std::vector<Reached*> ReachedHosts::control_planes() {
  std::vector<Reached*> out;
  for (auto& reached : reached_) {
    if (reached.is_control_plane()) out.push_back(&reached);
  }
  return out;
}

Reached* ReachedHosts::first_control_plane() {
  const auto found = std::ranges::find_if(reached_, &Reached::is_control_plane);
  return found == reached_.end() ? nullptr : &*found;
}

Reached* ReachedHosts::member() {
  const auto found = std::ranges::find_if(reached_, &Reached::is_member);
  return found == reached_.end() || found->error ? nullptr : &*found;
}

std::unique_ptr<engine::ConnectionPool> ReachedHosts::connections(const std::vector<steps::Node>& nodes) {
  std::map<std::string, config::HostConfig> by_name;
  for (const auto& node : nodes) by_name[node.name] = node.config;
  auto out = std::make_unique<engine::ConnectionPool>(
      [by_name, &connector = input_.connector, purpose = purpose_](
          const std::string& name, const CancelToken&) -> Result<std::shared_ptr<host::Host>> {
        SEALIFT_ASSIGN(auto fresh, connector.reconnect(by_name.at(name), purpose));
        return std::shared_ptr<host::Host>(std::move(fresh));
      });
  for (const auto& node : nodes) {
    const auto reached =
        std::ranges::find(reached_, node.config.address, [](const Reached& entry) { return entry.config.address; });
    out->adopt(node.name, reached->host);
  }
  return out;
}

}  // namespace sealift::delivery
