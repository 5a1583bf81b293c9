// SPDX-License-Identifier: Apache-2.0
//
// `status` of a cluster that does not answer still returns within seconds and names what is down.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "payload/base/format.h"
#include "tests/sim/wanted_end.h"

using namespace sealift;
using namespace sealift::sim;

namespace {

struct Site {
  DeliverySite site{2};
  tests::FakeClock clock;
  Site() {
    engine::NoJournal journal;
    require_delivered(site.apply(journal, base::no_events()));
  }
  std::vector<delivery::StatusLine> status() {
    auto lines = site.status(clock);
    if (!lines) FAIL(lines.error().text());
    return std::move(*lines);
  }
  tests::FakeMachine& control_plane() { return site.machine(0); }
  static const delivery::StatusLine* ill(const std::vector<delivery::StatusLine>& lines, std::string_view subject) {
    const auto found = std::ranges::find(lines, subject, &delivery::StatusLine::subject);
    return found == lines.end() || found->healthy ? nullptr : &*found;
  }
};

}  // namespace

TEST_CASE("status: nodes and workloads of a cluster that is well, and nothing else") {
  Site site;
  std::vector<std::string> subjects;
  for (const auto& line : site.status()) {
    CHECK(line.healthy);
    subjects.push_back(line.subject);
  }
  CHECK(subjects == std::vector<std::string>{"artifact shop", "node h0", "node h1", "DaemonSet default/flannel",
                                             "Deployment default/hello", "Deployment default/redis",
                                             "Deployment kube-system/coredns", "name service 10.96.0.10"});
}

TEST_CASE("status: what somebody has deleted of applications is missing, and comes back with the next delivery") {
  Site site;
  site.site.cluster.lose_object("Deployment/redis");
  site.site.cluster.lose_object("Deployment/hello");
  const auto lines = site.status();
  for (const auto* subject : {"Deployment store/redis", "Deployment default/hello"}) {
    INFO(subject);
    const auto* line = Site::ill(lines, subject);
    REQUIRE(line);
    CHECK(line->state == "Missing");
    CHECK(line->detail.ends_with("`apply` brings it back"));
  }
  engine::NoJournal journal;
  require_delivered(site.site.apply(journal, base::no_events()));
  for (const auto& line : site.status()) {
    INFO(line.subject);
    CHECK(line.healthy);
  }
}

TEST_CASE("status: an API server that refuses is named with the last line that was said") {
  Site site;
  site.control_plane().programs["kubectl"] = [](tests::FakeMachine&, const base::Command&,
                                                const base::CommandIo&) -> Result<base::ExitStatus> {
    return bad(
        "E0101 12:00:00.1 memcache.go:265] couldn't get current server API group list: EOF\nE0101 12:00:01.2 memcache.go:265] couldn't get it: EOF\nThe connection to the server 127.0.0.1:7443 was refused\n");
  };
  const auto lines = site.status();
  REQUIRE(lines.size() == 1);
  const auto* line = Site::ill(lines, "API server on 10.7.0.1");
  REQUIRE(line);
  CHECK(line->state == "down");
  CHECK(line->detail == "does not answer: The connection to the server 127.0.0.1:7443 was refused");
}

