// SPDX-License-Identifier: Apache-2.0
//
// Success is reported only for a healthy cluster: at the end of a delivery, and of a run with nothing to do.
#include <catch2/catch_test_macros.hpp>

#include "tests/sim/wanted_end.h"

using namespace sealift;
using namespace sealift::sim;

namespace {

void check_unhealthy(const Result<delivery::Outcome>& outcome, std::string_view what) {
  REQUIRE(outcome);
  REQUIRE(outcome->error);
  CHECK(outcome->error->code == ErrorCode::unhealthy);
  INFO(outcome->error->text());
  CHECK(outcome->error->what.contains(what));
}

}  // namespace

TEST_CASE("health: nothing is delivered while CoreDNS is not ready, and a second run does not say \"nothing to do\"") {
  DeliverySite site(2);
  engine::NoJournal journal;
  site.cluster.names_broken = true;
  check_unhealthy(site.apply(journal, base::no_events()),
                  "Deployment kube-system/coredns: 0 of 2 replicas are available");
  check_unhealthy(site.apply(journal, base::no_events()), "Deployment kube-system/coredns");
  site.cluster.names_broken = false;
  require_delivered(site.apply(journal, base::no_events()));
  again_changes_nothing(site);
  site.cluster.names_broken = true;  // later, by itself
  check_unhealthy(site.apply(journal, base::no_events()), "Deployment kube-system/coredns");
}

TEST_CASE("health: a node without name service is no delivered node, and looking at it changes nothing") {
  DeliverySite site(3);
  engine::NoJournal journal;
  require_delivered(site.apply(journal, base::no_events()));
  const size_t before = site.changes();
  site.machine(2).name_server_trouble = "no answer";
  check_unhealthy(site.apply(journal, base::no_events()),
                  "h2: the cluster's name service 10.96.0.10 gives it no answer: no answer");
  CHECK(site.changes() == before);
}

TEST_CASE("health: an application that dies later is no \"nothing to do\" either") {
  DeliverySite site(2);
  engine::NoJournal journal;
  require_delivered(site.apply(journal, base::no_events()));
  site.cluster.never_healthy.insert("hello");
  site.cluster.restart_pods();
  check_unhealthy(site.apply(journal, base::no_events()), "hello");
}
