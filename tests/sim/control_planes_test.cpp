// SPDX-License-Identifier: Apache-2.0
//
// Clusters with several control planes: made, interrupted anywhere, and grown.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <set>
#include <vector>

#include "tests/sim/reference.h"
#include "tests/support/event_recorder.h"

using namespace sealift;
using namespace sealift::sim;

namespace {

std::string content(DeliverySite& site, size_t host, const std::string& path) {
  const auto& files = site.machine(host).world.files;
  const auto file = files.find(path);
  return file == files.end() ? "(absent)" : std::string(base::as_text(file->second.content));
}

}  // namespace

TEST_CASE("control planes: three and two workers, and again") {
  DeliverySite site(5, 3);
  engine::NoJournal journal;
  require_delivered(site.apply(journal, base::no_events()));
  check_wanted_end(site);
  CHECK(site.cluster.inits == std::map<std::string, int>{{"h0", 1}});
  CHECK(site.cluster.joins == std::map<std::string, int>{{"h1", 1}, {"h2", 1}, {"h3", 1}, {"h4", 1}});
  for (size_t host = 0; host < site.size(); ++host) {
    INFO(host);
    const auto backends = content(site, host, "/etc/sealift/balancer.json");
    for (const auto* address : {"10.7.0.1:6443", "10.7.0.2:6443", "10.7.0.3:6443"}) CHECK(backends.contains(address));
    // the cluster's keys are where they are needed, and nowhere else
    CHECK(content(site, host, "/etc/kubernetes/pki/etcd/ca.key") == (host < 3 ? "the etcd/ca.key" : "(absent)"));
  }
  again_changes_nothing(site);
}

TEST_CASE("control planes: five, of which three keep the payload") {
  DeliverySite site(6, 5);
  engine::NoJournal journal;
  require_delivered(site.apply(journal, base::no_events()));
  check_wanted_end(site);
  again_changes_nothing(site);
}

TEST_CASE("control planes: each joins after the one before it votes in etcd and answers") {
  DeliverySite site(4, 4);
  tests::EventRecorder events;
  engine::NoJournal journal;
  require_delivered(site.apply(journal, events));
  std::vector<std::string> order;
  for (const Event& event : events.events()) {
    if (event.kind == EventKind::step_finished && event.step.starts_with("kubeadm."))
      order.push_back(event.host + " " + event.step);
    if (event.kind == EventKind::step_started && event.step == "kubeadm.join") order.push_back(event.host + " begins");
  }
  CHECK(order == std::vector<std::string>{"h0 kubeadm.init", "h1 begins", "h1 kubeadm.join", "h2 begins",
                                          "h2 kubeadm.join", "h3 begins", "h3 kubeadm.join"});
}

TEST_CASE("control planes: killed at every record, 3 and a worker: the same end") {
  Reference reference(4, 3);
  kill_at_records(
      reference.records, [] { return DeliverySite(4, 3); }, apply_to,
      [&](DeliverySite& site) {
        engine::NoJournal forgets;
        require_delivered(site.apply(forgets, base::no_events()));
        reference.check_undisturbed(site);
      });
}

TEST_CASE("control planes: power cut at every change of the second one, and inside of its programs") {
  Reference reference(2, 2);
  const auto cuts = interrupt_at_changes(
      kPowerFails, 1, [] { return DeliverySite(2, 2); }, apply_to,
      [&](DeliverySite& site) {
        engine::NoJournal journal;
        require_delivered(site.apply(journal, base::no_events()));
        reference.check_same(site, Run::left_out);
      });
  for (const auto* stage : {"kubeadm join: etcd learner", "kubeadm join: etcd started", "kubeadm join: mark"})
    CHECK(cuts.contains(std::string("inside ") + stage));
}

TEST_CASE("control planes: a kubeadm killed in its middle leaves nothing that is in the way, in etcd neither") {
  Reference reference(3, 3);
  const auto stages = interrupt_at_changes(
      kProgramIsKilled, 1, [] { return DeliverySite(3, 3); }, apply_to,
      [&](DeliverySite& site) {
        engine::NoJournal journal;
        require_delivered(site.apply(journal, base::no_events()));
        reference.check_same(site, Run::compared);
      });
  CHECK(stages.contains("inside kubeadm join: etcd learner"));
}

TEST_CASE("control planes: the cluster's own stays the first one, wherever new ones stand in cluster.yaml") {
  DeliverySite site(4, 3);
  const auto all = site.config.hosts;
  site.config.hosts = {all[0], all[3]};
  engine::NoJournal journal;
  require_delivered(site.apply(journal, base::no_events()));
  const auto before = site.cluster.inits;
  site.config.hosts = {all[2], all[1], all[0], all[3]};
  require_delivered(site.apply(journal, base::no_events()));
  CHECK(site.cluster.inits == before);
  CHECK(site.cluster.state.control_planes == std::set<std::string>{"h0", "h1", "h2"});
  check_wanted_end(site);
  again_changes_nothing(site);
}

TEST_CASE("control planes: one that comes to two changes nobody's lists twice, wherever it stands in cluster.yaml") {
  DeliverySite site(4, 3);
  const auto all = site.config.hosts;
  site.config.hosts = {all[0], all[1], all[3]};
  engine::NoJournal journal;
  require_delivered(site.apply(journal, base::no_events()));
  site.config.hosts = {all[2], all[0], all[1], all[3]};
  require_delivered(site.apply(journal, base::no_events()));
  again_changes_nothing(site);
}

TEST_CASE("control planes: one that is away ends the run before anything is changed") {
  DeliverySite site(4, 3);
  site.machine(2).set_reachable(false);
  engine::NoJournal journal;
  auto outcome = site.apply(journal, base::no_events());
  REQUIRE_FALSE(outcome);
  CHECK(outcome.error().code == ErrorCode::unreachable);
  CHECK(site.changes() == 0);
}

TEST_CASE("control planes: status tells which one is away, and asks another") {
  DeliverySite site(3, 3);
  engine::NoJournal journal;
  require_delivered(site.apply(journal, base::no_events()));
  site.machine(1).set_reachable(false);
  tests::FakeClock clock;
  const auto lines = site.status(clock);
  REQUIRE(lines);
  REQUIRE_FALSE(lines->empty());
  CHECK(lines->front().subject == "control plane 10.7.0.2");
  CHECK(lines->front().state == "Absent");
  CHECK_FALSE(lines->front().healthy);
  CHECK(std::ranges::contains(*lines, std::string("node h0"), &delivery::StatusLine::subject));
}
