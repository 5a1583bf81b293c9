// SPDX-License-Identifier: Apache-2.0
//
// What hosts tell of themselves: each thing that may be wrong is found, under its own name, and nothing else is.
#include "tests/unit/runtime/inspection/a_cluster.h"

using namespace sealift;
using tests::ACluster;
using tests::Ill;
using tests::kDayMs;
using tests::kNowMs;

TEST_CASE("inspection: a cluster that is well has nothing but ok, from every theme") {
  const ACluster cluster;
  CHECK(cluster.ill() == Ill{});
  std::set<std::string> ids;
  for (const auto& one : cluster.judge()) ids.insert(one.id);
  for (const auto& theme : inspection::catalog()) {
    for (const auto& check : theme.checks) {
      INFO(check.id);
      // what only a site of its own has, or only a trouble says
      const bool is_rare = check.id == "node.others" || check.id == "balancer.site" || check.id == "app.others" ||
                           check.id == "app.claims" || check.id == "disk.forecast" || check.id == "drift.units";
      CHECK((is_rare || ids.contains(std::string(check.id))));
    }
  }
}

TEST_CASE("inspection: a host that does not answer is a result, and nothing is said about what it could not tell") {
  ACluster cluster;
  auto& host = cluster.host("w1");
  host.away = Error{ErrorCode::unreachable, "10.7.0.12: no route to host", {}};
  host.answer.reset();
  CHECK(cluster.ill() == Ill{"fail host.answers w1"});
  CHECK(cluster.evidence("host.answers", "w1").starts_with("does not answer: 10.7.0.12: no route to host; look at"));
  host.away = Error{ErrorCode::auth_failed, "10.7.0.12: takes no password", {}};
  CHECK(
      cluster.evidence("host.answers", "w1").starts_with("no login: 10.7.0.12: takes no password; correct the login"));
}

TEST_CASE("inspection: a host that could not look at itself") {
  ACluster cluster;
  cluster.host("w1").answer.reset();
  cluster.host("w1").no_answer = "killed";
  CHECK(cluster.ill() == Ill{"fail host.answers w1"});
}

TEST_CASE("inspection: a host of cluster.yaml that nothing was delivered to is no node") {
  ACluster cluster;
  auto& host = cluster.look.hosts.emplace_back();
  host.name = host.config.address = "w9";
  CHECK(cluster.ill() == Ill{"fail node.ready w9"});
}

TEST_CASE("inspection: units") {
  ACluster cluster;
  cluster.host("w1").units["kubelet.service"].active = "failed";
  cluster.host("w2").units["containerd.service"].enabled = false;
  cluster.host("cp1").units["sealift-mirror.service"] = {false, false, "inactive", "dead"};
  CHECK(cluster.ill() == Ill{"fail host.units cp1", "fail host.units w1", "warn host.units w2"});
  CHECK(cluster.evidence("host.units", "w1").contains("kubelet.service is failed"));
  CHECK(cluster.evidence("host.units", "cp1").contains("not installed"));
}

TEST_CASE("inspection: of several clocks the odd one is named") {
  ACluster cluster;
  cluster.host("w2").facts.clock_ms += 5'000;
  CHECK(cluster.ill() == Ill{"warn time.clock w2"});
  CHECK(cluster.evidence("time.clock", "w2").contains("5 s ahead of"));
  cluster.host("w2").took_ms = 4'000;  // so long did it take to read it
  CHECK(cluster.ill() == Ill{});
  cluster.host("w2").facts.clock_ms = kNowMs - 61'000;
  CHECK(cluster.ill() == Ill{"fail time.clock w2"});
  // the launch machine's own clock is nobody's business
  for (auto& host : cluster.look.hosts) host.facts.clock_ms = kNowMs + 3'600'000;
  CHECK(cluster.ill() == Ill{});
}

TEST_CASE("inspection: disks that several folders share are named once, by their share that is free") {
  ACluster cluster;
  for (auto& disk : cluster.host("w1").answer->disks) disk.free_bytes = 14;
  CHECK(cluster.ill() == Ill{"warn disk.space w1"});
  CHECK(cluster.evidence("disk.space", "w1").contains("/ (/, /var/lib/kubelet) (14 %)"));
  for (auto& disk : cluster.host("w1").answer->disks) disk.free_bytes = 4;
  CHECK(cluster.ill() == Ill{"fail disk.space w1"});
  for (auto& disk : cluster.host("w1").answer->disks) {
    disk.free_bytes = 50;
    disk.free_inodes = 2;
  }
  CHECK(cluster.ill() == Ill{"fail disk.inodes w1"});
  for (auto& disk : cluster.host("w1").answer->disks) disk.total_inodes = disk.free_inodes = 0;  // not counted
  CHECK(cluster.ill() == Ill{});
  for (auto& disk : cluster.host("w1").answer->disks) disk.read_only = true;
  CHECK(cluster.ill() == Ill{"fail disk.space w1"});
}

