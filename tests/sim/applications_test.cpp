// SPDX-License-Identifier: Apache-2.0
//
// Many applications side by side: killed at every record, with one that fails, and looked at again.
#include "tests/sim/interruptions.h"
#include "tests/sim/reference.h"
#include "tests/sim/sample_artifact.h"
#include "tests/support/event_recorder.h"

using namespace sealift;
using namespace sealift::sim;
using State = delivery::ApplicationOutcome::State;

namespace {

struct Many {
  DeliverySite site;
  explicit Many(size_t charts, size_t hosts = 2) : site(hosts) { site.take(sample_payload("shop", "3.4", charts)); }
};

Result<delivery::Outcome> apply(Many& place, engine::Journal& journal, const CancelToken& cancel) {
  return apply_to(place.site, journal, cancel);
}

delivery::Outcome delivered(DeliverySite& site) {
  engine::NoJournal journal;
  auto outcome = site.apply(journal, base::no_events());
  if (!outcome) FAIL(outcome.error().text());
  return std::move(*outcome);
}

// How often helm has installed or upgraded each chart.
std::map<std::string, size_t> revisions_of(DeliverySite& site, size_t charts) {
  std::map<std::string, size_t> out;
  for (size_t i = 0; i < charts; ++i) out[sample_chart(i)] = site.cluster.revisions[sample_chart(i)].size();
  return out;
}

void check_all(DeliverySite& site, size_t charts) {
  for (size_t i = 0; i < charts; ++i) {
    INFO(sample_chart(i));
    REQUIRE(site.cluster.state.releases.contains(sample_chart(i)));
    CHECK(site.cluster.state.releases.at(sample_chart(i)).status == "deployed");
  }
  CHECK(site.cluster.faults.empty());
}

std::map<std::string, delivery::ApplicationOutcome> by_name(const delivery::Outcome& outcome) {
  std::map<std::string, delivery::ApplicationOutcome> out;
  for (const auto& app : outcome.applications) out[app.name] = app;
  return out;
}

uint64_t calls_of_second_run(size_t charts) {
  Many place(charts);
  auto& site = place.site;
  require_delivered(delivered(site));
  const auto before = site.machine(0).calls();
  const auto again = delivered(site);
  CHECK(again.applied == 0);
  CHECK(again.applications.size() == charts + 2);
  return site.machine(0).calls() - before;
}

}  // namespace

TEST_CASE("applications: three hundred that are as they should be cost no more questions than three") {
  CHECK(calls_of_second_run(300) == calls_of_second_run(3));
}

TEST_CASE("applications: one that fails stops those that need it, all others are delivered") {
  Many place(30);
  auto& site = place.site;
  site.cluster.never_healthy = {sample_chart(8)};  // app009 needs it
  const auto first = delivered(site);
  REQUIRE(first.error);
  INFO(first.error->text());
  CHECK(first.error->code == ErrorCode::unhealthy);
  CHECK(first.error->text().contains("app.app008"));
  auto apps = by_name(first);
  REQUIRE(apps.size() == 32);
  for (const auto& [name, app] : apps) {
    INFO(name);
    if (name == sample_chart(8)) {
      CHECK(app.state == State::failed);
      CHECK(app.reason.contains("Deployment/app008"));
    } else if (name == sample_chart(9)) {
      CHECK(app.state == State::not_tried);
      CHECK(app.reason.contains("app.app008"));
    } else {
      CHECK(app.state == State::healthy);
      CHECK(app.changed);
    }
  }
  CHECK_FALSE(site.cluster.state.releases.contains(sample_chart(9)));
  for (const auto& host : first.hosts) CHECK(host.state == delivery::HostOutcome::State::done);
  // mended, only what was left is done
  site.cluster.never_healthy.clear();
  const auto second = delivered(site);
  require_delivered(second);
  for (const auto& [name, app] : by_name(second)) {
    INFO(name);
    CHECK(app.changed == (name == sample_chart(8) || name == sample_chart(9)));
  }
  check_all(site, 30);
  CHECK(delivered(site).applied == 0);
}

TEST_CASE("applications: killed at every record, the next run ends it") {
  constexpr size_t kCharts = 12;
  Many reference(kCharts);
  const auto records = records_of(reference, apply);
  kill_at_records(
      records, [] { return Many(kCharts); }, apply,
      [](Many& place) {
        auto& site = place.site;
        require_delivered(delivered(site));
        check_all(site, kCharts);
        CHECK(delivered(site).applied == 0);
      });
}

TEST_CASE("applications: helm and its host are interrupted wherever they can be, several releases at once") {
  constexpr size_t kCharts = 4;
  const auto after = [](Many& place) {
    require_delivered(delivered(place.site));
    check_all(place.site, kCharts);
  };
  const auto where = interrupt_at_changes(kProgramIsKilled, 0, [] { return Many(kCharts); }, apply, after);
  CHECK(where.contains("inside helm upgrade: pending"));
}

TEST_CASE("applications: three hundred on a hundred nodes, killed again and again") {
  Many place(300, 101);
  auto& site = place.site;
  const auto outcome = kill_again_and_again(place, 400, apply);
  require_delivered(outcome);
  check_all(site, 300);
  const auto again = delivered(site);
  CHECK(again.applied == 0);
  for (const auto& app : again.applications) CHECK(app.state == State::healthy);
}

TEST_CASE(
    "applications: an update of three hundred on a hundred nodes touches those that changed, killed again and again") {
  constexpr size_t kCharts = 300;
  Many place(kCharts, 101);
  auto& site = place.site;
  require_delivered(delivered(site));
  const auto before = revisions_of(site, kCharts);
  site.take(sample_payload("shop", "3.5", kCharts, true));
  const auto planned = site.plan();
  REQUIRE(planned);
  for (size_t i = 0; i < kCharts; ++i) {
    INFO(sample_chart(i));
    const auto line = std::ranges::find(planned->lines, "app." + sample_chart(i), &delivery::PlanLine::step);
    const bool is_planned = line != planned->lines.end() && line->state == delivery::PlanLine::State::needed;
    CHECK(is_planned == is_changed_chart(i));
    if (is_planned) CHECK(line->description.contains("helm chart 1.0.0 → 1.1.0"));
  }
  const auto outcome = kill_again_and_again(place, 300, apply);
  require_delivered(outcome);
  CHECK(outcome->applications.size() == kCharts + 2);
  check_all(site, kCharts);
  const auto after = revisions_of(site, kCharts);
  for (size_t i = 0; i < kCharts; ++i) {
    const auto app = sample_chart(i);
    INFO(app);
    CHECK((after.at(app) > before.at(app)) == is_changed_chart(i));
    CHECK(site.cluster.state.releases.at(app).chart.contains("of version 1.1.0") == is_changed_chart(i));
  }
  const auto again = delivered(site);
  CHECK(again.applied == 0);
}
