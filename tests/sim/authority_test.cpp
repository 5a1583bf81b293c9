// SPDX-License-Identifier: Apache-2.0
//
// A second authority for the certificates of the node services takes over, wherever a run of it ends: at every moment
// each host gets images through its mirror.
#include <algorithm>

#include "tests/sim/interruptions.h"
#include "tests/sim/played_pki.h"

using namespace sealift;
using namespace sealift::sim;
using tests::FakeMachine;

namespace {

constexpr std::string_view kImage = "registry.k8s.io/pause:3.10.1", kPki = "/etc/sealift/pki/";

std::string text(DeliverySite& site, size_t host, const std::string& file) {
  const auto& files = site.machine(host).world.files;
  const auto found = files.find(std::string(kPki) + file);
  return found == files.end() ? "(absent)" : std::string(base::as_text(found->second.content));
}

// h0 and h1 are control planes and registry hosts.
std::unique_ptr<DeliverySite> delivered(size_t hosts = 4, size_t control_planes = 2) {
  auto out = std::make_unique<DeliverySite>(hosts, control_planes);
  engine::NoJournal journal;
  require_delivered(out->apply(journal, base::no_events()));
  return out;
}

struct Place {
  std::unique_ptr<DeliverySite> owned = delivered();
  DeliverySite& site = *owned;
};

Result<delivery::Outcome> change_authority(Place& place, engine::Journal& journal, const CancelToken& cancel) {
  place.site.renew_authority = true;
  auto out = place.site.apply(journal, base::no_events(), cancel);
  place.site.renew_authority = false;
  return out;
}

void check_serves(DeliverySite& site) {
  for (size_t host = 0; host < site.size(); ++host) {
    INFO("h" << host);
    CHECK(site.why_not_pulled(host, kImage) == "");
  }
}

void check_only(DeliverySite& site, const std::string& authority) {
  for (size_t host = 0; host < site.size(); ++host) {
    INFO("h" << host);
    CHECK(text(site, host, "ca.crt") == authority);
    CHECK(text(site, host, "node/ca.crt") == authority);
    CHECK(text(site, host, "ca.key") == (host < site.control_planes() ? "key of the " + authority : "(absent)"));
    CHECK(text(site, host, "ca.next.key") == "(absent)");
    for (const auto* usage : {"server", "client"}) CHECK(issuer_of(site.machine(host), usage) == authority);
  }
}

// Whatever an ended run has left, the next one brings to an end.
void check_healed(DeliverySite& site) {
  check_serves(site);
  const bool begun = text(site, 0, "ca.crt") != "authority" || text(site, 0, "ca.next.key") != "(absent)";
  engine::NoJournal journal;
  require_delivered(site.apply(journal, base::no_events()));
  check_serves(site);
  check_only(site, begun ? "authority 2" : "authority");
  again_changes_nothing(site);
}

}  // namespace

TEST_CASE("authority: another one takes over when it is asked for, and then there is nothing to do") {
  Place place;
  check_only(place.site, "authority");
  auto& door = place.site.machine(1).world.units["sealift-authority.service"];
  door.active = true;  // somebody has just asked
  for (size_t host = 0; host < place.site.size(); ++host) place.site.machine(host).changes.clear();
  engine::NoJournal journal;
  require_delivered(change_authority(place, journal, {}));
  check_only(place.site, "authority 2");
  check_serves(place.site);
  CHECK_FALSE(door.active);
  for (size_t host = 0; host < place.site.size(); ++host) {
    for (const auto& change : place.site.machine(host).changes) {
      INFO("h" << host << ": " << change);
      CHECK_FALSE(change.contains("sealift-mirror"));  // it notices by itself, in the middle of its answers
    }
  }
  again_changes_nothing(place.site);
  require_delivered(change_authority(place, journal, {}));
  check_only(place.site, "authority 3");
  again_changes_nothing(place.site);
}

TEST_CASE("authority: killed at every record of a change, all mirrors serve, and the next delivery ends it") {
  Place place;
  const size_t records = records_of(place, [](Place& one, engine::Journal& journal, const CancelToken& cancel) {
    return change_authority(one, journal, cancel);
  });
  REQUIRE(records > 40);
  kill_at_records(records, [] { return Place(); }, change_authority, [](Place& one) { check_healed(one.site); });
}

TEST_CASE("authority: any host loses power at each change, all mirrors serve, and the next delivery ends it") {
  for (const size_t host : std::initializer_list<size_t>{0, 1, 2}) {
    const auto where = interrupt_at_changes(
        kPowerFails, host, [] { return Place(); }, change_authority, [](Place& one) { check_healed(one.site); });
    CHECK(where.contains("write /etc/sealift/pki/node/ca.crt"));
  }
  const auto inside = interrupt_at_changes(
      kProgramIsKilled, 0, [] { return Place(); }, change_authority, [](Place& one) { check_healed(one.site); });
  CHECK(inside.contains("inside node pki make-next"));
}

TEST_CASE("authority: a node that is away keeps both in use, and goes on being served, until it is delivered") {
  Place place;
  auto& site = place.site;
  const size_t away = 3;
  site.machine(away).set_reachable(false);
  engine::NoJournal journal;
  for (int times = 0; times < 2; ++times) {  // asked for again, there is no third
    const auto outcome = change_authority(place, journal, {});
    REQUIRE(outcome);
    CHECK(outcome->error->code == ErrorCode::partial);
    CHECK(std::ranges::any_of(outcome->notes, [](const std::string& note) { return note.contains("10.7.0.4"); }));
    for (size_t host = 0; host < away; ++host) CHECK(text(site, host, "node/ca.crt") == "authority 2\nauthority");
    CHECK(text(site, 0, "ca.key") == "key of the authority");
    CHECK(text(site, 0, "ca.next.key") == "key of the authority 2");
  }
  site.machine(away).set_reachable(true);
  check_serves(site);
  check_healed(site);
}

TEST_CASE("authority: a node that is set aside on the way does not lose what it is believed by") {
  const auto fails_at = [](const std::string& call, bool issued) {
    INFO(call);
    Place place;
    auto& site = place.site;
    site.machine(3).before_change = [&](const std::string& what, const std::string& target) -> Result<void> {
      if (what + " " + target != call) return {};
      return fail(ErrorCode::io, "the disk is broken");
    };
    engine::NoJournal journal;
    const auto outcome = change_authority(place, journal, {});
    REQUIRE(outcome);
    CHECK(outcome->error);
    site.machine(3).before_change = {};
    CHECK(text(site, 0, "ca.crt") == "authority 2\nauthority");
    CHECK((text(site, 0, "ca.key") == "key of the authority 2") == issued);
    check_healed(site);
  };
  fails_at("write /etc/sealift/pki/node/ca.crt", false);
  fails_at("write /etc/sealift/pki/ca.crt", false);
}

TEST_CASE("authority: a worker that missed the whole change is mended by its next delivery") {
  Place place;
  auto& site = place.site;
  const auto host = site.config.hosts.back();
  site.config.hosts.pop_back();  // nobody waits for what cluster.yaml does not name
  engine::NoJournal journal;
  require_delivered(change_authority(place, journal, {}));
  CHECK(text(site, 3, "ca.crt") == "authority");
  CHECK(site.why_not_pulled(3, kImage) != "");
  site.config.hosts.push_back(host);
  require_delivered(site.apply(journal, base::no_events()));
  check_only(site, "authority 2");
  check_serves(site);
  again_changes_nothing(site);
}
