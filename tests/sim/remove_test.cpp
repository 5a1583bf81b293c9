// SPDX-License-Identifier: Apache-2.0
//
// Nodes leave a cluster that goes on: control planes and workers, living and dead, held by pods, cut anywhere.
#include <array>

#include "payload/base/format.h"
#include "tests/sim/living.h"

using namespace sealift;
using namespace sealift::sim;
using Names = std::vector<std::string>;

TEST_CASE("remove: a worker leaves, its host is as before, and nothing of the others is touched") {
  Living living(3, 1);
  living.site.cluster.pods = {{"shop", "web-1", "h2"}, {"shop", "web-2", "h1"}};
  const auto changes = living.site.machine(1).changes.size();
  const auto outcome = living.require_removed({{"h2"}});
  REQUIRE(outcome.hosts.size() == 1);
  CHECK(of(outcome, "h2").state == delivery::HostOutcome::State::done);
  CHECK(noted(outcome, "take h2 out of cluster.yaml"));
  CHECK(living.site.cluster.pods_of("h2") == 0);
  CHECK(living.site.cluster.pods.size() == 2);
  living.check_cluster({0, 1});
  living.check_as_before(2);
  CHECK(living.site.machine(1).changes.size() == changes);
  living.want({0, 1});
  again_changes_nothing(living.site);
  CHECK(living.refused({{"h2"}}).code == ErrorCode::not_found);
}

TEST_CASE("remove: named twice, by name and by address, it leaves once") {
  Living living(3, 1);
  const auto outcome = living.require_removed({{"h2", "10.7.0.3", "H2"}});
  CHECK(outcome.hosts.size() == 1);
  living.check_cluster({0, 1});
}

TEST_CASE("remove: from 1 control plane to 3, 5, 3 and 1") {
  Living living(6, 5, {0, 5});
  living.want({0, 1, 2, 5});
  living.deliver();
  living.want({0, 1, 2, 3, 4, 5});
  living.deliver();
  living.check_cluster({0, 1, 2, 3, 4, 5});
  living.require_removed({{"h3", "h4"}});
  living.check_cluster({0, 1, 2, 5});
  living.want({0, 1, 2, 5});
  again_changes_nothing(living.site);
  // the one that made it, too
  const auto joins = living.site.cluster.joins;
  living.require_removed({{"h0", "h1"}});
  living.check_cluster({2, 5});
  living.want({2, 5});
  living.deliver();
  living.check_cluster({2, 5});
  again_changes_nothing(living.site);
  for (const size_t gone : std::to_array<size_t>({0, 1, 3, 4})) living.check_as_before(gone);
  CHECK(living.site.cluster.joins == joins);
  // and back
  living.want({2, 1, 5});
  living.deliver();
  living.check_cluster({1, 2, 5});
  CHECK(living.site.cluster.inits == std::map<std::string, int>{{"h0", 1}});
}

TEST_CASE("remove: nobody is sent to a control plane any more when it leaves etcd") {
  Living living(4, 3);
  tests::EventRecorder events;
  require_delivered(living.remove({{"h1"}}, events));
  std::vector<std::string> order;
  for (const Event& event : events.events()) {
    if (event.kind == EventKind::step_finished) order.push_back(event.host + " " + event.step);
  }
  const auto at = [&](const std::string& step) { return std::ranges::find(order, step) - order.begin(); };
  for (const auto* other : {"h0", "h2", "h3"}) {
    CHECK(at("h1 remove.drain.h1") < at(std::string(other) + " reload.balancer"));
    CHECK(at(std::string(other) + " reload.balancer") < at("h1 remove.etcd.h1"));
  }
  CHECK(at("h1 remove.etcd.h1") < at("h1 remove.node.h1"));
  CHECK(at("h1 remove.node.h1") < at("h1 reset.stop"));
  for (const size_t other : std::to_array<size_t>({0, 2, 3}))
    CHECK_FALSE(std::ranges::contains(living.site.machine(other).changes, "restart sealift-api.service"));
}

TEST_CASE("remove: a control plane that died is replaced, even the first one") {
  for (const size_t dead : std::to_array<size_t>({0, 1})) {
    Living living(5, 4, {0, 1, 2, 4});
    living.site.cluster.pods = {{"shop", "web-1", base::format("h{}", dead)}};
    living.site.machine(dead).set_reachable(false);
    living.site.cluster.dies(living.site.machine(dead));
    const auto name = base::format("h{}", dead);
    const auto lost = living.refused({{name}});
    CHECK(lost.code == ErrorCode::unreachable);
    CHECK(lost.what.contains("--dead"));
    const auto outcome = living.require_removed({{name}, true});
    CHECK(of(outcome, name).state == delivery::HostOutcome::State::done);
    CHECK(noted(outcome, "must not come back with its old disk"));
    std::vector<size_t> rest{1 - dead, 2, 4};
    living.check_cluster(rest);
    CHECK(living.site.cluster.pods_of(name) == 0);
    rest.push_back(3);
    living.want(rest);
    living.deliver();
    living.check_cluster(rest);
    again_changes_nothing(living.site);
    CHECK(living.refused({{name}, true}).code == ErrorCode::not_found);
  }
}

