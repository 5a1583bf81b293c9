// SPDX-License-Identifier: Apache-2.0
#include "runtime/checks/preflight.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "tests/support/fake_host.h"

using namespace sealift;

namespace {

struct Site {
  format::BaseDocument base;
  format::Contents contents;
  config::ClusterConfig config;
  Site() {
    contents.stubs.push_back({Architecture::amd64, {}});
    base.minimum[format::HostRole::worker] = {2, uint64_t{1} << 30, 0};
  }
  checks::PreflightInput input() const { return {base, contents, config, 0, false, contents.images_for({})}; }
};

checks::CheckedHost healthy(const std::string& name) {
  checks::CheckedHost view;
  view.name = name;
  auto& facts = view.facts;
  facts.hostname = name;
  facts.machine_id = "id of " + name;
  facts.systemd = true;
  facts.cgroup_version = 2;
  facts.cgroup_controllers = {"cpu", "cpuset", "memory", "pids"};
  facts.cpus = 4;
  facts.memory_bytes = uint64_t{4} << 30;
  facts.default_route = true;
  facts.clock_ms = view.read_at_ms = 1'000'000;
  return view;
}

bool found(const std::vector<checks::Finding>& findings, std::string_view host, std::string_view text) {
  return std::ranges::any_of(findings, [&](const checks::Finding& finding) {
    return finding.host == host && finding.blocks() && finding.text().contains(text);
  });
}

}  // namespace

TEST_CASE("healthy hosts give no finding") {
  const Site site;
  CHECK(checks::check_facts(site.input(), {healthy("a"), healthy("b")}).empty());
}

TEST_CASE("each fault of a host is found, all in one run") {
  const Site site;
  auto bad = healthy("bad");
  bad.facts.swap_bytes = 1 << 20;
  bad.facts.cpus = 1;
  bad.facts.memory_bytes = 1 << 20;
  bad.facts.clock_ms += 90'000;
  bad.facts.systemd = false;
  bad.facts.cgroup_controllers = {"cpu", "cpuset", "memory"};
  bad.facts.architecture = Architecture::arm64;
  const auto findings = checks::check_facts(site.input(), {healthy("good"), bad});
  for (const auto* text :
       {"swapoff", "1 CPU,", "of memory", "differs by 90 s", "systemd", "controller pids", "--platform linux/arm64"}) {
    INFO(text);
    CHECK(found(findings, "bad", text));
  }
  CHECK(std::ranges::none_of(findings, [](const checks::Finding& finding) { return finding.host == "good"; }));
}

TEST_CASE("hosts that were cloned are told apart before they meet") {
  const Site site;
  auto one = healthy("a"), twin = healthy("a");
  one.config.address = "10.7.0.11";
  one.config.line = 7;
  twin.config.address = "10.7.0.12";
  twin.config.line = 8;
  const auto findings = checks::check_facts(site.input(), {one, twin});
  CHECK(findings.size() == 2);
  CHECK(found(findings, "a",
              "at 10.7.0.12 (line 8) has the same node name as 10.7.0.11 (line 7) in cluster.yaml: a; set `name`"));
  CHECK(found(findings, "a", "has the same machine-id as 10.7.0.11 (line 7)"));
}

TEST_CASE("host names that become one node's name are found before they are one node") {
  const Site site;
  auto upper = healthy("CP1"), lower = healthy("cp1");
  CHECK(checks::check_facts(site.input(), {upper, lower}).size() == 1);
  CHECK(found(checks::check_facts(site.input(), {upper, lower}), "cp1", "same node name"));
  // a name in cluster.yaml and another host's own name
  auto named = healthy("other");
  named.config.name = "cp1";
  CHECK(found(checks::check_facts(site.input(), {upper, named}), "other", "same node name"));
  // the hosts' own names do not matter if cluster.yaml names them
  auto first = healthy("localhost"), second = healthy("localhost");
  second.facts.machine_id = "another";
  first.config.name = "n1";
  second.config.name = "n2";
  CHECK(checks::check_facts(site.input(), {first, second}).empty());
}

TEST_CASE("the demand of a disk counts each layer once, and the payload on its registry host only") {
  Site site;
  const Digest layer = hash::sha256(base::as_bytes("layer"));
  for (const auto* name : {"docker.io/library/a:1", "docker.io/library/b:1"}) {
    format::Image image;
    image.name = name;
    image.platforms.push_back({Architecture::amd64, {}, "", {}, {{layer, 100}}});
    site.contents.images.push_back(image);
  }
  site.contents.layers[layer] = {1000, 7};
  auto input = site.input();
  input.payload_bytes = 5000;
  auto view = healthy("a");
  const auto demand_of = [&](std::string_view path) {
    for (const auto& demand : checks::disk_demand(input, view)) {
      if (demand.path == path) return demand;
    }
    return checks::Demand{};
  };
  CHECK(demand_of("/var/lib/containerd").bytes == 1100);
  CHECK(demand_of("/var/lib/containerd").inodes == 7);
  CHECK(demand_of("/var/lib/sealift").bytes == 0);
  view.keeps_payload = true;
  CHECK(demand_of("/var/lib/sealift").bytes == 5000);
  // images of applications that the site leaves out are pulled by nobody
  auto& contents = site.contents;
  contents.apps = {{.name = "erp"}, {.name = "shop"}};
  for (auto& app : contents.apps) app.uses = {{.image = contents.images[0].name}, {.image = contents.images[1].name}};
  input.images = contents.images_for({});
  CHECK(demand_of("/var/lib/containerd").bytes < 1100);
  input.images = contents.images_for({"shop"});
  CHECK(demand_of("/var/lib/containerd").bytes == 1100);
  contents.images[0].reason = "IMAGE redis:7";
  input.images = contents.images_for({});
  CHECK(demand_of("/var/lib/containerd").bytes == 1100);
}

TEST_CASE("places that take no files or no programs are findings, not errors") {
  const Site site;
  tests::FakeMachine machine("a");
  tests::FakeHost host(machine);
  auto view = healthy("a");
  view.host = &host;
  const auto findings = [&] {
    auto out = checks::check_host(site.input(), view);
    INFO((out ? "" : out.error().text()));
    REQUIRE(out);
    return *out;
  };
  CHECK(findings().empty());
  SECTION("read-only") {
    machine.disk.read_only = true;
    for (const auto* folder : {"/usr/local/bin", "/usr/local/lib", "/opt/cni/bin", "/etc"}) {
      INFO(folder);
      CHECK(found(findings(), "a", std::string("takes no files in ") + folder));
    }
  }
  SECTION("no programs") {
    machine.disk.no_exec = true;
    for (const auto* folder : {"/usr/local/bin", "/usr/local/lib", "/opt/cni/bin"}) {
      INFO(folder);
      CHECK(found(findings(), "a", std::string("does not let programs run in ") + folder));
    }
    CHECK(findings().size() == 3);
  }
}
