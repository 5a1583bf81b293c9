// SPDX-License-Identifier: Apache-2.0
//
// `check` of whole sites: before a delivery the preflight; after it everything, with a number of calls for each host
// that does not grow with the others; hosts that are away are results.
#include "runtime/delivery/check.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "runtime/checks/all_checks.h"
#include "runtime/inspection/catalog.h"
#include "runtime/node/host_check.h"
#include "tests/sim/wanted_end.h"

using namespace sealift;
using namespace sealift::sim;
using inspection::Verdict;

namespace {

using Found = std::vector<inspection::Observation>;
using Ill = std::vector<std::string>;

// "fail host.answers h1", for each that is not well.
Ill ill(const Found& found) {
  Ill out;
  for (const auto& one : found) {
    if (one.verdict != Verdict::ok)
      out.push_back(std::format("{} {} {}", inspection::name(one.verdict), one.id, one.subject));
  }
  return out;
}

struct Site {
  DeliverySite site;
  tests::FakeClock clock;
  engine::NoJournal journal;
  std::map<std::string, std::function<void(node::HostAnswer&)>> lies;  // by machine: what it answers instead
  std::unique_ptr<delivery::Input> input;
  std::unique_ptr<delivery::Check> checker;

  explicit Site(size_t hosts, size_t control_planes = 1) : site(hosts, control_planes) {}
  void deliver() {
    engine::NoJournal none;
    require_delivered(site.apply(none, base::no_events()));
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
      const auto columns = std::ranges::any_of(
          command.argv, [](const std::string& word) { return word.starts_with("custom-columns="); });
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
      out += std::format("default flannel-{0} h{0} 10.244.{0}.2 <none> Running True DaemonSet flannel:1\n", i);
      if (site.config.hosts[i].role != format::HostRole::control_plane) continue;
      for (const auto* component : {"kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd"})
        out += std::format("kube-system {}-h{} h{} {} true Running True Node {}:v1.34.4\n", component, i, i,
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

}  // namespace

TEST_CASE("check: before a delivery it is the preflight") {
  Site site(2);
  site.site.machine(1).facts.machine_id = "";
  const auto found = site.check();
  const auto id = std::ranges::find(
      found, "h1", [](const auto& one) { return one.verdict == Verdict::fail ? one.subject : std::string(); });
  REQUIRE(id != found.end());
  CHECK(id->id.starts_with("identity."));
  CHECK(id->evidence.contains("machine-id"));
  CHECK_FALSE(id->remedy.empty());
  std::set<std::string> ids;
  for (const auto& one : found) ids.insert(one.id);
  for (const auto& theme : checks::catalog()) {
    for (const auto& check : theme.checks) CHECK(ids.contains(std::string(check.id)));
  }
  CHECK(site.site.changes() == 0);
}

TEST_CASE("check: a cluster that somebody else made is for the preflight to find") {
  Site site(2);
  site.site.machine(0).world.files["/etc/kubernetes/kubelet.conf"].content = Bytes(3);
  const auto found = site.check();
  CHECK(std::ranges::any_of(found,
                            [](const auto& one) { return one.id.starts_with("foreign.") && one.subject == "h0"; }));
  CHECK_FALSE(std::ranges::contains(found, "node.ready", &inspection::Observation::id));
}

TEST_CASE("check: a host that can't be reached before the delivery") {
  Site site(3);
  site.site.machine(2).set_reachable(false);
  const auto found = site.check();
  CHECK(std::ranges::contains(ill(found), "fail host.answers 10.7.0.3"));
}

TEST_CASE("check: three control planes and two workers that are well") {
  Site site(5, 3);
  site.deliver();
  const auto before = site.site.changes();
  const auto found = site.check();
  CHECK(ill(found) == Ill{});
  for (const auto& one : found) {
    INFO(one.id);
    CHECK(inspection::is_known(one.id));
  }
  // of every host, and not only of one
  for (const auto* id : {"host.answers", "node.ready", "mirror.images", "network.pods", "drift.files"})
    CHECK(std::ranges::count(found, id, &inspection::Observation::id) == 5);
  CHECK(site.site.changes() == before);
}

TEST_CASE("check: a worker that is away is one result, and the others are all looked at") {
  Site site(4);
  site.deliver();
  site.site.machine(3).set_reachable(false);
  const auto found = site.check();
  CHECK(ill(found) == Ill{"fail host.answers h3"});  // the cluster knows its name
  CHECK(std::ranges::count(found, "mirror.images", &inspection::Observation::id) == 3);
  site.site.machine(3).set_reachable(true);
  CHECK(ill(site.check()) == Ill{});  // the next round connects to it again
}

TEST_CASE("check: no control plane answers, and yet there is a result") {
  Site site(3);
  site.deliver();
  site.site.machine(0).set_reachable(false);
  CHECK(ill(site.check()) == Ill{"fail host.answers 10.7.0.1", "fail control-plane.api the cluster"});
  site.site.all_reachable(false);
  CHECK(ill(site.check()).size() == 4);
}

TEST_CASE("check: what differs on hosts is found by their ledgers") {
  Site site(3);
  site.deliver();
  auto& worker = site.site.machine(1);
  worker.world.files["/etc/sealift/mirror.json"].content = Bytes(3);
  worker.world.files.erase("/etc/containerd/own.toml");
  worker.world.units["sealift-renew.timer"].enabled = false;
  site.site.machine(2).world.units["containerd.service"].active = false;
  CHECK(ill(site.check()) ==
        Ill{"fail host.units h2", "warn drift.files h1", "warn drift.files h1", "warn drift.units h1"});
}

TEST_CASE("check: what hosts tell is judged") {
  Site site(3);
  site.deliver();
  site.lies["h1"] = [](node::HostAnswer& answer) {
    answer.mirror->missing = {{"docker.io/library/redis:7.2", "404"}};
    answer.pod->targets.front().error = "Connection timed out";
    answer.disks.front().free_bytes = 3;
  };
  site.lies["h0"] = [](node::HostAnswer& answer) { answer.etcd->alarms = {"NOSPACE"}; };
  CHECK(ill(site.check()) ==
        Ill{"fail disk.space h1", "fail etcd.alarms h0", "fail mirror.images h1", "fail network.pods h1"});
}

TEST_CASE("check: a program that dies on one host costs what that host would have told, and nothing else") {
  Site site(3);
  site.deliver();
  site.site.machine(2).programs["exe"] = [](tests::FakeMachine&, const base::Command&, const base::CommandIo&) {
    return bad("killed", 137);
  };
  CHECK(ill(site.check()) == Ill{"fail host.answers h2"});
}

TEST_CASE("check: an API server that refuses is told once, with what follows from it") {
  Site site(3);
  site.deliver();
  site.site.machine(0).programs["kubectl"] = [](tests::FakeMachine&, const base::Command&, const base::CommandIo&) {
    return bad("The connection to the server 127.0.0.1:7443 was refused");
  };
  CHECK(ill(site.check()) == Ill{"fail control-plane.api h0", "fail control-plane.api the cluster"});
}

TEST_CASE("check: stopped by a signal") {
  Site site(2);
  site.deliver();
  CancelSource stop;
  stop.cancel();
  (void)site.check();
  site.input->cancel = stop.token();
  CHECK(site.try_to_check().error().code == ErrorCode::cancelled);
}

TEST_CASE("check: what a host is asked does not grow with the others") {
  const auto calls = [](size_t hosts) {
    Site site(hosts, 3);
    site.deliver();
    std::vector<uint64_t> before;
    for (size_t i = 0; i < hosts; ++i) before.push_back(site.site.machine(i).calls());
    CHECK(ill(site.check()) == Ill{});
    std::vector<uint64_t> out;
    for (size_t i = 0; i < hosts; ++i) out.push_back(site.site.machine(i).calls() - before[i]);
    CHECK(std::ranges::all_of(out, [&](uint64_t of_worker) { return of_worker <= 60; }));
    return std::pair(out.front(), out.back());
  };
  const auto few = calls(5), many = calls(100);
  CHECK(few == many);
  CHECK(many.second <= 25);  // of a worker
}
