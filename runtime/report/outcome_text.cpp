// SPDX-License-Identifier: Apache-2.0
#include "runtime/report/outcome_text.h"
#include "payload/base/count.h"
#include "payload/base/format.h"

#include <algorithm>

namespace sealift::report {
namespace {

using delivery::ApplicationOutcome;
using delivery::HostOutcome;
using delivery::PlanLine;

std::string seconds(Duration took) {
  auto s = took.count() / 1000;
  return s < 60 ? base::format("{} s", s) : base::format("{} min {} s", s / 60, s % 60);
}

std::string title(const HostOutcome& host) {
  if (host.name.empty() || host.name == host.address) return host.address;
  return base::format("{} ({})", host.name, host.address);
}

std::string closing(const delivery::Outcome& outcome, size_t hosts) {
  using Kind = delivery::Outcome::Kind;
  if (outcome.kind == Kind::app_removal || outcome.kind == Kind::app_rollback) {
    if (outcome.applications.empty()) return "nothing to do: no such application is installed";
    return base::format("{}: {}", outcome.kind == Kind::app_removal ? "removed" : "rolled back",
                        base::counted(outcome.applications.size(), "application", "applications"));
  }
  if (outcome.applied == 0) {
    return outcome.kind == Kind::delivery
               ? base::format("nothing to do: {} as cluster.yaml says", base::counted(hosts, "host is", "hosts are"))
               : base::format("nothing to do: {} nothing of a delivery",
                              base::counted(hosts, "host has", "hosts have"));
  }
  const std::string_view verb = outcome.kind == Kind::delivery  ? "delivered"
                                : outcome.kind == Kind::removal ? "removed"
                                                                : "reset";
  return base::format("{}: {}, {} applied", verb, base::counted(hosts, "host", "hosts"),
                      base::counted(outcome.applied, "step", "steps"));
}

// How many of each kind; by name those that need somebody's attention.
void add_applications(const delivery::Outcome& outcome, std::vector<std::string>& out) {
  const auto& applications = outcome.applications;
  if (applications.empty()) return;
  using State = ApplicationOutcome::State;
  const auto count = [&](State state) {
    return static_cast<size_t>(std::ranges::count(applications, state, &ApplicationOutcome::state));
  };
  const bool removes = outcome.kind == delivery::Outcome::Kind::app_removal;
  std::string line =
      removes ? base::format("{} removed", count(State::removed)) : base::format("{} healthy", count(State::healthy));
  const auto add = [&](State state, std::string_view word) {
    if (count(state) != 0) line += base::format(", {} {}", count(state), word);
  };
  add(State::applied, "applied");
  add(State::failed, "failed");
  add(State::not_tried, "not tried");
  const auto changed = std::ranges::count(applications, true, &ApplicationOutcome::changed);
  out.push_back(base::format("applications: {} ({} changed)", line, changed));
  for (const auto& app : applications) {
    if (app.reason.empty()) continue;
    out.push_back(
        base::format("  {} {}: {}", app.name, app.state == State::failed ? "failed" : "was not tried", app.reason));
  }
}

}  // namespace

std::string_view name(HostOutcome::State state) {
  switch (state) {
    case HostOutcome::State::done: return "done";
    case HostOutcome::State::aside: return "aside";
    case HostOutcome::State::unfinished: return "unfinished";
    case HostOutcome::State::failed: return "failed";
  }
  return "unknown";
}

std::string_view name(ApplicationOutcome::State state) {
  switch (state) {
    case ApplicationOutcome::State::healthy: return "healthy";
    case ApplicationOutcome::State::applied: return "applied";
    case ApplicationOutcome::State::failed: return "failed";
    case ApplicationOutcome::State::not_tried: return "not_tried";
    case ApplicationOutcome::State::removed: return "removed";
  }
  return "unknown";
}

std::string_view name(PlanLine::State state) {
  switch (state) {
    case PlanLine::State::done: return "done";
    case PlanLine::State::needed: return "needed";
    case PlanLine::State::unknown: return "unknown";
  }
  return "unknown";
}

std::vector<std::string> outcome_lines(const delivery::Outcome& outcome, Duration took) {
  std::vector<std::string> out;
  size_t width = 4;
  size_t delivered = 0;
  for (const auto& host : outcome.hosts) {
    width = std::max(width, title(host).size());
    delivered += host.state == HostOutcome::State::done ? 1 : 0;
  }
  if (!outcome.hosts.empty())
    out.push_back(base::format("{:<{}}  {:<13}  {:<10}  {}", "host", width, "role", "state", "steps"));
  for (const auto& host : outcome.hosts) {
    std::string steps = host.applied == 0 && host.state == HostOutcome::State::done
                            ? std::string("nothing to do")
                            : base::format("{} applied, {} as they should be", host.applied, host.skipped);
    out.push_back(base::format("{:<{}}  {:<13}  {:<10}  {}", title(host), width, format::name(host.role),
                               name(host.state), steps));
    if (!host.reason.empty()) out.push_back(base::format("{:<{}}  why: {}", "", width, host.reason));
  }
  add_applications(outcome, out);
  for (const auto& note : outcome.notes) out.push_back("note: " + note);
  if (!outcome.error) out.push_back(closing(outcome, delivered) + base::format(" ({})", seconds(took)));
  return out;  // an error is printed separately, once
}

std::vector<std::string> plan_lines(const delivery::PlanOutcome& plan, bool all) {
  std::vector<std::string> out;
  size_t needed = 0, done = 0, unknown = 0;
  std::vector<std::string> hosts;
  for (const auto& line : plan.lines) {
    if (std::ranges::find(hosts, line.host) == hosts.end()) hosts.push_back(line.host);
    (line.state == PlanLine::State::done ? done : line.state == PlanLine::State::needed ? needed : unknown) += 1;
  }
  for (const auto& host : hosts) {
    out.push_back(host.empty() ? "the cluster:" : host + ":");
    size_t skipped = 0;
    for (const auto& line : plan.lines) {
      if (line.host != host) continue;
      if (line.state == PlanLine::State::done && !all) {
        ++skipped;
        continue;
      }
      std::string_view mark = line.state == PlanLine::State::done     ? "  = "
                              : line.state == PlanLine::State::needed ? "  + "
                                                                      : "  ? ";
      out.push_back(std::string(mark) + line.description);
    }
    if (skipped != 0)
      out.push_back(base::format("  = {} as it should be", base::counted(skipped, "step is", "steps are")));
  }
  for (const auto& note : plan.notes) out.push_back("note: " + note);
  std::string closing = base::format("{} to apply, {} as they should be", base::counted(needed, "step", "steps"), done);
  if (unknown != 0) closing += base::format(", {} that can't be known before", unknown);
  out.push_back(closing + "; nothing was changed");
  return out;
}

std::vector<std::string> status_lines(const std::vector<delivery::StatusLine>& status) {
  std::vector<std::string> out;
  size_t subject = 0, state = 0;
  for (const auto& line : status) {
    subject = std::max(subject, line.subject.size());
    state = std::max(state, line.state.size());
  }
  for (const auto& line : status) {
    out.push_back(base::format("{} {:<{}}  {:<{}}  {}",
                               !line.healthy ? '!'
                               : line.warns  ? '~'
                                             : ' ',
                               line.subject, subject, line.state, state, line.detail));
  }
  for (auto& line : out) line.erase(line.find_last_not_of(' ') + 1);
  return out;
}

std::vector<std::string> last_run_lines(const engine::JournalContents& journal) {
  std::vector<std::string> out;
  if (journal.runs.empty()) return out;
  const auto& run = journal.runs.back();
  std::string_view end = run.finish.empty() ? "did not come to its end" : std::string_view(run.finish);
  out.push_back(
      base::format("last run from this machine: {} of {}, {}: {}", run.command, run.artifact_name, run.time, end));
  for (const auto& step : run.steps) {
    if (step.status == "begun") out.push_back(base::format("  {}: {} was begun and has no end", step.host, step.step));
    if (step.status == "failed") out.push_back(base::format("  {}: {} failed: {}", step.host, step.step, step.error));
    if (step.status == "interrupted") out.push_back(base::format("  {}: {} was interrupted", step.host, step.step));
  }
  return out;
}

}  // namespace sealift::report