TEST_CASE("remove: a dead node that is in the cluster only, taken out of cluster.yaml too early") {
  Living living(5, 3);
  living.site.machine(2).set_reachable(false);
  living.site.cluster.dies(living.site.machine(2));
  living.site.machine(4).set_reachable(false);
  living.want({0, 1, 3});
  const auto unknown = living.refused({{"h2"}});
  CHECK(unknown.code == ErrorCode::not_found);
  CHECK(unknown.what.contains("--dead"));
  const auto outcome = living.require_removed({{"h2", "10.7.0.5"}, true});
  CHECK(of(outcome, "h4").state == delivery::HostOutcome::State::done);
  CHECK(noted(outcome, "h2, h4 must not come back"));
  CHECK_FALSE(noted(outcome, "take h"));
  living.check_cluster({0, 1, 3});
}

TEST_CASE("remove: a worker that is away is told of, and keeps nothing back") {
  Living living(5, 3);
  living.site.machine(4).set_reachable(false);
  const auto outcome = living.require_removed({{"h2"}});
  CHECK(outcome.hosts.size() == 1);
  CHECK(noted(outcome, "h4 is away"));
  CHECK(noted(outcome, "the next apply tells it which control planes are left"));
  living.site.machine(4).set_reachable(true);
  living.want({0, 1, 3, 4});
  living.deliver();
  living.check_cluster({0, 1, 3, 4});
}

TEST_CASE("remove: a budget in the way stops this host only, and the same command goes on when it is out of the way") {
  Living living(4, 1);
  auto& cluster = living.site.cluster;
  cluster.pods = {{"shop", "db-0", "h2", "StatefulSet", false, "db"}, {"shop", "web-1", "h2"}, {"shop", "web-2", "h3"}};
  cluster.budgets = {{"shop", "db", 1}};
  const auto outcome = living.remove({{"h2", "h3"}});
  REQUIRE(outcome);
  REQUIRE(outcome->error);
  CHECK(outcome->error->code == ErrorCode::partial);
  CHECK(outcome->error->what.contains("1 of 2 nodes were not removed: h2;"));
  CHECK(of(*outcome, "h3").state == delivery::HostOutcome::State::done);
  const auto& held = of(*outcome, "h2");
  CHECK(held.state == delivery::HostOutcome::State::unfinished);
  for (const auto* part : {"shop/db-0 (held by the PodDisruptionBudget shop/db: 1 pods are ready, 1 must be)",
                           "h2 stays cordoned", "kubectl uncordon h2"}) {
    INFO(part);
    CHECK(held.reason.contains(part));
  }
  CHECK(noted(*outcome, "take h3 out of cluster.yaml"));
  CHECK(cluster.state.nodes == std::set<std::string>{"h0", "h1", "h2"});
  CHECK(cluster.pods_of("h2") == 1);
  living.check_as_before(3);
  CHECK(text(living.machine(2), "/etc/kubernetes/kubelet.conf") != "");
  cluster.budgets.clear();
  living.want({0, 1, 2});
  living.require_removed({{"h2"}});
  living.check_cluster({0, 1});
}

TEST_CASE("remove: a control plane whose drain fails stays one, in the lists of all others too") {
  Living living(6, 5);
  auto& cluster = living.site.cluster;
  cluster.pods = {{"shop", "db-0", "h3", "StatefulSet", false, "db"}};
  cluster.budgets = {{"shop", "db", 1}};
  const auto outcome = living.remove({{"h3", "h4"}});
  REQUIRE(outcome);
  CHECK(of(*outcome, "h4").state == delivery::HostOutcome::State::done);
  CHECK(of(*outcome, "h3").state == delivery::HostOutcome::State::unfinished);
  CHECK(cluster.state.cordoned == std::set<std::string>{"h3"});
  for (const size_t other : std::to_array<size_t>({0, 1, 2, 5})) {
    const auto lists = text(living.machine(other), "/etc/sealift/balancer.json");
    CHECK(lists.contains("10.7.0.4:"));
    CHECK_FALSE(lists.contains("10.7.0.5:"));
  }
  cluster.state.cordoned.clear();  // kubectl uncordon
  living.want({0, 1, 2, 3, 5});
  living.deliver();  // it stays after all, and is told like the others
  living.check_cluster({0, 1, 2, 3, 5});
  again_changes_nothing(living.site);
}

