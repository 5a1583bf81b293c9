// SPDX-License-Identifier: Apache-2.0
//
// A site with an etcd of its own: whatever cuts a delivery or a reset, etcd never holds two clusters, and nothing of
// one that is gone. tests/e2e/test_site_services.py has a real one.
#include "tests/sim/living.h"

using namespace sealift;
using namespace sealift::sim;

namespace {

// An even number of control planes, which is as good as any here, and a worker.
enum class State { fresh, delivered };

struct EtcdSite {
  DeliverySite site{3, 2};
  std::map<std::string, tests::FakeMachine::World> before;

  explicit EtcdSite(State state = State::fresh) {
    site.config.external_etcd = {{"https://10.7.9.1:2379"}, "authority", "certificate", Secret("key"), "client.key"};
    before = site.worlds();
    engine::NoJournal journal;
    if (state == State::delivered) require_delivered(apply(journal));
  }
  Result<delivery::Outcome> apply(engine::Journal& journal, const CancelToken& cancel = {}) {
    return site.apply(journal, base::no_events(), cancel);
  }
  Result<delivery::Outcome> reset(engine::Journal& journal, const CancelToken& cancel = {}) {
    return site.reset(journal, {{}, true}, base::no_events(), cancel);
  }
  void require_delivered_whole() {
    engine::NoJournal journal;
    require_delivered(apply(journal));
    CHECK(site.cluster.state.nodes == std::set<std::string>{"h0", "h1", "h2"});
    CHECK(site.cluster.state.control_planes == std::set<std::string>{"h0", "h1"});
    CHECK(site.cluster.state.etcd.empty());
    CHECK(site.cluster.objects_in_etcd_of_site == 100);  // of one kubeadm init
    CHECK(site.cluster.faults == std::vector<std::string>{});
    for (const size_t plane : {size_t{0}, size_t{1}}) {
      CHECK(text(site.machine(plane), "/etc/sealift/etcd/client.key") == "key");
      CHECK(text(site.machine(plane), "/var/lib/etcd/member").empty());
    }
    CHECK(text(site.machine(2), "/etc/sealift/etcd/client.key").empty());
  }
  void require_reset_whole() {
    engine::NoJournal journal;
    const auto done = reset(journal);
    if (!done) FAIL(done.error().text());
    if (done->error) FAIL(done->error->text());
    CHECK(site.cluster.objects_in_etcd_of_site == 0);
    for (auto& [name, world] : site.worlds()) {
      INFO(name);
      for (const auto& [path, file] : world.files) {
        INFO(path);
        CHECK((before.at(name).files.contains(path) || path == "/run/sealift"));
      }
    }
  }
};

const auto kApply = [](EtcdSite& place, engine::Journal& journal, const CancelToken& cancel) {
  return place.apply(journal, cancel);
};
const auto kReset = [](EtcdSite& place, engine::Journal& journal, const CancelToken& cancel) {
  return place.reset(journal, cancel);
};

}  // namespace

TEST_CASE("site's etcd: delivered, again nothing to do, undone, and delivered again") {
  EtcdSite place;
  place.require_delivered_whole();
  const size_t changes = place.site.changes();
  engine::NoJournal journal;
  const auto again = place.apply(journal);
  require_delivered(again);
  CHECK(place.site.changes() == changes);
  place.require_reset_whole();
  place.site.cluster.state = {};
  place.require_delivered_whole();
}

TEST_CASE("site's etcd: one that holds a cluster is refused before anything is changed") {
  EtcdSite place;
  place.site.cluster.objects_in_etcd_of_site = 7;
  engine::NoJournal journal;
  const auto refused = place.apply(journal);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::preflight);
  CHECK(refused.error().text().contains("h0 finds 7 objects of a cluster"));
  CHECK_FALSE(refused.error().text().contains("h1 finds"));  // told once
  CHECK(place.site.changes() == 0);
  CHECK(place.site.cluster.objects_in_etcd_of_site == 7);
}

TEST_CASE("site's etcd: a delivery that is killed at any record is ended by the next one") {
  EtcdSite whole;
  const size_t records = records_of(whole, kApply);
  kill_at_records(
      records, [] { return EtcdSite(State::fresh); }, kApply, [](EtcdSite& place) { place.require_delivered_whole(); });
}

TEST_CASE("site's etcd: what a killed kubeadm wrote there does not meet the next one") {
  for (const size_t host : {size_t{0}, size_t{1}}) {
    const auto places = interrupt_at_changes(
        kProgramIsKilled, host, [] { return EtcdSite(State::fresh); }, kApply,
        [](EtcdSite& place) { place.require_delivered_whole(); });
    CHECK(places.contains(host == 0 ? "inside kubeadm init: add-ons" : "inside kubeadm join: mark"));
  }
}

TEST_CASE("site's etcd: a reset that is killed at any record empties it in the end") {
  EtcdSite whole(State::delivered);
  const size_t records = records_of(whole, kReset);
  kill_at_records(
      records, [] { return EtcdSite(State::delivered); }, kReset, [](EtcdSite& place) { place.require_reset_whole(); });
}

TEST_CASE("site's etcd: a reset of some control planes leaves it alone, and says so") {
  EtcdSite place(State::delivered);
  engine::NoJournal journal;
  const auto done = place.site.reset(journal, {{place.site.config.hosts[1].address}, false}, base::no_events());
  REQUIRE(done);
  CHECK(noted(*done, "the site's etcd keeps what the cluster has there"));
  CHECK(place.site.cluster.objects_in_etcd_of_site == 100);
}

TEST_CASE("site's etcd: another one, or none, is refused for a cluster that has it") {
  EtcdSite place(State::delivered);
  engine::NoJournal journal;
  const size_t changes = place.site.changes();
  for (const bool none : {false, true}) {
    auto& etcd = place.site.config.external_etcd;
    const auto was = etcd;
    if (none)
      etcd.reset();
    else
      etcd->endpoints = {"https://10.7.9.2:2379"};
    const auto refused = place.apply(journal);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::unsupported);
    CHECK(refused.error().text().contains("it was https://10.7.9.1:2379 when this cluster was made"));
    etcd = was;
  }
  CHECK(place.site.changes() == changes);
}

TEST_CASE("site's etcd: a control plane leaves without a majority in the way, the last one does not") {
  EtcdSite place(State::delivered);
  engine::NoJournal journal;
  const auto left = place.site.remove(journal, {{"h1"}, false, false, Duration{300'000}}, base::no_events());
  require_delivered(left);
  CHECK(place.site.cluster.state.nodes == std::set<std::string>{"h0", "h2"});
  CHECK(place.site.cluster.objects_in_etcd_of_site == 100);
  place.site.config.hosts.erase(place.site.config.hosts.begin() + 1);
  const auto last = place.site.remove(journal, {{"h0"}, false, false, Duration{300'000}}, base::no_events());
  REQUIRE_FALSE(last);
  CHECK(last.error().code == ErrorCode::preflight);
  CHECK(last.error().text().contains("the last one can't be removed"));
}
