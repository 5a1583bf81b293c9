// SPDX-License-Identifier: Apache-2.0
//
// A site whose hosts and API answer `check`, beside what a delivery needs.
#pragma once

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <functional>
#include <map>
#include <memory>

#include "payload/base/format.h"
#include "runtime/delivery/check.h"
#include "runtime/node/host_check.h"
#include "tests/sim/wanted_end.h"

namespace sealift::sim {

using Found = std::vector<inspection::Observation>;

struct CheckedSite {
  DeliverySite site;
  tests::FakeClock clock;
  engine::NoJournal journal;
  std::map<std::string, std::function<void(node::HostAnswer&)>> lies;  // by machine: what it answers instead
  std::unique_ptr<delivery::Input> input;
  std::unique_ptr<delivery::Check> checker;

  explicit CheckedSite(size_t hosts, size_t control_planes = 1) : site(hosts, control_planes) {}
  // `deliveries`: where it is recorded, if anywhere.
  void deliver(engine::Journal* deliveries = nullptr) {
    require_delivered(site.apply(deliveries == nullptr ? journal : *deliveries, base::no_events()));
    for (size_t i = 0; i < site.size(); ++i) equip(site.machine(i));
  }

  // What runtime/node/host_check_test.cpp asks of real sockets is played here.
  void equip(tests::FakeMachine& machine) {
    machine.programs["exe"] = [this, before = machine.programs["exe"]](
                                  tests::FakeMachine& self, const base::Command& command, const base::CommandIo& io) {
      return has(command, "check") ? answer(self, base::as_text(io.input)) : before(self, command, io);
    };
    machine.programs["kubectl"] = [this, before = machine.programs["kubectl"]](
                                      tests::FakeMachine& self, const base::Command& command,
                                      const base::CommandIo& io) -> Result<base::ExitStatus> {
      const auto columns = std::ranges::any_of(command.argv, [](const std::string& word) {
        return word.starts_with("custom-columns=") && !word.starts_with("custom-columns=KIND");
      });
      if (columns && has(command, "pods")) return good(pods());
      if (columns) return good(has(command, "kubernetes") ? "10.96.0.1\n" : "");
      if (has(command, "persistentvolumeclaims")) return good(R"({"kind":"List","items":[]})");
      auto known = command;
      std::ranges::replace(known.argv, std::string("deployments,statefulsets,daemonsets,jobs"),
                           std::string("deployments,statefulsets,daemonsets"));
      return before(self, known, io);
    };
  }
  std::string pods() const {
    std::string out;
    for (size_t i = 0; i < site.config.hosts.size(); ++i) {
      out += base::format("default flannel-{0} h{0} 10.244.{0}.2 <none> Running True DaemonSet flannel:1\n", i);
      if (site.config.hosts[i].role != format::HostRole::control_plane) continue;
      for (const auto* component : {"kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd"})
        out += base::format("kube-system {}-h{} h{} {} true Running True Node {}:v1.34.4\n", component, i, i,
                            site.config.hosts[i].address, component);
    }
    return out;
  }
  Result<base::ExitStatus> answer(tests::FakeMachine& self, std::string_view asked) {
    const auto question = node::parse_host_question(asked);
    if (!question) return bad(question.error().text());
    node::HostAnswer out;
    out.mirror = {question->images.size(), {}, ""};
    out.balancer = out.names = "";
    for (const auto& path : question->files) {
      const auto file = self.world.files.find(path);
      out.files.push_back(
          {path, file == self.world.files.end() ? std::nullopt : std::optional(hash::sha256(file->second.content)),
           ""});
    }
    out.disks = {{"/", "/", 50, 100, 50, 100, false}};
    if (question->etcd) out.etcd = {self.name(), "h0", "3.6.5", 1, 1, 100, 7, {}, 1'000, ""};
    if (!question->own_pods.empty()) {
      out.pod = {question->own_pods.front(), "", "", {}, ""};
      for (const auto& target : question->targets) out.pod->targets.push_back({target.node, target.address, ""});
    }
    if (const auto lie = lies.find(self.name()); lie != lies.end()) lie->second(out);
    return good(node::to_text(out));
  }

  Result<Found> try_to_check() {
    if (!checker) {
      input = std::make_unique<delivery::Input>(delivery::Input{.payload = site.payload(),
                                                                .config = site.config,
                                                                .connector = site,
                                                                .journal = journal,
                                                                .events = base::no_events(),
                                                                .clock = clock,
                                                                .cancel = {},
                                                                .charts = site});
      checker = std::make_unique<delivery::Check>(*input, inspection::DiskHistory());
    }
    return checker->run();
  }
  Found check() {
    auto found = try_to_check();
    if (!found) FAIL(found.error().text());
    for (const auto& one : *found) CHECK_FALSE(one.evidence.empty());
    return std::move(*found);
  }
};

}  // namespace sealift::sim
