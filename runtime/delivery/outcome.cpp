// SPDX-License-Identifier: Apache-2.0
#include "runtime/delivery/outcome.h"

#include <algorithm>

#include "payload/base/format.h"
#include "payload/base/retry.h"
#include "runtime/steps/apps.h"

namespace sealift::delivery {
namespace {

HostOutcome::State state_of(engine::HostEnd outcome) {
  switch (outcome) {
    case engine::HostEnd::delivered: return HostOutcome::State::done;
    case engine::HostEnd::aside: return HostOutcome::State::aside;
    case engine::HostEnd::unfinished: return HostOutcome::State::unfinished;
    case engine::HostEnd::failed:
    case engine::HostEnd::interrupted: return HostOutcome::State::failed;
  }
  return HostOutcome::State::failed;
}

}  // namespace

Outcome to_outcome(const engine::RunSummary& summary, const std::vector<steps::Node>& nodes,
                   const std::map<std::string, Error>& aside, const config::ClusterConfig& config) {
  Outcome out;
  out.error = summary.error();
  for (const auto& host : summary.hosts) {
    const auto node = std::ranges::find(nodes, host.host, &steps::Node::name);
    HostOutcome outcome;
    outcome.name = host.host;
    if (node != nodes.end()) {
      outcome.address = node->config.address;
      outcome.role = node->config.role;
    }
    outcome.state = state_of(host.outcome);
    if (host.error) outcome.reason = host.error->text();
    outcome.applied = host.done;
    outcome.skipped = host.skipped;
    out.applied += host.done;
    out.skipped += host.skipped;
    out.hosts.push_back(std::move(outcome));
  }
  for (const auto& [address, error] : aside) {
    const auto host = std::ranges::find(config.hosts, address, &config::HostConfig::address);
    out.hosts.push_back(
        {address, host->name.value_or(address), host->role, HostOutcome::State::aside, error.text(), 0, 0});
  }
  if (!aside.empty() && !out.error) {
    out.error =
        Error{ErrorCode::partial,
              base::format("{} of {} hosts could not be reached and were left out; run again when they are there",
                           aside.size(), config.hosts.size()),
              {}};
  }
  return out;
}

std::vector<ApplicationOutcome> application_outcomes(const engine::RunSummary& summary,
                                                     const std::vector<steps::SelectedApp>& apps) {
  using State = ApplicationOutcome::State;
  using engine::StepStatus;
  std::vector<ApplicationOutcome> out;
  for (const auto& app : apps) {
    const auto end = std::ranges::find(summary.alone, steps::app_step(app), &engine::StepEnd::step);
    if (end == summary.alone.end()) continue;
    ApplicationOutcome outcome{.name = app.app->name, .state = State::not_tried};
    if (end->status == StepStatus::done || end->status == StepStatus::skipped) {
      outcome.changed = end->status == StepStatus::done;
      // An unchanged one is looked at by the last step of a run, if that comes so far.
      const bool known = outcome.changed || !summary.ended_by;
      outcome.state = app.waits_for_health && known ? State::healthy : State::applied;
    } else {
      if (end->status == StepStatus::failed) outcome.state = State::failed;
      outcome.reason = end->error ? end->error->text() : "the run ended first";
    }
    out.push_back(std::move(outcome));
  }
  return out;
}

bool may_be_set_aside(ErrorCode code) {
  return base::may_pass(code) || code == ErrorCode::protocol || code == ErrorCode::limit_exceeded;
}

void tell_aside(Input& input, const std::string& host, const Error& why) {
  Event event;
  event.kind = base::EventKind::host_aside;
  event.level = Level::warning;
  event.host = host;
  event.message = why.text();
  event.time = input.clock.now();
  input.events.on(event);
}

void tell_phase(Input& input, std::string title) {
  Event event;
  event.kind = base::EventKind::phase;
  event.message = std::move(title);
  event.time = input.clock.now();
  input.events.on(event);
}

}  // namespace sealift::delivery