TEST_CASE("remove: what would be lost is told, and lost with force only") {
  Living living(3, 1);
  auto& cluster = living.site.cluster;
  cluster.pods = {{"shop", "cache-0", "h2", "ReplicaSet", true}, {"shop", "tool", "h2", ""}};
  const auto outcome = living.remove({{"h2"}});
  REQUIRE(outcome);
  REQUIRE(outcome->error);
  CHECK(outcome->error->code == ErrorCode::preflight);
  for (const auto* part : {"shop/cache-0", "emptyDir", "shop/tool", "--force"}) {
    INFO(part);
    CHECK(of(*outcome, "h2").reason.contains(part));
  }
  CHECK(cluster.state.cordoned.empty());
  CHECK(cluster.pods.size() == 2);
  tests::EventRecorder events;
  require_delivered(living.remove({{"h2"}, false, true}, events));
  CHECK(std::ranges::any_of(events.events(), [](const Event& event) {
    return event.level == Level::warning && event.message.contains("lost on h2 (--force): shop/cache-0");
  }));
  living.check_cluster({0, 1});
  CHECK(cluster.pods.size() == 1);
}

TEST_CASE("remove: with a registry host goes its payload; the next apply brings it to another one") {
  Living living(6, 5);
  const auto outcome = living.require_removed({{"h1"}});
  CHECK(noted(outcome, "the next apply brings the payload to another control plane"));
  CHECK(living.machine(3).world.stores.empty());
  living.want({0, 2, 3, 4, 5});
  living.deliver();
  CHECK(living.machine(3).world.stores.size() == 1);
  living.check_cluster({0, 2, 3, 4, 5});
  CHECK_FALSE(noted(living.require_removed({{"h4"}}), "payload"));
}

TEST_CASE("remove: killed at every record, the same command finishes it, and the others are as they must be") {
  struct Leaving : Living {  // a control plane, a worker
    Leaving() : Living(5, 3) { site.cluster.pods = {{"shop", "web-1", "h3"}, {"shop", "web-2", "h2"}}; }
  };
  const delivery::RemoveOptions leaving{{"h2", "h3"}};
  const auto remove = [&](Leaving& living, engine::Journal& journal, const CancelToken& cancel) {
    return living.site.remove(journal, leaving, base::no_events(), cancel);
  };
  const auto check = [](Leaving& living) {
    living.check_cluster({0, 1, 4});
    for (const size_t gone : std::to_array<size_t>({2, 3})) living.check_as_before(gone);
  };
  Leaving undisturbed;
  const size_t records = records_of(undisturbed, remove);
  REQUIRE(records > 20);
  check(undisturbed);
  const auto worlds = undisturbed.site.worlds();
  const auto wanted = undisturbed.site.cluster.state;
  kill_at_records(
      records, [] { return Leaving(); }, remove,
      [&](Leaving& living) {
        const auto outcome = living.remove(leaving);
        if (outcome) require_delivered(outcome);
        if (!outcome) CHECK(outcome.error().what == "h2, h3 are no nodes of the cluster");  // it had finished
        check(living);
        CHECK((living.site.cluster.state == wanted));
        for (auto [name, world] : worlds) {
          INFO(name);
          auto now = living.site.worlds().at(name);
          for (auto* one : {&world, &now}) one->files.erase("/run/sealift");
          CHECK(difference(world, now, Run::compared) == "");
        }
      });
  undisturbed.want({0, 1, 4});
  undisturbed.deliver();  // which registry hosts there are
  again_changes_nothing(undisturbed.site);
}

TEST_CASE("remove: of a dead one, killed at every record, the same command finishes it") {
  struct Losing : Living {
    Losing() : Living(5, 3) {
      site.machine(1).set_reachable(false);
      site.cluster.dies(site.machine(1));
    }
  };
  const auto remove = [](Losing& living, engine::Journal& journal, const CancelToken& cancel) {
    return living.site.remove(journal, {{"h1"}, true}, base::no_events(), cancel);
  };
  Losing undisturbed;
  const size_t records = records_of(undisturbed, remove);
  REQUIRE(records > 10);
  undisturbed.check_cluster({0, 2, 3, 4});
  kill_at_records(
      records, [] { return Losing(); }, remove,
      [](Losing& living) {
        living.site.machine(1).set_reachable(false);
        const auto outcome = living.remove({{"h1"}, true});
        if (outcome) require_delivered(outcome);
        if (!outcome) CHECK(outcome.error().code == ErrorCode::not_found);  // it had finished
        living.check_cluster({0, 2, 3, 4});
      });
}
