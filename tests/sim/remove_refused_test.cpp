// SPDX-License-Identifier: Apache-2.0
//
// What a removal refuses, before anything is changed.
#include "tests/sim/living.h"

using namespace sealift;
using namespace sealift::sim;

TEST_CASE("remove: what is no node is named, with the nearest that is") {
  Living living(3, 1);
  const auto error = living.refused({{"h1", "h22"}});
  CHECK(error.code == ErrorCode::not_found);
  for (const auto* part : {"h22", "h0, h1, h2", "did you mean h2?"}) {
    INFO(part);
    CHECK(error.what.contains(part));
  }
}

TEST_CASE("remove: a host that is new in cluster.yaml is no node") {
  Living living(3, 1, {0, 1});
  living.want({0, 1, 2});
  const auto error = living.refused({{"h2"}});
  CHECK(error.code == ErrorCode::not_found);
  CHECK(error.what == "h2 is not a node of the cluster");
}

TEST_CASE("remove: the last control plane, or all of them, can't be removed") {
  Living living(2, 1);
  const auto error = living.refused({{"h0"}});
  CHECK(error.code == ErrorCode::preflight);
  CHECK(error.what.contains("the last control plane can't be removed"));
  Living three(4, 3);
  CHECK(three.refused({{"h0", "h1", "h2"}}).what.contains("all 3 control planes would leave"));
}

TEST_CASE("remove: the only host that keeps the images does not leave, while it lives") {
  Living living(3, 1);
  auto& registry = living.site.config.registry;
  registry.on = config::RegistryConfig::Hosts::named;
  registry.hosts = {"10.7.0.2"};
  engine::NoJournal journal;
  require_delivered(living.site.apply(journal, base::no_events()));
  const auto error = living.refused({{"h1"}});
  CHECK(error.code == ErrorCode::preflight);
  CHECK(error.what.contains("h1 keeps the images of all others, and no host that stays has them"));
  registry.hosts = {"10.7.0.2", "10.7.0.3"};
  require_delivered(living.site.apply(journal, base::no_events()));
  living.require_removed({{"h1"}});
}

TEST_CASE("remove: no majority of etcd is given up") {
  Living living(4, 3);
  living.site.machine(2).set_reachable(false);
  living.site.cluster.dies(living.site.machine(2));
  const auto error = living.refused({{"h1"}});
  CHECK(error.code == ErrorCode::preflight);
  CHECK(error.what.contains("of the 2 members that would remain 1 answers, 2 are needed"));
  // the dead one first, then it can
  living.require_removed({{"h2"}, true});
  living.want({0, 1, 3});
  living.require_removed({{"h1"}});
  living.check_cluster({0, 3});
}

TEST_CASE("remove: with etcd's majority away nothing can leave") {
  Living living(3, 2);
  living.site.machine(1).set_reachable(false);
  living.site.cluster.dies(living.site.machine(1));
  for (const auto* name : {"h1", "h2"}) {
    const auto error = living.refused({{name}, name == std::string("h1")});
    CHECK(error.code == ErrorCode::preflight);
    CHECK(error.what.contains("no etcd answers on the 1 control plane that can be reached (of 2)"));
  }
}

TEST_CASE("remove: a member that does not answer counts as one, though its host does") {
  Living living(4, 3);
  living.site.cluster.etcd_down = {"10.7.0.3"};
  CHECK(living.refused({{"h1"}}).what.contains("of the 2 members that would remain 1 answers, 2 are needed"));
  living.require_removed({{"h2"}});
  living.check_cluster({0, 1, 3});
}

TEST_CASE("remove: one that answers is not dead") {
  Living living(3, 1);
  const auto error = living.refused({{"h2"}, true});
  CHECK(error.code == ErrorCode::preflight);
  CHECK(error.what.contains("without --dead"));
}
