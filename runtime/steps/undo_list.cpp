// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/undo_list.h"

#include <algorithm>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/host/descriptions.h"
#include "runtime/steps/before_step.h"
#include "runtime/steps/cluster_traces.h"
#include "runtime/steps/registries.h"

namespace sealift::steps {
namespace {

using host::Trace;

// Takes the entries in their order.
class Reader {
 public:
  void take(const host::LedgerEntry& entry) {
    if (entry.step.starts_with(kResetSteps)) return;
    if (entry.step == kBeforeStepOfExisting) out_.keeps_cluster = true;
    step_ = &entry.step;
    std::visit([this](const auto& change) { take(change); }, entry.change);
  }
  UndoList finish() && {
    std::ranges::reverse(out_.paths);
    std::ranges::reverse(out_.units);
    std::ranges::reverse(out_.modules);
    std::ranges::reverse(out_.sysctls);
    return std::move(out_);
  }

 private:
  UndoList::Path& path(const std::string& path, const host::PathBefore& before) {
    const auto [found, is_new] = paths_.try_emplace(path, out_.paths.size());
    if (is_new) out_.paths.push_back({path, before, {}});
    return out_.paths[found->second];
  }
  void take(const host::FileWritten& change) { path(change.path, change.before).written = change.written; }
  void take(const host::DirectoryMade& change) {
    path(change.path, change.before);
    const bool is_cache =
        change.path.ends_with(kCacheFolder) || change.path.ends_with(kCacheFolder.substr(0, kCacheFolder.rfind('/')));
    if (*step_ == kRegistriesStep && is_cache && change.before.kind == host::PathBefore::Kind::absent &&
        seen_.insert("cache " + change.path).second)
      out_.caches.push_back(change.path);
  }
  void take(const host::SymlinkMade& change) { path(change.path, change.before).written.reset(); }
  void take(const host::PathRemoved& change) { path(change.path, change.before).written.reset(); }
  void take(const host::UnitChanged& change) {
    if (change.before && seen_.insert("unit " + change.unit).second)
      out_.units.push_back({change.unit, *change.before});
  }
  void take(const host::ModuleLoaded& change) {
    if (seen_.insert("module " + change.module).second && !change.loaded_before) out_.modules.push_back(change.module);
  }
  void take(const host::SysctlSet& change) {
    if (seen_.insert("sysctl " + change.key).second && change.before)
      out_.sysctls.emplace_back(change.key, *change.before);
  }
  void take(const host::PayloadStored& change) {
    if (seen_.insert("payload " + change.path).second) out_.payloads.push_back(change.path);
    // Removed with its folder, and never put back, though a later version may have removed it.
    paths_.try_emplace(change.path, out_.paths.size());
    if (paths_.at(change.path) == out_.paths.size()) out_.paths.push_back({change.path, {}, {}});
  }
  void take(const host::Begun&) { out_.completed.erase(*step_); }
  void take(const host::Completed&) { out_.completed.insert(*step_); }
  void take(const auto&) {}  // programs: what they made is found by its name (cluster_traces.h)

  UndoList out_;
  std::map<std::string, size_t> paths_;
  std::set<std::string> seen_;
  const std::string* step_ = nullptr;
};

constexpr std::string_view kIsGone = "is gone";

std::string line(const Trace& trace, std::string_view what) {
  return base::format("{} {} {}", host::names<Trace::Kind>[static_cast<size_t>(trace.kind)],
                      base::printable(trace.name, 300), what);
}

// A path that the delivery changed and that is not as before. What somebody else has written there since stays, as a
// folder does that holds something of theirs.
bool is_as_delivered(const Trace& now, const UndoList& undo) {
  const auto* path = undo.find(now.name);
  if (path == nullptr || now.value.starts_with("folder ")) return false;
  return !path->written || !now.value.contains("sha256:") || now.value.contains(path->written->text());
}

// What the programs of a cluster made is somebody else's where the cluster is.
bool is_of_our_cluster(const Trace& trace, const UndoList& undo) {
  return !undo.keeps_cluster && is_of_a_cluster(trace);
}

bool is_ours(const Trace& trace, const UndoList& undo) {
  switch (trace.kind) {
    case Trace::Kind::path:
      return is_of_our_cluster(trace, undo) || trace.name.contains("sealift") || is_as_delivered(trace, undo);
    case Trace::Kind::unit:
      return trace.name.starts_with("sealift-") || std::ranges::contains(undo.units, trace.name, &UndoList::Unit::name);
    case Trace::Kind::module: return std::ranges::contains(undo.modules, trace.name);
    case Trace::Kind::sysctl:
      return is_of_our_cluster(trace, undo) ||
             std::ranges::any_of(undo.sysctls, [&](const auto& sysctl) { return sysctl.first == trace.name; });
    case Trace::Kind::process: return undo.find(trace.name) != nullptr;
    default: return is_of_our_cluster(trace, undo);
  }
}

// Programs come and go, and what a kernel can do grows as it is used; both say nothing about a delivery unless they
// are its own. So do the pods of a cluster that goes on.
bool says_something(const Trace& trace, const UndoList& undo) {
  if (undo.keeps_cluster && is_of_a_cluster(trace)) return false;
  return trace.kind != Trace::Kind::process && trace.kind != Trace::Kind::module;
}

}  // namespace

const UndoList::Path* UndoList::find(std::string_view path) const {
  const auto found = std::ranges::find(paths, path, &Path::path);
  return found == paths.end() ? nullptr : &*found;
}

UndoList undo_list(const std::vector<host::LedgerEntry>& ledger) {
  Reader reader;
  for (const auto& entry : ledger) reader.take(entry);
  return std::move(reader).finish();
}

Differences compare(const host::Footprint& before, const host::Footprint& now, const UndoList& undo) {
  Differences out;
  const auto tell = [&](const Trace& trace, std::string_view what) {
    const bool is_lost = what == kIsGone && trace.kind == Trace::Kind::path && undo.find(trace.name) != nullptr;
    if (is_lost || is_ours(trace, undo))
      out.left.push_back(line(trace, what));
    else if (says_something(trace, undo))
      out.others.push_back(line(trace, what));
  };
  const auto key = [](const Trace& trace) { return std::pair(trace.kind, std::string_view(trace.name)); };
  auto was = before.begin();
  auto is = now.begin();
  while (was != before.end() || is != now.end()) {
    if (is == now.end() || (was != before.end() && key(*was) < key(*is))) {
      tell(*was++, kIsGone);
    } else if (was == before.end() || key(*is) < key(*was)) {
      tell(*is++, "is there");
    } else {
      if (was->value != is->value) tell(*is, base::format("was \"{}\" and is \"{}\"", was->value, is->value));
      ++was;
      ++is;
    }
  }
  return out;
}

}  // namespace sealift::steps
