// SPDX-License-Identifier: Apache-2.0
//
// A delivery to be accepted, written down as values: three control planes, five workers, forty applications; a few
// things that are not well, one of them waived.
#pragma once

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "payload/base/format.h"
#include "runtime/report/acceptance.h"

namespace sealift::tests {

struct AnAcceptance {
  format::Contents contents;
  config::ClusterConfig config;
  inspection::Look look;
  report::Observations found;
  report::Waivers waivers{{"etcd.fsync", "the SSDs of the control planes come on 12 December (order 4711)"},
                          {"disk.forecast", "logs are rotated from next week on"}};
  engine::JournalContents journal;
  std::vector<steps::HistoryEntry> history;

  AnAcceptance() {
    contents.name = "erp";
    contents.version = "3.4.1";
    contents.base_document = "base.yaml";
    contents.created_by = "sealift 0.1.0";
    config.name = "plant7";
    config.kept =
        "apiVersion: sealift.dev/v1\nkind: Cluster\nmetadata: {name: plant7}\nspec:\n  ssh: {user: ops, "
        "password: {env: OPS_PASSWORD}}\n---\nkind: Application\nmetadata: {name: app-07}\nspec:\n  values:\n"
        "    replicas: 3\n    db: {user: erp, password: (not kept)}\n";
    auto& cluster = look.cluster.emplace();
    cluster.artifacts.push_back({.name = "erp", .version = "3.4.1", .is_base = true, .kubernetes = "v1.34.4"});
    json::Value nodes = json::Value::array();
    for (int i = 1; i <= 3; ++i) add_host(base::format("cp{}", i), 10 + i, format::HostRole::control_plane, nodes);
    for (int i = 1; i <= 5; ++i) add_host(base::format("w{}", i), 20 + i, format::HostRole::worker, nodes);
    cluster.objects.nodes = json::Value::object();
    cluster.objects.nodes.set("items", std::move(nodes));
    look.hosts.back().away = Error{ErrorCode::unreachable, "10.7.0.25:22: no route to host", {}};
    contents.apps.push_back({.name = "calico",
                             .kind = format::AppKind::manifests,
                             .is_network = true,
                             .root = "apps/calico",
                             .target_namespace = "kube-system"});
    std::vector<std::string> names;
    for (int i = 1; i <= 40; ++i) {
      names.push_back(base::format("app-{:02}", i));
      contents.apps.push_back({.name = names.back(),
                               .kind = i % 4 == 0 ? format::AppKind::manifests : format::AppKind::helm,
                               .root = "apps/" + names.back(),
                               .version = i % 4 == 0 ? "" : base::format("{}.{}.0", 1 + i % 3, i),
                               .target_namespace = i < 20 ? "erp" : "plant-floor"});
      add_image(base::format("registry.example.com/erp/{}:{}.{}.0", names.back(), 1 + i % 3, i));
    }
    add_image("registry.k8s.io/kube-apiserver:v1.34.4");
    names.pop_back();  // the last is packed, and not wanted
    config.apps = names;
    add_journal(names);
    add_findings(names);
    history.push_back({"2026-11-28T16:42:10.000Z", "ops@laptop", "erp", "3.4.1", identity(), "partial", {}, {}, {}});
    for (const auto& name : names) history.back().apps.push_back({name, "installed", ""});
    history.back().joined = {"cp2", "cp3", "w1", "w2", "w3", "w4"};
  }

  static std::string identity() { return hash::sha256(base::as_bytes("erp 3.4.1")).text(); }