TEST_CASE("inspection: a disk that will be full soon") {
  ACluster cluster;
  cluster.disks.add("w1", "/", kNowMs - 2 * kDayMs, 70);  // 10 a day: 5 days
  CHECK(cluster.ill() == Ill{"warn disk.forecast w1"});
  CHECK(cluster.evidence("disk.forecast", "w1").contains("full in 5 days"));
  cluster.disks = {};
  cluster.disks.add("w1", "/", kNowMs - 2 * kDayMs, 51);  // 100 days
  CHECK(cluster.ill() == Ill{});
}

TEST_CASE("inspection: the record of disks") {
  inspection::DiskHistory history;
  CHECK_FALSE(history.days_left("w1", "/", kNowMs, 50));
  history.add("w1", "/", kNowMs, 100);
  CHECK_FALSE(history.days_left("w1", "/", kNowMs + 3'599'999, 50));  // less than an hour says nothing
  CHECK(history.days_left("w1", "/", kNowMs + kDayMs, 50) == 1.0);
  CHECK_FALSE(history.days_left("w1", "/", kNowMs + kDayMs, 100));  // nothing grows
  CHECK_FALSE(history.days_left("w2", "/", kNowMs + kDayMs, 50));
  const auto before = history;
  history.add("w1", "/", kNowMs + 60'000, 99);  // a watch asks every ten seconds
  CHECK(history == before);
  for (int day = 1; day < 100; ++day) history.add("w1", "/", kNowMs + day * kDayMs, 100);
  CHECK(history.text().size() < 2'000);
  CHECK(inspection::DiskHistory::parse(history.text()) == history);
  history.add("w1", "/", kNowMs, 70);  // the clock was set back: what seems to be the future is forgotten
  CHECK(history.days_left("w1", "/", kNowMs + kDayMs, 35) == 1.0);
  for (const auto* bad : {"", "{}", R"({"format":1})", R"({"format":1,"disks":[{"samples":[[1]]}]})"})
    CHECK(inspection::DiskHistory::parse(bad).error().code == ErrorCode::corrupt);
  CHECK(inspection::DiskHistory::parse(R"({"format":2})").error().code == ErrorCode::unsupported_version);
}

TEST_CASE("inspection: certificates by the days that are left, our own by their share as well") {
  ACluster cluster;
  auto& certificates = cluster.host("cp1").answer->certificates;
  certificates[0].ends_ms = kNowMs + 29 * kDayMs;
  CHECK(cluster.ill() == Ill{"warn certificates.kubernetes cp1"});
  CHECK(cluster.evidence("certificates.kubernetes", "cp1").contains("apiserver.crt ends in 29 days"));
  certificates[0].ends_ms = kNowMs - 1;
  CHECK(cluster.ill() == Ill{"fail certificates.kubernetes cp1"});
  certificates[0].ends_ms = kNowMs + 31 * kDayMs;
  certificates[1].begins_ms = kNowMs - 290 * kDayMs;
  certificates[1].ends_ms = kNowMs + 75 * kDayMs;  // 20 % of a year: it should have been renewed
  CHECK(cluster.ill() == Ill{"warn certificates.nodes cp1"});
  CHECK(cluster.evidence("certificates.nodes", "cp1").contains("sealift-renew"));
  certificates[1].path = "/etc/sealift/pki/people/site.pem";  // which nobody here renews
  CHECK(cluster.evidence("certificates.nodes", "cp1").contains("registry.domain of cluster.yaml"));
}

TEST_CASE("inspection: each generation of the node services' authority, of which one must live on") {
  constexpr const char* kBundle = "/etc/sealift/pki/ca.crt";
  constexpr int64_t kYearMs = 365 * kDayMs;
  ACluster cluster;
  auto& certificates = cluster.host("cp1").answer->certificates;
  const auto evidence = [&] { return cluster.evidence("certificates.authority", "cp1"); };
  certificates.back() = {kBundle, kNowMs - 14 * kYearMs, kNowMs + 6 * kYearMs, "0123456789abcdef0123"};
  CHECK(cluster.ill() == Ill{"warn certificates.authority cp1"});
  CHECK(evidence().contains("the only authority (SHA-256 0123456789abcdef) ends in 2190 days, at 20"));
  certificates.insert(certificates.end() - 1, {kBundle, kNowMs - kDayMs, kNowMs + 20 * kYearMs, "ff"});
  CHECK(cluster.ill() == Ill{});
  CHECK(evidence().contains("the new authority (SHA-256 ff) ends in 7300 days"));
  CHECK(evidence().contains("; a former authority (SHA-256 0123456789abcdef) ends in 2190 days"));
  certificates.back().ends_ms = kNowMs;
  CHECK(cluster.ill() == Ill{});
  CHECK(evidence().contains("a former authority (SHA-256 0123456789abcdef) has ended, at 20"));
  std::erase_if(certificates, [](const auto& one) { return one.ends_ms > kNowMs + 10 * kYearMs; });
  CHECK(cluster.ill() == Ill{"fail certificates.authority cp1"});
}

TEST_CASE("inspection: nodes, as the API tells") {
  ACluster cluster;
  cluster.look.cluster->objects.nodes = ACluster::list(
      ACluster::node("cp1") + "," + ACluster::node("w1", false) + "," +
      ACluster::node("w2", true,
                     R"("unschedulable":true,"taints":[{"key":"db","value":"only","effect":"NoSchedule"}])") +
      "," + ACluster::node("x9"));
  CHECK(cluster.ill() == Ill{"fail node.ready w1", "warn node.schedulable w2", "warn node.others x9"});
  cluster.look.cluster->objects.nodes =
      ACluster::list(ACluster::node("cp1") + "," + ACluster::node("w1") + "," + ACluster::node("w2"));
  cluster.host("w2").config.labels = {{"zone", "b"}};
  cluster.host("w2").config.taints = {"db=only:NoSchedule"};
  CHECK(cluster.ill() == Ill{"warn node.labels w2"});
  CHECK(cluster.evidence("node.labels", "w2").contains("the label zone=b, the taint db=only:NoSchedule"));
  cluster.host("w2").config.labels = {{"zone", "a"}};
  cluster.host("w2").config.taints = {};
  cluster.host("w1").answer->boot_id = "another";
  CHECK(cluster.ill() == Ill{"fail node.ready w1"});
  CHECK(cluster.evidence("node.ready", "w1").contains("has restarted"));
}

TEST_CASE("inspection: what differs from what the ledger says") {
  ACluster cluster;
  const auto digest = hash::sha256(base::as_bytes("a")), other = hash::sha256(base::as_bytes("b"));
  std::vector<host::LedgerEntry> ledger;
  const auto write = [&](host::Change change) {
    ledger.push_back({ledger.size() + 1, "", "s", "", std::move(change)});
  };
  write(host::FileWritten{"/etc/a", {}, other});
  write(host::FileWritten{"/etc/a", {}, digest});
  write(host::FileWritten{"/etc/gone", {}, digest});
  write(host::PathRemoved{"/etc/gone", {}});
  write(host::FileWritten{"/etc/tree/x", {}, digest});
  write(host::TakenAway{host::Trace::Kind::path, "/etc/tree"});
  write(host::FileWritten{"/run/secret", {}, digest});
  write(host::FileWritten{"/etc/old", {}, {}});  // by a version that did not record what it wrote
  write(host::UnitChanged{host::UnitAction::enable, "sealift-renew.timer", {}});
  write(host::UnitChanged{host::UnitAction::start, "sealift-renew.timer", {}});
  write(host::UnitChanged{host::UnitAction::start, "once.service", {}});
  auto delivered = inspection::delivered_of(ledger);
  CHECK(delivered.files == std::map<std::string, Digest>{{"/etc/a", digest}});
  CHECK(delivered.units["sealift-renew.timer"] == inspection::Delivered::Unit{true, true});
  auto& host = cluster.host("w1");
  host.delivered = std::move(delivered);
  host.units["sealift-renew.timer"] = {true, true, "active", "waiting"};
  host.units["once.service"] = {true, false, "inactive", "dead"};  // it has done its work
  host.answer->files = {{"/etc/a", digest, ""}};
  CHECK(cluster.ill() == Ill{});
  host.answer->files = {{"/etc/a", other, ""}};
  CHECK(cluster.ill() == Ill{"warn drift.files w1"});
  host.answer->files = {{"/etc/a", {}, ""}};
  CHECK(cluster.evidence("drift.files", "w1").contains("/etc/a was delivered and is gone"));
  host.answer->files = {{"/etc/a", digest, ""}};
  host.units["sealift-renew.timer"] = {true, false, "active", "waiting"};
  CHECK(cluster.ill() == Ill{"warn drift.units w1"});
  host.units["sealift-renew.timer"] = {true, true, "inactive", "dead"};
  CHECK(cluster.evidence("drift.units", "w1").contains("no longer runs"));
}
