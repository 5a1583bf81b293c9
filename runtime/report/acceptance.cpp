// SPDX-License-Identifier: Apache-2.0
#include "runtime/report/acceptance.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "payload/base/count.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/base/version.h"
#include "runtime/checks/all_checks.h"
#include "runtime/inspection/catalog.h"
#include "runtime/kube/objects.h"
#include "runtime/steps/cluster_apps.h"
#include "runtime/steps/model.h"

namespace sealift::report {
namespace {

using Standing = Acceptance::Standing;
using inspection::Verdict;

constexpr std::string_view kHookSteps = "hook.";

// Of to_iso8601()'s texts; nothing for any other.
std::optional<WallTime> time_of(std::string_view text) {
  if (text.size() != std::string_view("2026-01-31T12:00:00.123Z").size()) return std::nullopt;
  const auto number = [&](size_t at, size_t digits) {
    int out = 0;
    std::from_chars(text.data() + at, text.data() + at + digits, out);
    return out;
  };
  using namespace std::chrono;
  const year_month_day day{year(number(0, 4)), month(static_cast<unsigned>(number(5, 2))),
                           std::chrono::day(static_cast<unsigned>(number(8, 2)))};
  if (!day.ok()) return std::nullopt;
  return WallTime(sys_days(day)) + hours(number(11, 2)) + minutes(number(14, 2)) + seconds(number(17, 2)) +
         milliseconds(number(20, 3));
}

Standing standing_of(const inspection::Observation& one, const Waivers& waivers) {
  if (one.verdict == Verdict::ok) return Standing::ok;
  if (waiver_of(one, waivers) != waivers.end()) return Standing::waived;
  return one.verdict == Verdict::warn ? Standing::warn : Standing::fail;
}

void add_checks(const AcceptanceInput& input, Acceptance& out) {
  for (const auto& [id, reason] : input.waivers) out.waivers.push_back({id, reason, 0});
  for (const auto& one : input.found) {
    auto& check =
        out.checks.emplace_back(Acceptance::Check{one.id, one.subject, inspection::without_last_lines(one.evidence),
                                                  one.remedy, standing_of(one, input.waivers)});
    if (check.standing != Standing::waived) continue;
    const auto waiver = std::ranges::find(out.waivers, waiver_of(one, input.waivers)->first, &Acceptance::Waiver::id);
    check.reason = waiver->reason;
    ++waiver->findings;
  }
  constexpr auto rank = [](const Acceptance::Check& check) {
    switch (check.standing) {
      case Standing::fail: return 0;
      case Standing::warn: return 1;
      case Standing::waived: return 2;
      default: return 3;
    }
  };
  std::ranges::stable_sort(out.checks, {}, rank);
}

using Worst = std::map<std::string, Standing>;

// By subject; of applications only what is said of them as such: a node may have an application's name.
Worst worst_of(const std::vector<Acceptance::Check>& checks, bool of_apps) {
  Worst out;
  for (const auto& check : checks) {
    if (check.id.starts_with(steps::kAppSteps) != of_apps) continue;
    auto& there = out[check.subject];
    there = std::max(there, check.standing);
  }
  return out;
}

Standing at(const Worst& worst, const std::string& subject) {
  const auto there = worst.find(subject);
  return there == worst.end() ? Standing::unknown : there->second;
}

Acceptance::Run run_of(const engine::JournalRun& run) {
  Acceptance::Run out{run.number, run.time, run.command, run.artifact_name, run.artifact, run.config, run.finish, {}};
  const auto began = time_of(run.time), ended = time_of(run.finish_time);
  if (began && ended && *began <= *ended) out.took_ms = static_cast<uint64_t>((*ended - *began).count());
  return out;
}

void add_journal(const AcceptanceInput& input, Acceptance& out) {
  auto& to = out.journal;
  if (!input.journal) {
    to.trouble = input.journal.error().text();
    return;
  }
  if (input.journal->digest) to.digest = input.journal->digest->text();
  if (input.journal->runs.empty()) {
    to.trouble =
        "this machine has no journal of the cluster: it was delivered from another one, or with another --state";
    return;
  }
  const engine::JournalRun* last = nullptr;
  for (const auto& run : input.journal->runs) {
    to.runs.push_back(run_of(run));
    if (run.command == "apply" || run.command == "join") last = &run;
  }
  if (last == nullptr) {
    to.trouble = "the journal of this machine has no delivery";
    return;
  }
  to.delivery = run_of(*last);
  for (const auto& step : last->steps) {
    // The lines that a site's program has printed are part of its error.
    const bool is_hook = step.step.starts_with(kHookSteps) && !step.error.empty();
    to.steps.push_back({step.host, step.step, step.status,
                        is_hook ? "failed; the journal has what it printed" : step.error, step.took_ms});
  }
}

std::string node_text(const json::Value* node, const std::string& field) {
  return node == nullptr ? std::string() : kube::text(*node, "status/nodeInfo/" + field);
}

Acceptance::Host host_of(const inspection::HostLook& look, const AcceptanceInput& input) {
  Acceptance::Host out{.name = look.name.empty() ? look.config.name.value_or(look.config.address) : look.name,
                       .address = look.config.address,
                       .role = std::string(format::name(look.config.role))};
  const json::Value* node = nullptr;
  if (input.look->cluster) {
    for (const auto& one : kube::items(input.look->cluster->objects.nodes)) {
      if (kube::text(one, "metadata/name") == out.name) node = &one;
    }
  }
  out.system = node_text(node, "osImage");
  out.kernel = node_text(node, "kernelVersion");
  out.runtime = node_text(node, "containerRuntimeVersion");
  out.kubelet = node_text(node, "kubeletVersion");
  out.architecture = node_text(node, "architecture");
  if (look.away) {
    out.away = look.away->text();
    return out;
  }
  out.architecture = base::name(look.facts.architecture);
  out.cpus = look.facts.cpus;
  out.memory_bytes = look.facts.memory_bytes;
  return out;
}

void add_hosts(const AcceptanceInput& input, Acceptance& out) {
  if (input.look != nullptr) {
    for (const auto& look : input.look->hosts) out.hosts.push_back(host_of(look, input));
  } else {
    for (const auto& config : input.config.hosts)
      out.hosts.push_back({.name = config.name.value_or(config.address),
                           .address = config.address,
                           .role = std::string(format::name(config.role))});
  }
  std::map<std::string, Acceptance::Host*> by_name;
  const auto worst = worst_of(out.checks, false);
  for (auto& host : out.hosts) {
    host.standing = at(worst, host.name);
    by_name[host.name] = &host;
  }
  for (const auto& step : out.journal.steps) {
    const auto host = by_name.find(step.host);
    if (host == by_name.end()) continue;  // it has left cluster.yaml since
    auto& sum = step.status == "done"      ? host->second->done
                : step.status == "skipped" ? host->second->skipped
                                           : host->second->not_done;
    ++sum;
    host->second->took_ms += step.took_ms;
  }
}

Result<void> add_applications(const AcceptanceInput& input, Acceptance& out) {
  SEALIFT_ASSIGN(const auto selected,
                 steps::select_apps(input.contents, input.config, [](const std::string&) { return true; }));
  const auto worst = worst_of(out.checks, true);
  for (const auto& app : input.contents.apps) {
    auto& one = out.applications.emplace_back(Acceptance::Application{.name = app.name,
                                                                      .kind = std::string(format::name(app.kind)),
                                                                      .version = app.version,
                                                                      .target_namespace = app.default_namespace(),
                                                                      .release = {},
                                                                      .is_network = app.is_network});
    const auto wanted = std::ranges::find(selected, &app, &steps::SelectedApp::app);
    if (wanted != selected.end()) {
      one.is_wanted = true;
      one.target_namespace = wanted->target_namespace;
      if (app.kind == format::AppKind::helm) one.release = wanted->release;
      one.standing = at(worst, app.name);
    }
    for (const auto& step : out.journal.steps) {
      if (step.step != std::string(steps::kAppSteps) + app.name) continue;
      one.status = step.status;
      one.took_ms = step.took_ms;
    }
  }
  return {};
}

void add_images(const format::Contents& contents, Acceptance& out) {
  for (const auto& image : contents.images) {
    std::vector<std::string> platforms;
    for (const auto& platform : image.platforms) platforms.emplace_back(base::name(platform.architecture));
    out.images.push_back({image.name, image.root.digest.text(), base::join(platforms, ", ")});
  }
}

void add_artifact(const AcceptanceInput& input, Acceptance& out) {
  const auto& contents = input.contents;
  out.artifact = {contents.name, contents.version, input.identity, contents.created_by, {}, input.payload_bytes};
  if (input.look == nullptr || !input.look->cluster) return;
  for (const auto& record : input.look->cluster->artifacts) {
    if (record.is_base) out.artifact.kubernetes = record.kubernetes;
  }
}

}  // namespace

std::string_view name(Standing standing) {
  switch (standing) {
    case Standing::unknown: return "";
    case Standing::ok: return "ok";
    case Standing::waived: return "waived";
    case Standing::warn: return "warn";
    case Standing::fail: return "fail";
  }
  return "";
}

size_t Acceptance::count(Standing standing) const {
  return static_cast<size_t>(std::ranges::count(checks, standing, &Check::standing));
}

Result<Acceptance> make_acceptance(const AcceptanceInput& input) {
  Acceptance out;
  out.title = input.title;
  out.cluster = input.config.name;
  out.at = base::to_iso8601(input.now);
  out.by = input.by;
  out.with = base::format("sealift {}", base::kVersion);
  out.took_ms = static_cast<uint64_t>(input.took.count());
  out.is_delivered = input.look != nullptr;
  out.config = input.config.kept;
  add_artifact(input, out);
  add_images(input.contents, out);
  add_checks(input, out);
  add_journal(input, out);
  add_hosts(input, out);
  SEALIFT_TRY(add_applications(input, out));
  if (input.history)
    out.history = *input.history;
  else
    out.no_history = input.history.error().text();
  return out;
}

std::string verdict_sentence(const Acceptance& report) {
  const size_t failed = report.count(Standing::fail), warnings = report.count(Standing::warn),
               waived = report.count(Standing::waived);
  const auto checks = base::counted(report.checks.size(), "check", "checks");
  std::string out;
  if (!report.is_delivered)
    out = failed == 0
              ? base::format("No cluster is there yet; nothing stands in the way of its delivery ({})", checks)
              : base::format("No cluster is there yet; {} of {} stand in the way of its delivery", failed, checks);
  else
    out = failed == 0 ? base::format("The cluster is as it should be: none of {} failed", checks)
                      : base::format("The cluster is not as it should be: {} of {} failed", failed, checks);
  if (warnings != 0) out += base::format(", {}", base::counted(warnings, "warning", "warnings"));
  if (waived != 0) out += base::format(", {}", base::counted(waived, "finding waived", "findings waived"));
  return out + ".";
}

std::string to_junit(const Acceptance& report) {
  Observations found;
  for (const auto& check : report.checks) {
    const auto verdict = check.standing == Standing::ok     ? Verdict::ok
                         : check.standing == Standing::warn ? Verdict::warn
                                                            : Verdict::fail;
    found.push_back({check.id, check.subject, verdict, check.evidence, check.remedy});
  }
  Waivers waivers;
  for (const auto& waiver : report.waivers) waivers[waiver.id] = waiver.reason;
  return to_junit(found, report.cluster, time_of(report.at).value_or(WallTime{}), Duration(report.took_ms), waivers);
}

Result<AcceptanceFormat> acceptance_format(std::string_view path) {
  const auto lower = base::to_lower(path);
  if (lower.ends_with(".html")) return AcceptanceFormat::html;
  if (lower.ends_with(".json")) return AcceptanceFormat::json;
  if (lower.ends_with(".xml")) return AcceptanceFormat::junit;
  return fail(ErrorCode::usage, "{}: the report's format is told by the file's ending: .html, .json or .xml (JUnit)",
              base::printable(path));
}

Result<std::pair<std::string, std::string>> parse_waiver(std::string_view text) {
  const size_t equals = text.find('=');
  const auto whose = base::trim(text.substr(0, equals));
  const size_t at = whose.find('@');
  const auto id = whose.substr(0, at);
  const auto reason = equals == std::string_view::npos ? std::string_view() : base::trim(text.substr(equals + 1));
  if (id.empty() || reason.empty() || whose.ends_with('@'))
    return fail(
        ErrorCode::usage,
        "--waive {} is not of the form ID[@SUBJECT]=REASON, such as disk.space=\"a larger disk is ordered\" or disk.space@w1=\"…\"",
        base::printable(text));
  std::set<std::string_view> known{"site"};
  for (const auto& theme : inspection::catalog()) {
    for (const auto& check : theme.checks) known.insert(check.id);
  }
  for (const auto& theme : checks::catalog()) {
    for (const auto& check : theme.checks) known.insert(check.id);
  }
  if (known.contains(id)) return std::pair(std::string(whose), std::string(reason));
  const std::vector<std::string_view> ids(known.begin(), known.end());
  const auto near = base::nearest(id, ids);
  return fail(ErrorCode::usage, "--waive: no check has the id {}{}; `check` prints the ids of what it finds",
              base::printable(id), near ? base::format(", did you mean {}?", *near) : std::string());
}

}  // namespace sealift::report