TEST_CASE("status: an API server that hangs costs less than five seconds, however long its clients would wait") {
  Site site;
  site.control_plane().programs["kubectl"] = [&](tests::FakeMachine&, const base::Command& command,
                                                 const base::CommandIo&) -> Result<base::ExitStatus> {
    REQUIRE(command.timeout);
    site.clock.advance(*command.timeout);
    return fail(ErrorCode::timeout, "kubectl did not end within {} s", command.timeout->count() / 1000);
  };
  const auto lines = site.status();
  CHECK(site.clock.monotonic() < Duration{5'000});
  REQUIRE(Site::ill(lines, "API server on 10.7.0.1"));
  CHECK(Site::ill(lines, "API server on 10.7.0.1")->detail.contains("did not end within"));
}

TEST_CASE("status: an API server that goes down while it is asked is an answer, not an error") {
  Site site;
  site.control_plane().programs["kubectl"] = [](tests::FakeMachine&, const base::Command& command,
                                                const base::CommandIo&) -> Result<base::ExitStatus> {
    if (has(command, "--raw")) return good("ok");
    return bad("Unable to connect to the server: EOF");
  };
  const auto lines = site.status();
  REQUIRE(Site::ill(lines, "API server on 10.7.0.1"));
  CHECK(lines.size() == 2);  // and the artifact
}

TEST_CASE("status: units that do not run are named with their state") {
  Site site;
  site.control_plane().world.units["kubelet.service"].active = false;
  auto& containerd = site.control_plane().world.units["containerd.service"];
  containerd.active = false;
  containerd.failed = true;
  const auto lines = site.status();
  REQUIRE(Site::ill(lines, "kubelet.service on 10.7.0.1"));
  CHECK(Site::ill(lines, "kubelet.service on 10.7.0.1")->state == "inactive");
  REQUIRE(Site::ill(lines, "containerd.service on 10.7.0.1"));
  CHECK(Site::ill(lines, "containerd.service on 10.7.0.1")->state == "failed");
  CHECK(Site::ill(lines, "containerd.service on 10.7.0.1")->detail.contains("journalctl -u containerd.service"));
  CHECK(Site::ill(lines, "API server on 10.7.0.1"));
  CHECK_FALSE(Site::ill(lines, "sealift-mirror.service on 10.7.0.1"));
}

TEST_CASE(
    "status: a certificate that the node should have renewed long ago is a warning, one that has ended is not well") {
  Site site;
  const auto says = [&](int left) {
    site.control_plane().programs["exe"] = [left](tests::FakeMachine&, const base::Command&, const base::CommandIo&) {
      return good(base::format(
          R"({{"authorities":[],"certificates":[{{"usage":"server","ends":"2027-11-27","percentLeft":{},"due":true}}]}})",
          left));
    };
    auto lines = site.status();
    std::erase_if(lines, [](const auto& line) { return !line.subject.starts_with("certificate"); });
    return lines;
  };
  CHECK(says(25).empty());
  const auto soon = says(24), ended = says(0);
  REQUIRE(soon.size() == 1);
  CHECK(soon[0].subject == "certificate 10.7.0.1 server");
  CHECK(soon[0].state == "EndsSoon");
  CHECK(soon[0].detail.contains("ends at 2027-11-27"));
  CHECK(soon[0].detail.contains("journalctl -u sealift-renew"));
  CHECK(soon[0].healthy);
  CHECK(soon[0].warns);
  REQUIRE(ended.size() == 1);
  CHECK(ended[0].state == "Ended");
  CHECK_FALSE(ended[0].healthy);
  site.control_plane().programs["exe"] = [](tests::FakeMachine&, const base::Command&, const base::CommandIo&) {
    return bad("broken");
  };
  const auto lines = site.status();
  const auto unknown = std::ranges::find(lines, "certificates 10.7.0.1", &delivery::StatusLine::subject);
  REQUIRE(unknown != lines.end());
  CHECK(unknown->warns);
  CHECK(unknown->healthy);
}

TEST_CASE("status: a kubelet that is dead while the API still answers is named beside what the API says") {
  Site site;
  site.control_plane().programs["kubectl"] = [](tests::FakeMachine&, const base::Command& command,
                                                const base::CommandIo&) -> Result<base::ExitStatus> {
    return good(
        has(command, "--raw") ? "ok"
        : has(command, "nodes")
            ? R"({"items":[{"metadata":{"name":"h0"},"status":{"conditions":[{"type":"Ready","status":"True"}]}}]})"
            : "");
  };
  site.control_plane().world.units["kubelet.service"].active = false;
  const auto lines = site.status();
  // And the artifact, the node, the name service, and the applications' objects, which this API server does not have.
  CHECK(lines.size() == 7);
  CHECK(std::ranges::count(lines, "Missing", &delivery::StatusLine::state) == 3);
  CHECK(Site::ill(lines, "kubelet.service on 10.7.0.1"));
}

TEST_CASE("status: a host that gives no answer is no cluster that is ill") {
  Site site;
  site.control_plane().set_reachable(false);
  const auto lines = site.site.status(site.clock);
  REQUIRE_FALSE(lines);
  CHECK(lines.error().code == ErrorCode::unreachable);
}
