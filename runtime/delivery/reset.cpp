// SPDX-License-Identifier: Apache-2.0
#include "runtime/delivery/reset.h"

#include <algorithm>
#include <memory>

#include "payload/base/count.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/delivery/outcome.h"
#include "runtime/engine/connections.h"
#include "runtime/engine/runner.h"
#include "runtime/plans/reset.h"
#include "runtime/steps/hook_step.h"

namespace sealift::delivery {
namespace {

std::string name_of(const config::HostConfig& host) { return host.name.value_or(host.address); }

Result<std::vector<config::HostConfig>> chosen(const config::ClusterConfig& config,
                                               const std::vector<std::string>& names) {
  if (names.empty()) return config.hosts;
  std::vector<std::string_view> known;
  for (const auto& host : config.hosts) known.emplace_back(host.name ? *host.name : host.address);
  std::vector<config::HostConfig> out;
  for (const auto& name : names) {
    const auto found = std::ranges::find_if(
        config.hosts, [&](const config::HostConfig& host) { return host.name == name || host.address == name; });
    if (found == config.hosts.end()) {
      const auto near = base::nearest(name, known);
      return fail(ErrorCode::not_found, "{} is no host of {}{}; its login is not known without that",
                  base::printable(name, 100), config.path, near ? base::format(" (did you mean {}?)", *near) : "");
    }
    if (!std::ranges::contains(out, found->address, &config::HostConfig::address)) out.push_back(*found);
  }
  return out;
}

bool has_all_control_planes(const config::ClusterConfig& config, const std::vector<steps::Node>& nodes) {
  return std::ranges::all_of(config.hosts, [&](const config::HostConfig& host) {
    return host.role != format::HostRole::control_plane ||
           std::ranges::any_of(nodes, [&](const steps::Node& node) { return node.config.address == host.address; });
  });
}

// In the words of a reset; a comparison that failed everywhere is what the exit code tells.
void word(const engine::RunSummary& summary, Outcome& out) {
  out.kind = Outcome::Kind::reset;
  if (!out.error || out.error->code != ErrorCode::partial) return;
  const auto not_done =
      std::ranges::count_if(out.hosts, [](const HostOutcome& host) { return host.state != HostOutcome::State::done; });
  const bool only_compared = std::ranges::all_of(summary.hosts, [](const engine::HostSummary& host) {
    return !host.error || host.error->code == ErrorCode::unhealthy;
  });
  const size_t aside = out.hosts.size() - summary.hosts.size();
  out.error = Error{only_compared && aside == 0 ? ErrorCode::unhealthy : ErrorCode::partial,
                    base::format("{} of {} were not reset; solve what is reported for them and start the same command "
                                 "again",
                                 not_done, base::counted(out.hosts.size(), "host", "hosts")),
                    {}};
}

}  // namespace

Result<Outcome> reset(Input& input, const ResetOptions& options) {
  SEALIFT_ASSIGN(const auto hosts, chosen(input.config, options.hosts));
  SEALIFT_TRY(steps::check_hooks(input.payload.contents(), input.config, config::HookConfig::Phase::reset));
  tell_phase(input, "Connecting to " + base::counted(hosts.size(), "host", "hosts"));
  auto connections = input.connector.connect(hosts, host::Purpose::undo);
  std::vector<steps::Node> nodes;
  std::map<std::string, config::HostConfig> by_name;
  std::map<std::string, Error> aside;  // by address
  for (size_t i = 0; i < hosts.size(); ++i) {
    if (connections[i].host) {
      nodes.push_back({hosts[i], name_of(hosts[i]), hosts[i].address, {}});
      by_name[nodes.back().name] = hosts[i];
      continue;
    }
    const Error& error = connections[i].host.error();
    if (!may_be_set_aside(error.code)) return fail(error);
    tell_aside(input, name_of(hosts[i]), error);
    aside.emplace(hosts[i].address, error);
  }
  if (nodes.empty()) return fail(aside.begin()->second);
  engine::ConnectionPool pool([&](const std::string& name, const CancelToken&) -> Result<std::shared_ptr<host::Host>> {
    SEALIFT_ASSIGN(auto fresh, input.connector.reconnect(by_name.at(name), host::Purpose::undo));
    return std::shared_ptr<host::Host>(std::move(fresh));
  });
  for (size_t i = 0; i < hosts.size(); ++i) {
    if (connections[i].host) pool.adopt(name_of(hosts[i]), std::move(*connections[i].host));
  }
  const bool clears_etcd = input.config.external_etcd && has_all_control_planes(input.config, nodes);
  const auto plan = plans::reset({input.config, input.payload}, nodes, options.verify, clears_etcd);
  SEALIFT_ASSIGN(const auto summary, engine::run(plan, pool, input.events, input.clock, input.journal, input.cancel));
  auto out = to_outcome(summary, nodes, aside, input.config);
  word(summary, out);
  if (input.config.existing)
    out.notes.emplace_back(
        "the cluster itself was left as it is, and with it the applications: `remove --app` takes them off, before a "
        "reset");
  if (input.config.external_etcd && !clears_etcd)
    out.notes.emplace_back("the site's etcd keeps what the cluster has there, since not every control plane was reset");
  return out;
}

}  // namespace sealift::delivery
