// SPDX-License-Identifier: Apache-2.0
//
// What is on the hosts, beside what the ledgers and the artifacts' records say was delivered.
#include <algorithm>
#include <map>

#include "payload/base/format.h"
#include "runtime/inspection/gather.h"
#include "runtime/inspection/judge.h"
#include "runtime/kube/objects.h"

namespace sealift::inspection {
namespace {

constexpr size_t kMostFiles = 20;  // named, of one host

// Folds a ledger, entry after entry.
class Reader {
 public:
  void take(const host::Change& change) {
    std::visit([this](const auto& one) { take(one); }, change);
  }
  Delivered finish() && { return std::move(out_); }

 private:
  void take(const host::FileWritten& change) {
    if (change.path.starts_with("/run/")) return;
    if (change.written)
      out_.files[change.path] = *change.written;
    else
      out_.files.erase(change.path);
  }
  void take(const host::PathRemoved& change) { out_.files.erase(change.path); }
  void take(const host::PathRestored& change) { out_.files.erase(change.path); }
  void take(const host::SymlinkMade& change) { out_.files.erase(change.path); }
  void take(const host::DirectoryMade& change) { out_.files.erase(change.path); }
  void take(const host::TakenAway& change) {
    if (change.trace != host::Trace::Kind::path) return;
    out_.files.erase(change.name);
    std::erase_if(out_.files, [&](const auto& file) { return file.first.starts_with(change.name + "/"); });
  }
  void take(const host::UnitChanged& change) {
    if (change.unit.empty()) return;
    auto& unit = out_.units[change.unit];
    switch (change.action) {
      case host::UnitAction::enable: unit.enabled = true; break;
      case host::UnitAction::disable: unit.enabled = false; break;
      case host::UnitAction::start:
      case host::UnitAction::restart:
      case host::UnitAction::reload: unit.running = true; break;
      case host::UnitAction::stop: unit.running = false; break;
      case host::UnitAction::reload_daemon: break;
    }
  }
  void take(const auto&) {}  // nothing that stays as it was written

  Delivered out_;
};

void judge_files(const HostLook& host, Observations& out) {
  size_t differing = 0;
  for (const auto& file : host.answer->files) {
    const auto delivered = host.delivered.files.find(file.path);
    if (delivered == host.delivered.files.end() || file.digest == delivered->second) continue;
    if (++differing > kMostFiles) continue;
    out.warn("drift.files", host.name,
             base::format("{} {}", file.path,
                          !file.error.empty() ? "can't be read: " + file.error
                          : file.digest       ? std::string("differs from what was delivered")
                                              : std::string("was delivered and is gone")));
  }
  if (differing > kMostFiles)
    out.warn("drift.files", host.name, base::format("so do {} more files", differing - kMostFiles));
  if (differing == 0)
    out.ok("drift.files", host.name, base::format("{} files are as they were delivered", host.answer->files.size()));
}

// The units that every node needs are judged as such.
void judge_units(const HostLook& host, Observations& out) {
  size_t looked = 0;
  bool all_well = true;
  for (const auto& [name, wanted] : host.delivered.units) {
    const auto state = host.units.find(name);
    if (state == host.units.end() || std::ranges::contains(node_units(), name)) continue;
    ++looked;
    std::string what;
    if (wanted.enabled && !state->second.enabled) what = "is no longer enabled";
    // What has done its work and ended is "inactive", too; then it did not fail.
    if (wanted.running && state->second.active == "failed") what = "has failed";
    if (wanted.running && wanted.enabled && state->second.active == "inactive" && !name.ends_with(".service"))
      what = "no longer runs";
    if (what.empty()) continue;
    all_well = false;
    out.warn("drift.units", host.name, base::format("{} {}", name, what));
  }
  if (all_well && looked > 0)
    out.ok("drift.units", host.name, base::format("{} further units are as they were delivered", looked));
}

const host::ArtifactRecord* base_of(const ClusterLook& cluster) {
  const auto found = std::ranges::find(cluster.artifacts, true, &host::ArtifactRecord::is_base);
  return found == cluster.artifacts.end() ? nullptr : &*found;
}

bool is_of_kubernetes(std::string_view pod) {
  return pod.starts_with("kube-apiserver-") || pod.starts_with("kube-controller-manager-") ||
         pod.starts_with("kube-scheduler-");
}

void judge_versions(const ClusterLook& cluster, Observations& out) {
  const auto* base = base_of(cluster);
  if (base == nullptr || base->kubernetes.empty()) return;
  std::map<std::string, std::vector<std::string>> others;  // what differs, by node
  std::vector<std::string> nodes;
  for (const auto& node : kube::items(cluster.objects.nodes)) {
    const std::string name = kube::text(node, "metadata/name"),
                      has = kube::text(node, "status/nodeInfo/kubeletVersion");
    nodes.push_back(name);
    if (!has.empty() && has != base->kubernetes) others[name].push_back("its kubelet is " + has);
  }
  for (const auto& pod : cluster.pods) {
    if (pod.space != "kube-system" || pod.owner != "Node" || !is_of_kubernetes(pod.name)) continue;
    for (const auto& image : pod.images) {
      if (!image.ends_with(":" + base->kubernetes))
        others[pod.node].push_back(base::format("{} is {}", pod.name, image));
    }
  }
  for (const auto& name : nodes) {
    const auto found = others.find(name);
    if (found == others.end())
      out.ok("version.kubernetes", name, "has Kubernetes " + base->kubernetes);
    else
      out.warn("version.kubernetes", name,
               base::format("{}, and {} was delivered", some_of(found->second, 5), base->kubernetes));
  }
}

void judge_artifact(const ClusterLook& cluster, const Artifact& artifact, Observations& out) {
  if (cluster.artifacts.empty()) return;
  const auto found = std::ranges::find_if(cluster.artifacts, [&](const host::ArtifactRecord& record) {
    return artifact.makes_cluster ? record.is_base : !record.is_base && record.name == artifact.name;
  });
  if (found == cluster.artifacts.end())
    out.warn("version.artifact", artifact.title, "was not delivered to this cluster");
  else if (found->identity != artifact.identity)
    out.warn("version.artifact", artifact.title,
             base::format("the cluster has {} ({}), and this is another file", found->title(), found->identity.text()));
  else
    out.ok("version.artifact", artifact.title, "is what the cluster has recorded");
}

}  // namespace

Delivered delivered_of(const std::vector<host::LedgerEntry>& ledger) {
  Reader reader;
  for (const auto& entry : ledger) reader.take(entry.change);
  return std::move(reader).finish();
}

void judge_drift(const Look& look, const Wishes& wishes, Observations& out) {
  if (look.cluster) {
    judge_versions(*look.cluster, out);
    judge_artifact(*look.cluster, wishes.artifact, out);
  }
  for (const auto* host : telling(look)) {
    if (host->answer) judge_files(*host, out);
    judge_units(*host, out);
  }
}

}  // namespace sealift::inspection
