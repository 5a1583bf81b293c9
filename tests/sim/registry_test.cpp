// SPDX-License-Identifier: Apache-2.0
//
// registry.hosts: the images lie where cluster.yaml says, and move when it says otherwise, while pulls go on.
#include <catch2/catch_test_macros.hpp>

#include "tests/sim/interruptions.h"
#include "tests/sim/living.h"
#include "tests/sim/sample_artifact.h"

using namespace sealift;
using namespace sealift::sim;

namespace {

using Hosts = config::RegistryConfig::Hosts;

void want(DeliverySite& site, Hosts on, std::vector<size_t> named = {}) {
  site.config.registry.on = on;
  site.config.registry.hosts.clear();
  for (const size_t i : named) site.config.registry.hosts.push_back(site.config.hosts[i].address);
}

Result<delivery::Outcome> apply(DeliverySite& site) {
  engine::NoJournal journal;
  return site.apply(journal, base::no_events());
}

enum class Has { nothing, charts, whole };
Has of_payload(DeliverySite& site, size_t host) {
  const auto& stores = site.machine(host).world.stores;
  if (stores.empty()) return Has::nothing;
  REQUIRE(stores.size() == 1);
  return stores.begin()->second.complete ? Has::whole : Has::charts;
}

// `keep`: the hosts with the whole payload. Every host asks these and no others, and gets every image.
void check_registry(DeliverySite& site, const std::set<size_t>& keep) {
  for (size_t i = 0; i < site.size(); ++i) {
    INFO(site.machine(i).name());
    const bool keeps = keep.contains(i), is_plane = i < site.control_planes() && i < 3;
    CHECK(of_payload(site, i) == (keeps ? Has::whole : is_plane ? Has::charts : Has::nothing));
    CHECK(site.machine(i).world.files.contains("/var/lib/sealift/artifacts/@base.json") == (keeps || is_plane));
    const auto mirror = text(site.machine(i), "/etc/sealift/mirror.json");
    const auto socket = text(site.machine(i), "/etc/systemd/system/sealift-mirror.socket");
    for (size_t other = 0; other < site.size(); ++other) {
      const auto address = site.config.hosts[other].address + ":5000";
      CHECK(mirror.contains(address) == (keeps ? other == i : keep.contains(other)));
      CHECK(socket.contains(address) == (keeps && other == i));
    }
    CHECK(mirror.contains("/var/lib/sealift/artifacts") == keeps);
    for (const auto image : {kFlannelImage, kHelloImage, kRedisImage}) CHECK(site.why_not_pulled(i, image).empty());
  }
  check_units_are_current(site);
  CHECK(site.cluster.faults == std::vector<std::string>{});
}

void move(DeliverySite& site, const std::set<size_t>& keep) {
  require_delivered(apply(site));
  check_registry(site, keep);
  again_changes_nothing(site);
}

}  // namespace

TEST_CASE("registry: a worker keeps the images from the beginning, and control planes the charts") {
  DeliverySite site(4, 2);
  want(site, Hosts::named, {3});
  move(site, {3});
}

TEST_CASE("registry: every host keeps the images") {
  DeliverySite site(4, 1);
  want(site, Hosts::all);
  move(site, {0, 1, 2, 3});
}

TEST_CASE("registry: it moves, also back, and leaves nothing behind") {
  DeliverySite site(4, 2);
  move(site, {0, 1});
  want(site, Hosts::named, {2, 3});
  move(site, {2, 3});
  want(site, Hosts::named, {0, 3});
  move(site, {0, 3});
  want(site, Hosts::control_planes);
  move(site, {0, 1});
}

TEST_CASE("registry: whenever a move is cut, every host gets every image, and the next run ends it") {
  auto whole = std::make_unique<DeliverySite>(4, 2);
  require_delivered(apply(*whole));
  want(*whole, Hosts::named, {2});
  const size_t records = records_of(*whole, apply_to);
  for (size_t at = 1; at <= records; ++at) {
    INFO("killed at record " << at << " of " << records);
    DeliverySite site(4, 2);
    require_delivered(apply(site));
    want(site, Hosts::named, {2});
    CancelSource cancel;
    KillingJournal journal(site, cancel, at);
    const auto killed = apply_to(site, journal, cancel.token());
    if (at < records) CHECK((!killed || killed->error));
    site.all_reachable(true);
    for (size_t i = 0; i < site.size(); ++i) {
      INFO(site.machine(i).name());
      for (const auto image : {kFlannelImage, kHelloImage, kRedisImage}) CHECK(site.why_not_pulled(i, image).empty());
    }
    move(site, {2});
  }
}

TEST_CASE("registry: what other artifacts brought is served where it lies until they are delivered again") {
  DeliverySite site(3, 1);
  require_delivered(apply(site));
  site.take(erp_payload());
  require_delivered(apply(site));
  want(site, Hosts::named, {2});
  // Only the artifact with the base moves the registry.
  const auto refused = apply(site);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::preflight);
  CHECK(refused.error().what.contains("apply the artifact that made the cluster first"));
  site.take(sample_payload());
  require_delivered(apply(site));
  const auto all_pulled = [&] {
    for (size_t i = 0; i < site.size(); ++i) {
      INFO(site.machine(i).name());
      for (const auto image : {kFlannelImage, kRedisImage, kErpImage, kDeskImage})
        CHECK(site.why_not_pulled(i, image).empty());
    }
  };
  all_pulled();
  again_changes_nothing(site);
  site.take(erp_payload());
  require_delivered(apply(site));
  all_pulled();
  again_changes_nothing(site);
  // Now nobody needs the control plane for images.
  site.take(sample_payload());
  require_delivered(apply(site));
  all_pulled();
  CHECK_FALSE(text(site.machine(1), "/etc/sealift/mirror.json").contains("10.7.0.1:"));
  CHECK(site.machine(2).world.stores.size() == 2);
  again_changes_nothing(site);
}

TEST_CASE("registry: join serves newcomers from where the images lie, and moves nothing") {
  Living living(5, 1, Living::Begin::not_delivered);
  living.want({0, 1, 2});
  want(living.site, Hosts::named, {2});
  living.deliver();
  living.want({0, 1, 2, 3});
  engine::NoJournal journal;
  require_delivered(living.site.join(journal, base::no_events()));
  CHECK(living.site.why_not_pulled(3, kRedisImage).empty());
  CHECK(text(living.machine(3), "/etc/sealift/mirror.json").contains("10.7.0.3:5000"));
  living.want({0, 1, 2, 3, 4});
  want(living.site, Hosts::named, {1});
  const auto refused = living.site.join(journal, base::no_events());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::preflight);
  CHECK(refused.error().what.contains("`apply` moves the registry"));
}

TEST_CASE("registry: if none of its hosts can be reached, nothing is begun") {
  DeliverySite site(3, 1);
  want(site, Hosts::named, {2});
  site.machine(2).set_reachable(false);
  const auto refused = apply(site);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::unreachable);
  CHECK(refused.error().what.contains("none of the hosts that are to keep the images"));
  CHECK(site.changes() == 0);
}