  report::AcceptanceInput input() const {
    return {.contents = contents,
            .identity = identity(),
            .payload_bytes = uint64_t{19} << 30,
            .config = config,
            .look = &look,
            .found = found,
            .waivers = waivers,
            .journal = journal,
            .history = history,
            .title = "Acceptance report",
            .by = "ops@laptop",
            .now = WallTime(Duration{1'795'887'000'000}),
            .took = Duration{6'450}};
  }
  report::Acceptance acceptance() const {
    auto out = report::make_acceptance(input());
    if (!out) FAIL(out.error().text());
    return std::move(*out);
  }

 private:
  void add_host(const std::string& name, int address, format::HostRole role, json::Value& nodes) {
    auto& host = look.hosts.emplace_back();
    host.name = name;
    host.config.name = name;
    host.config.address = base::format("10.7.0.{}", address);
    host.config.role = role;
    host.facts.cpus = role == format::HostRole::worker ? 16 : 4;
    host.facts.memory_bytes = uint64_t{role == format::HostRole::worker ? 64U : 16U} << 30;
    config.hosts.push_back(host.config);
    auto node = json::parse(base::format(
        R"json({{"metadata":{{"name":"{}"}},"status":{{"nodeInfo":{{"osImage":"Debian GNU/Linux 12 (bookworm)","kernelVersion":"6.1.0-28-amd64",)json"
        R"("containerRuntimeVersion":"containerd://2.1.4","kubeletVersion":"v1.34.4","architecture":"amd64"}}}}}})",
        name));
    if (!node) FAIL(node.error().text());
    nodes.push_back(*node);
  }

  void add_image(const std::string& name) {
    contents.images.push_back({.name = name, .root = {hash::sha256(base::as_bytes(name)), 1}, .platforms = {{}}});
  }

  void add_journal(const std::vector<std::string>& apps) {
    journal.digest = hash::sha256(base::as_bytes("journal"));
    journal.runs.push_back({.number = 1,
                            .time = "2026-11-28T15:58:00.000Z",
                            .command = "apply",
                            .artifact = identity(),
                            .artifact_name = "erp 3.4.1",
                            .finish = "preflight",
                            .finish_time = "2026-11-28T15:58:09.500Z"});
    auto& run = journal.runs.emplace_back(journal.runs.front());
    run.number = 2;
    run.time = "2026-11-28T16:02:00.000Z";
    run.config = hash::sha256(base::as_bytes("config")).text();
    run.finish = "partial";
    run.finish_time = "2026-11-28T16:42:11.250Z";
    const std::vector<std::string> everywhere{"files", "units", "containerd", "images", "kubeadm.join"};
    for (size_t i = 0; i + 1 < look.hosts.size(); ++i) {
      for (size_t k = 0; k < everywhere.size(); ++k)
        run.steps.push_back({.host = look.hosts[i].name,
                             .step = everywhere[k],
                             .status = k < 2 && i == 0 ? "skipped" : "done",
                             .took_ms = 300 * (k + 1) * (i + 2)});
    }
    for (size_t i = 0; i < apps.size(); ++i)
      run.steps.push_back({.host = "cp1",
                           .step = "app." + apps[i],
                           .status = i == 12 ? "failed" : "done",
                           .error = i == 12 ? "the chart's Deployment plant-floor/<web> needs \"storage\"" : "",
                           .took_ms = 1'700 * (i + 1)});
    run.steps.push_back({.host = "w1",
                         .step = "hook.scan",
                         .status = "failed",
                         .error = "scan.sh: exit 4: the token is kanarienvogel-in-a-hook",
                         .took_ms = 20'000});
  }

  void add_findings(const std::vector<std::string>& apps) {
    using enum inspection::Verdict;
    found.push_back({"host.answers", "w5", fail, "does not answer: 10.7.0.25:22: no route to host",
                     "look at its power and network; then deliver again"});
    for (size_t i = 0; i + 1 < look.hosts.size(); ++i) {
      const auto& name = look.hosts[i].name;
      found.push_back({"host.answers", name, ok, "answers", ""});
      found.push_back({"host.units", name, ok, "4 units run, and would after a reboot", ""});
      found.push_back({"disk.space", name, i == 4 ? warn : ok,
                       base::format("{} GiB of 400 GiB are free on /", 40 + 30 * i),
                       i == 4 ? "remove what is not needed, or enlarge the disk" : ""});
      if (i < 3)
        found.push_back({"etcd.fsync", name, i == 0 ? warn : ok, base::format("a sync takes {} ms", 48 - 20 * i),
                         i == 0 ? "etcd wants a disk that syncs in 10 ms" : ""});
    }
    for (size_t i = 0; i < apps.size(); ++i) {
      if (i == 12)
        found.push_back({"app.healthy", apps[i], fail,
                         "Deployment erp/web: 0 of 2 are ready; the last lines of erp/web-1: panic: password "
                         "kanarienvogel-in-a-log is wrong",
                         "look at what its pods say"});
      else
        found.push_back({"app.healthy", apps[i], ok, "2 objects are as they should be", ""});
    }
  }
};

}  // namespace sealift::tests
