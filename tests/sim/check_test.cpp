// SPDX-License-Identifier: Apache-2.0
//
// `check` of whole sites: before a delivery the preflight; after it everything, with a number of calls for each host
// that does not grow with the others; hosts that are away are results.
#include "runtime/delivery/check.h"
#include "payload/base/format.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "runtime/checks/all_checks.h"
#include "runtime/inspection/catalog.h"
#include "tests/sim/checked_site.h"

using namespace sealift;
using namespace sealift::sim;
using inspection::Verdict;

namespace {

using Ill = std::vector<std::string>;

// "fail host.answers h1", for each that is not well.
Ill ill(const Found& found) {
  Ill out;
  for (const auto& one : found) {
    if (one.verdict != Verdict::ok)
      out.push_back(base::format("{} {} {}", inspection::name(one.verdict), one.id, one.subject));
  }
  return out;
}

using Site = CheckedSite;

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
    for (const auto& check : theme.checks) {
      INFO(check.id);
      if (checks::is_for(check, site.site.config)) CHECK(ids.contains(std::string(check.id)));
    }
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

TEST_CASE("check: what somebody has deleted of applications is named, of charts and of manifests") {
  Site site(2);
  site.deliver();
  site.site.cluster.lose_object("Deployment/redis");
  site.site.cluster.lose_object("Deployment/hello");
  const auto found = site.check();
  CHECK(ill(found) == Ill{"fail app.healthy hello", "fail app.healthy redis"});
  const auto redis =
      std::ranges::find_if(found, [](const auto& one) { return one.id == "app.healthy" && one.subject == "redis"; });
  REQUIRE(redis != found.end());
  CHECK(redis->evidence == "Deployment store/redis is not there");
  CHECK(redis->remedy == "`apply` brings it back");
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
