// SPDX-License-Identifier: Apache-2.0
//
// Preflight's findings on one host are reported whatever happens to the others, and nothing is changed anywhere.
#include <catch2/catch_test_macros.hpp>

#include "tests/sim/delivery_site.h"
#include "tests/support/event_recorder.h"

using namespace sealift;
using namespace sealift::sim;

namespace {

size_t told(const tests::EventRecorder& events, std::string_view host, std::string_view text) {
  size_t count = 0;
  for (const auto& event : events.events())
    count += event.kind == base::EventKind::finding && event.host == host && event.message.contains(text) ? 1 : 0;
  return count;
}

Error refused(DeliverySite& site, EventSink& events) {
  engine::NoJournal journal;
  const auto outcome = site.apply(journal, events);
  REQUIRE_FALSE(outcome);
  CHECK(site.changes() == 0);
  return outcome.error();
}

}  // namespace

TEST_CASE("hosts whose names become one node's name are refused before anything is changed, by plan too") {
  DeliverySite site(3);
  site.machine(1).facts.hostname = "W1";
  site.machine(2).facts.hostname = "w1";
  site.machine(0).facts.swap_bytes = 1 << 20;
  tests::EventRecorder events;
  const auto error = refused(site, events);
  CHECK(error.code == ErrorCode::preflight);
  for (const auto* part : {"10.7.0.3", "10.7.0.2", "same node name", "set `name`", "swapoff"}) {
    INFO(part);
    CHECK(error.what.contains(part));
  }
  CHECK(told(events, "w1", "same node name") == 1);
  const auto plan = site.plan();
  REQUIRE_FALSE(plan);
  CHECK(plan.error().code == ErrorCode::preflight);
  CHECK(plan.error().what.contains("same node name"));
}

TEST_CASE("a host without a usable name hides no finding of the others") {
  DeliverySite site(3);
  site.machine(1).facts.hostname = "127";
  site.machine(2).facts.swap_bytes = 1 << 20;
  tests::EventRecorder events;
  const auto error = refused(site, events);
  CHECK(error.code == ErrorCode::preflight);
  CHECK(error.what.contains("it reads like an address"));
  CHECK(error.what.contains("swapoff"));
  CHECK(told(events, "h2", "swapoff") == 1);
  CHECK(told(events, "", "set `name`") == 1);
}

TEST_CASE("a host that can't be looked at hides no finding of the others") {
  DeliverySite site(4);
  site.machine(1).facts.swap_bytes = 1 << 20;
  site.machine(2).broken_looks.emplace("facts", Error{ErrorCode::io, "read /proc: Input/output error", {}});
  site.machine(3).broken_features = {"overlay"};
  tests::EventRecorder events;
  const auto error = refused(site, events);
  CHECK(error.code == ErrorCode::io);
  CHECK(error.text().contains("checking 10.7.0.3"));
  CHECK(told(events, "h1", "swapoff") == 1);
  CHECK(told(events, "h3", "overlay does not work") == 1);
}
