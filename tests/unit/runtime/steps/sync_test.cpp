// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/sync.h"

#include <catch2/catch_test_macros.hpp>

#include "tests/unit/runtime/steps/bench.h"

using namespace sealift;
using engine::StepState;

TEST_CASE("sync: needed after a change by anybody, also one of an earlier run, and not twice") {
  tests::Site site;
  site.config.hosts[1].data_root = "/data/sealift";
  tests::Bench& host = site.worker;
  steps::SyncStep step(site.worker_node());
  CHECK(host.check(step) == StepState::needed);  // nothing is known yet
  host.bring(step);
  const auto synced = host.change("sync ");
  for (const auto* path : {"/", "/var/lib/containerd", "/var/lib/kubelet", "/var/lib/etcd", "/var/lib/cni",
                           "/etc/kubernetes", "/data/sealift"}) {
    INFO(path);
    CHECK((synced + " ").contains(std::string(" ") + path + " "));
  }
  host.connect();
  CHECK(host.check(step) == StepState::done);
  REQUIRE(host.host->make_directory("/etc/x", {}, {"another.step", ""}));
  host.bring(step);
  REQUIRE(host.host->record({"another.step", ""}));
  host.bring(step);
  CHECK(host.changed("sync ") == 3);
}

TEST_CASE("sync: a host that can't write its disks is not done") {
  tests::Site site;
  site.worker.machine.before_change = [](const std::string& call, const std::string&) -> Result<void> {
    return call == "sync" ? Result<void>(fail(ErrorCode::io, "sync the file system of /: Input/output error"))
                          : Result<void>();
  };
  steps::SyncStep step(site.worker_node());
  CHECK_FALSE(site.worker.apply(step));
  CHECK(site.worker.check(step) == StepState::needed);
}
