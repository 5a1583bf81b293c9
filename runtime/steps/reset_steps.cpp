// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/reset_steps.h"

#include <algorithm>
#include <array>
#include <ranges>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/host/descriptions.h"
#include "runtime/steps/before_step.h"
#include "runtime/steps/model.h"
#include "runtime/steps/units.h"

namespace sealift::steps {
namespace {

using Action = host::UnitAction;
using host::Trace;

constexpr size_t kMostDifferences = 50;  // told to people

void warn(engine::StepContext& context, const std::string& text) {
  base::tell(context.events, Level::warning, text, context.host_name);
}

// In the order in which they must go: processes use mounts, and the chains of whole tables need no way of their own.
constexpr auto kInOrder = std::to_array<Trace::Kind>({Trace::Kind::cgroup, Trace::Kind::process, Trace::Kind::mount,
                                                      Trace::Kind::link, Trace::Kind::table, Trace::Kind::chain});

bool is_to_be_taken(const Trace& trace, const ToUndo& undo) {
  if (undo.before && undo.before->has(trace.kind, trace.name)) return false;
  if (trace.kind != Trace::Kind::process) return !undo.list.keeps_cluster && is_of_a_cluster(trace);
  const auto* program = undo.list.find(trace.name);
  return program != nullptr && program->before.kind == host::PathBefore::Kind::absent;
}

// Deepest first.
std::vector<Trace> to_be_taken(const host::Footprint& now, const ToUndo& undo, Trace::Kind kind) {
  std::vector<Trace> out;
  std::ranges::copy_if(now, std::back_inserter(out),
                       [&](const Trace& trace) { return trace.kind == kind && is_to_be_taken(trace, undo); });
  std::ranges::reverse(out);
  return out;
}

// `now`: a footprint of this host; what has gone since then is as good as taken.
Result<void> take_all(engine::StepContext& context, const host::Footprint& now, const ToUndo& undo, Trace::Kind kind,
                      const host::Reason& reason) {
  for (const auto& trace : to_be_taken(now, undo, kind)) {
    SEALIFT_TRY(context.cancel.check());
    SEALIFT_TRY(context.host.take_away(kind, trace.name, reason));
    // systemd's own idea of a group of pods, which has no processes any more.
    if (kind == Trace::Kind::cgroup && trace.name.ends_with(".slice")) {
      const std::string slice = trace.name.substr(trace.name.rfind('/') + 1);
      SEALIFT_ASSIGN(const auto state, context.host.unit(slice));
      if (is_at_work(state)) SEALIFT_TRY(context.host.unit_action(slice, Action::stop, reason));
    }
  }
  return {};
}

// Whether a folder belongs to the cluster with all it holds.
bool was_absent(const std::string& tree, const ToUndo& undo) {
  if (undo.before) return !undo.before->has(Trace::Kind::path, tree);
  const auto* made = undo.list.find(tree);
  if (made != nullptr) return made->before.kind == host::PathBefore::Kind::absent;
  // Without a footprint: the delivery made each folder that it needed, so one in which it wrote was there.
  return std::ranges::none_of(undo.list.paths,
                              [&](const UndoList::Path& path) { return path.path.starts_with(tree + "/"); });
}

// Whether a footprint has everything below a folder; of others it has the direct entries only (Host::footprint).
bool is_known_below(std::string_view folder) {
  return folder.starts_with("/etc/") || folder.starts_with("/opt/") || folder.starts_with("/usr/");
}

Result<void> take_tree(engine::StepContext& context, const std::string& tree, const ToUndo& undo,
                       const host::Reason& reason) {
  SEALIFT_ASSIGN(const auto there, context.host.stat(tree));
  if (!there) return {};
  if (was_absent(tree, undo)) return context.host.take_away(Trace::Kind::path, tree, reason);
  if (!undo.before || there->type != host::FileType::directory) return {};
  SEALIFT_ASSIGN(const auto names, context.host.list(tree));
  for (const auto& name : names) {
    const std::string path = tree + "/" + name;
    if (!undo.before->has(Trace::Kind::path, path))
      SEALIFT_TRY(context.host.take_away(Trace::Kind::path, path, reason));
    else if (is_known_below(path))
      SEALIFT_TRY(take_tree(context, path, undo, reason));
  }
  return {};
}

Result<void> set_back(engine::StepContext& context, const std::string& key, const std::string& value,
                      const host::Reason& reason) {
  SEALIFT_ASSIGN(const auto now, context.host.sysctl(key));
  if (!now || base::trim(*now) == base::trim(value)) return {};
  const auto set = context.host.set_sysctl(key, value, reason);
  if (set || set.error().code == ErrorCode::unreachable) return set;
  warn(context,
       base::format("{} is \"{}\" and could not be set back to \"{}\": {}", key, *now, value, set.error().text()));
  return {};
}

Result<void> restore_sysctls(engine::StepContext& context, const ToUndo& undo, const host::Reason& reason) {
  for (const auto& [key, value] : undo.list.sysctls) SEALIFT_TRY(set_back(context, key, value, reason));
  if (!undo.before || undo.list.keeps_cluster) return {};
  SEALIFT_ASSIGN(const auto now, context.host.footprint());
  for (const auto& trace : now) {
    if (trace.kind != Trace::Kind::sysctl || !is_of_a_cluster(trace)) continue;
    if (const auto* was = undo.before->find(trace.kind, trace.name); was != nullptr)
      SEALIFT_TRY(set_back(context, trace.name, was->value, reason));
  }
  return {};
}

bool goes_at_the_end(std::string_view path) {
  for (const auto folder : {kLedgerFolder, kProgramDirectory, std::string_view("/var/lib/sealift")}) {
    if (path == folder || (path.starts_with(folder) && path[folder.size()] == '/')) return true;
  }
  return false;
}

Result<void> restore_paths(engine::StepContext& context, const ToUndo& undo, const host::Reason& reason) {
  for (const auto& path : undo.list.paths) {
    SEALIFT_TRY(context.cancel.check());
    if (goes_at_the_end(path.path)) continue;
    auto restored = context.host.restore(path.path, path.before, path.written, reason);
    if (!restored) return fail_while(std::move(restored).error(), "putting back " + path.path);
    switch (*restored) {
      case host::Restored::as_before: break;
      case host::Restored::changed_since:
        warn(context, path.path + " stays: somebody has changed it since it was delivered");
        break;
      case host::Restored::not_empty:
        warn(context, path.path + " stays: it holds something that was not delivered");
        break;
      case host::Restored::not_kept:
        warn(context, path.path + " stays as it is: what was there before the delivery was not kept");
        break;
    }
  }
  return {};
}

Result<void> unload_modules(engine::StepContext& context, const ToUndo& undo, const host::Reason& reason) {
  for (const auto& module : undo.list.modules) {
    const auto taken = context.host.take_away(Trace::Kind::module, module, reason);
    if (taken) continue;
    if (taken.error().code != ErrorCode::busy) return taken;
    base::tell(context.events, Level::info, base::format("the kernel module {} stays, it is in use", module),
               context.host_name);
  }
  return {};
}

// What a killed network plugin leaves of its pods, in a folder that is also for others; and such folders.
Result<void> take_from_shared_folders(engine::StepContext& context, const ToUndo& undo, const host::Reason& reason) {
  const std::string folder = "/run/netns";
  SEALIFT_ASSIGN(const auto names, context.host.list(folder));
  for (const auto& name : names) {
    if (name.starts_with("cni-")) SEALIFT_TRY(context.host.take_away(Trace::Kind::path, folder + "/" + name, reason));
  }
  if (!undo.before) return {};
  for (const auto& path : cluster_folders()) {
    if (!undo.before->has(Trace::Kind::path, path)) SEALIFT_TRY(context.host.restore(path, {}, {}, reason));
  }
  return {};
}

// systemd remembers that a unit failed, also without its file.
Result<void> forget_failures(engine::StepContext& context, const UndoList& list, const host::Reason& reason) {
  for (const auto& unit : list.units) {
    SEALIFT_ASSIGN(const auto state, context.host.unit(unit.name));
    if (state.loaded || state.active != "failed") continue;
    const base::Command command{{"systemctl", "reset-failed", "--", unit.name}, {}, "/", Duration{30'000}};
    SEALIFT_TRY(context.host.run(command, {}, reason, context.cancel));
  }
  return {};
}

Result<void> start_again(engine::StepContext& context, const ToUndo& undo, const host::Reason& reason) {
  SEALIFT_TRY(context.host.unit_action("", Action::reload_daemon, reason));
  SEALIFT_TRY(forget_failures(context, undo.list, reason));
  for (const auto& unit : undo.list.units) {
    SEALIFT_ASSIGN(const auto state, context.host.unit(unit.name));
    if (!state.loaded) continue;
    if (unit.before.enabled && !state.enabled) SEALIFT_TRY(context.host.unit_action(unit.name, Action::enable, reason));
    if (unit.before.active == "active") SEALIFT_TRY(context.host.unit_action(unit.name, Action::restart, reason));
  }
  return {};
}

// Units that were not asked for by name, too: what a socket started, and jobs.
Result<std::vector<std::string>> own_units(host::HostView& host) {
  SEALIFT_ASSIGN(const auto now, host.footprint());
  std::vector<std::string> out;
  for (const auto& trace : now) {
    if (trace.kind == Trace::Kind::unit && trace.name.starts_with("sealift-")) out.push_back(trace.name);
  }
  return out;
}

std::string shown(const std::vector<std::string>& lines) {
  std::string out;
  for (const auto& line : lines | std::views::take(kMostDifferences)) out += "\n  " + line;
  if (lines.size() > kMostDifferences) out += base::format("\n  and {} more", lines.size() - kMostDifferences);
  return out;
}

}  // namespace

Result<ToUndo> read_to_undo(host::HostView& host) {
  SEALIFT_ASSIGN(const auto ledger, host.ledger());
  SEALIFT_ASSIGN(auto before, read_before(host));
  ToUndo out{undo_list(ledger), {}};
  if (before) out.before.emplace(std::move(*before));
  return out;
}

ResetStep::ResetStep(const engine::StepId& id, std::string description)
    : BasicStep(id, std::move(description), digest_of({id})) {}

Result<engine::StepState> ResetStep::check(const engine::LookContext& context) {
  SEALIFT_ASSIGN(const bool worked_on, context.host.worked_on());
  SEALIFT_ASSIGN(const auto ended, context.host.recorded(std::string(kResetEnd)));
  return worked_on && !ended ? engine::StepState::needed : engine::StepState::done;
}

StopStep::StopStep(std::vector<engine::StepId> kept)
    : ResetStep("reset.stop", "stop the services that were started on this host"), kept_(std::move(kept)) {}

Result<void> StopStep::apply(engine::StepContext& context) {
  SEALIFT_ASSIGN(const auto undo, read_to_undo(context.host));
  for (const auto& step : undo.list.completed) {
    if (step == kBeforeStep || step == kBeforeStepOfExisting) continue;  // what the host had stays true
    if (std::ranges::contains(kept_, step)) continue;
    SEALIFT_TRY(context.host.begin({step, {}}));
  }
  std::vector<UndoList::Unit> units = undo.list.units;
  SEALIFT_ASSIGN(const auto own, own_units(context.host));
  for (const auto& name : own) {
    if (!std::ranges::contains(units, name, &UndoList::Unit::name)) units.push_back({name, {}});
  }
  // Sockets and timers first: they would start their services again.
  std::ranges::stable_partition(units, [](const UndoList::Unit& unit) { return !unit.name.ends_with(".service"); });
  for (const auto& unit : units) {
    SEALIFT_TRY(context.cancel.check());
    if (unit.before.active == "active") continue;
    SEALIFT_ASSIGN(const auto state, context.host.unit(unit.name));
    if (is_at_work(state)) SEALIFT_TRY(context.host.unit_action(unit.name, Action::stop, reason()));
    if (state.loaded && state.enabled && !unit.before.enabled)
      SEALIFT_TRY(context.host.unit_action(unit.name, Action::disable, reason()));
  }
  return {};
}

ClusterTracesStep::ClusterTracesStep()
    : ResetStep("reset.cluster",
                "take away containers, mounts, network interfaces and packet rules of a cluster that was made here") {}

Result<void> ClusterTracesStep::apply(engine::StepContext& context) {
  SEALIFT_ASSIGN(const auto undo, read_to_undo(context.host));
  SEALIFT_ASSIGN(const auto now, context.host.footprint());
  for (const auto kind : kInOrder) SEALIFT_TRY(take_all(context, now, undo, kind, reason()));
  // Tables of iptables are empty, and the cluster's, only once its chains have gone.
  SEALIFT_ASSIGN(const auto later, context.host.footprint());
  return take_all(context, later, undo, Trace::Kind::table, reason());
}

RestoreStep::RestoreStep() : ResetStep("reset.restore", "put files and kernel settings back") {}

Result<void> RestoreStep::apply(engine::StepContext& context) {
  SEALIFT_ASSIGN(const auto undo, read_to_undo(context.host));
  const bool keeps = undo.list.keeps_cluster;
  for (const auto& tree : keeps ? own_trees() : cluster_trees()) SEALIFT_TRY(take_tree(context, tree, undo, reason()));
  if (!keeps) SEALIFT_TRY(take_from_shared_folders(context, undo, reason()));
  for (const auto& payload : undo.list.payloads)
    SEALIFT_TRY(context.host.take_away(Trace::Kind::path, payload.substr(0, payload.rfind('/')), reason()));
  for (const auto& cache : undo.list.caches) SEALIFT_TRY(context.host.take_away(Trace::Kind::path, cache, reason()));
  SEALIFT_TRY(restore_paths(context, undo, reason()));
  SEALIFT_TRY(restore_sysctls(context, undo, reason()));
  SEALIFT_TRY(unload_modules(context, undo, reason()));
  return start_again(context, undo, reason());
}

EndStep::EndStep(std::string data_root, bool verify)
    : ResetStep(std::string(kResetEnd), "compare the host with what it was, and leave it"),
      data_root_(std::move(data_root)),
      verify_(verify) {}

Result<engine::StepState> EndStep::check(const engine::LookContext& context) {
  return context.host.worked_on().transform(
      [](bool worked_on) { return worked_on ? engine::StepState::needed : engine::StepState::done; });
}

Result<void> EndStep::compare_with_before(engine::StepContext& context) const {
  SEALIFT_ASSIGN(const auto undo, read_to_undo(context.host));
  if (!undo.before) {
    warn(
        context,
        "what this host was before its first delivery was not noted by the version that made it: it can't be compared");
    return {};
  }
  SEALIFT_ASSIGN(const auto now, context.host.footprint());
  const auto differences = compare(undo.before->all(), now, undo.list);
  if (!differences.others.empty())
    base::tell(context.events, Level::info,
               "changed by others since the delivery, and left as it is:" + shown(differences.others),
               context.host_name);
  if (differences.left.empty()) return {};
  const std::string text = "not as before the delivery:" + shown(differences.left);
  if (verify_) return fail(ErrorCode::unhealthy, "{}", text);
  warn(context, text);
  return {};
}

Result<void> EndStep::apply(engine::StepContext& context) {
  if (!context.succeeded_with) {
    SEALIFT_TRY(compare_with_before(context));
    SEALIFT_TRY(context.host.sync({"/", "/var/lib", data_root_}, reason()));
  }
  // Recorded again: until the ledger has gone, this tells that nothing is left to be undone.
  SEALIFT_TRY(context.host.record(reason()));
  SEALIFT_ASSIGN(const auto names, context.host.list(data_root_));
  for (const auto& name : names) {
    if (name.starts_with("agent-"))
      SEALIFT_TRY(context.host.take_away(Trace::Kind::path, data_root_ + "/" + name, reason()));
  }
  for (const std::string path : {"/opt/sealift", "/usr/local/lib/sealift", "/run/sealift"})
    SEALIFT_TRY(context.host.take_away(Trace::Kind::path, path, reason()));
  return context.host.forget(reason());
}

}  // namespace sealift::steps
