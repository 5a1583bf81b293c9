// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/cluster_steps.h"

#include <catch2/catch_test_macros.hpp>

#include "payload/base/format.h"
#include "payload/json/value.h"
#include "tests/unit/runtime/steps/bench.h"

using namespace sealift;
using base::Command;
using base::CommandIo;
using base::ExitStatus;
using engine::StepState;
using tests::ended;
using tests::failed;
using tests::has_word;
using tests::word_after;

namespace {

constexpr std::string_view kCorefile =
    ".:53 {\n    errors\n    forward . /etc/resolv.conf {\n       max_concurrent 1000\n    }\n    cache 30\n}\n";

// A control plane whose API knows one node and CoreDNS's ConfigMap.
struct Api : tests::Site {
  int unknown_looks = 0;  // number of looks before the API knows the node
  int broken_looks = 0;   // number of looks that fail
  std::map<std::string, std::string> labels{{"kubernetes.io/hostname", "w1"}};
  std::string ready = "True", message = "kubelet is posting ready status";
  std::optional<std::string> corefile = std::string(kCorefile);

  Api() {
    config.hosts[1].labels = {{"disk", "ssd"}, {"zone", "a"}};
    control_plane.machine.programs["kubectl"] = [this](tests::FakeMachine&, const Command& command, const CommandIo&) {
      return kubectl(command);
    };
  }

 private:
  Result<ExitStatus> kubectl(const Command& command) {
    if (broken_looks > 0) {
      --broken_looks;
      return failed("connection refused");
    }
    if (has_word(command, "label")) {
      CHECK(word_after(command, "node") == "w1");
      CHECK(has_word(command, "--overwrite"));
      for (size_t i = static_cast<size_t>(std::ranges::find(command.argv, "--overwrite") - command.argv.begin()) + 1;
           i < command.argv.size(); ++i) {
        const auto at = command.argv[i].find('=');
        labels[command.argv[i].substr(0, at)] = command.argv[i].substr(at + 1);
      }
      return ended();
    }
    if (has_word(command, "patch")) {
      CHECK(word_after(command, "configmap") == "coredns");
      const auto patch = json::parse(word_after(command, "--patch"));
      REQUIRE(patch);
      corefile = *patch->at_path("data/Corefile")->string();
      return ended();
    }
    if (has_word(command, "configmap")) {
      if (!corefile) return ended();
      json::Value data = json::Value::object(), map = json::Value::object();
      data.set("Corefile", *corefile);
      map.set("data", std::move(data));
      return ended(json::to_canonical(map));
    }
    CHECK(word_after(command, "node") == "w1");
    if (unknown_looks > 0) {
      --unknown_looks;
      return ended();
    }
    json::Value known = json::Value::object();
    for (const auto& [key, value] : labels) known.set(key, value);
    return ended(base::format(
        R"({{"metadata":{{"labels":{}}},"status":{{"conditions":[{{"type":"MemoryPressure","status":"True","message":"other"}},)"
        R"({{"type":"Ready","status":"{}","message":"{}"}}]}}}})",
        json::to_canonical(known), ready, message));
  }
};

}  // namespace

TEST_CASE("the API server is waited for, not for ever") {
  tests::Site site;
  auto& bench = site.control_plane;
  int looks = 0, answers_at = 5;
  bench.machine.programs["kubectl"] = [&](tests::FakeMachine&, const Command& command,
                                          const CommandIo&) -> Result<ExitStatus> {
    CHECK(word_after(command, "--raw") == "/readyz");
    return ++looks >= answers_at ? ended("ok") : failed("connection refused");
  };
  steps::ApiReadyStep step(site.control_plane_node());
  bench.bring(step);
  CHECK(looks == 6);
  answers_at = INT_MAX;
  const auto begin = bench.clock.monotonic();
  const auto late = bench.apply(step);
  REQUIRE_FALSE(late);
  CHECK(late.error().code == ErrorCode::unhealthy);
  CHECK(late.error().text().contains("connection refused"));
  CHECK(bench.clock.monotonic() - begin >= std::chrono::seconds(240));
  CHECK(bench.clock.monotonic() - begin < std::chrono::seconds(250));
  bench.machine.set_reachable(false);  // errors that the runner handles are not waited out
  const auto gone = bench.apply(step);
  REQUIRE_FALSE(gone);
  CHECK(gone.error().code == ErrorCode::unreachable);
}

TEST_CASE("labels: set as wanted once the API knows the node, others are left alone") {
  Api api;
  steps::LabelsStep step(api.model(), api.worker_node());
  api.labels["zone"] = "b";
  api.unknown_looks = 4;
  api.broken_looks = 2;
  api.worker.bring(step);
  CHECK(api.labels ==
        std::map<std::string, std::string>{{"disk", "ssd"}, {"kubernetes.io/hostname", "w1"}, {"zone", "a"}});
  CHECK(api.control_plane.changed("label") == 1);
  CHECK(api.worker.machine.changes.empty());
  api.labels.erase("disk");
  CHECK(api.worker.check(step) == StepState::needed);
}

TEST_CASE("labels: a node that the API does not get to know is an error after its time") {
  Api api;
  steps::LabelsStep step(api.model(), api.worker_node());
  api.unknown_looks = INT_MAX;
  CHECK(api.worker.check(step) == StepState::needed);
  const auto done = api.worker.apply(step);
  REQUIRE_FALSE(done);
  CHECK(done.error().code == ErrorCode::unhealthy);
  CHECK(done.error().text().contains("w1 is not known to the API after 300 s"));
  CHECK(api.control_plane.changed("label") == 0);
}

TEST_CASE("labels: waiting ends with the connection and with a signal") {
  Api api;
  steps::LabelsStep step(api.model(), api.worker_node());
  api.unknown_looks = INT_MAX;
  api.control_plane.machine.break_at_call(3, tests::FakeMachine::When::before);
  const auto lost = api.worker.apply(step);
  REQUIRE_FALSE(lost);
  CHECK(lost.error().code == ErrorCode::unreachable);
  CancelSource cancel;
  cancel.cancel();
  const auto stopped = api.worker.apply(step, cancel.token());
  REQUIRE_FALSE(stopped);
  CHECK(stopped.error().code == ErrorCode::cancelled);
  CHECK(api.worker.clock.monotonic() < std::chrono::seconds(5));
}

TEST_CASE("a node is waited for until it is Ready, with the API's words when it is not") {
  Api api;
  steps::NodeReadyStep step(api.model(), api.worker_node());
  CHECK(api.worker.check(step) == StepState::done);
  api.unknown_looks = 3;
  api.worker.bring(step);
  for (const char* status : {"False", "Unknown"}) {
    INFO(status);
    api.ready = status;
    api.message = "cni plugin not initialized";
    CHECK(api.worker.check(step) == StepState::needed);
    const auto done = api.worker.apply(step);
    REQUIRE_FALSE(done);
    CHECK(done.error().code == ErrorCode::unhealthy);
    CHECK(done.error().text().contains("w1 is not Ready after 300 s"));
    CHECK(done.error().text().contains("cni plugin not initialized"));
  }
  api.unknown_looks = INT_MAX;
  const auto unknown = api.worker.apply(step);
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().text().contains("the API does not know the node"));
  CHECK(api.control_plane.machine.changes.empty());
  CHECK(api.worker.machine.changes.empty());
}

TEST_CASE("names outside the cluster: where CoreDNS forwards is the site's choice, else what the hosts have") {
  Api api;
  CHECK(steps::upstreams(api.model()).keep_hosts_own);
  api.config.network.dns_upstream = config::NetworkConfig::Dns::addresses;
  api.config.network.dns_addresses = {"10.7.0.53", "10.7.0.54"};
  const auto named = steps::upstreams(api.model());
  CHECK(named.servers == api.config.network.dns_addresses);
  CHECK_FALSE(named.keep_hosts_own);
  CHECK(named.note.contains("10.7.0.53, 10.7.0.54"));
  api.config.network.dns_upstream = config::NetworkConfig::Dns::none;
  CHECK((steps::upstreams(api.model()).servers.empty() && !steps::upstreams(api.model()).keep_hosts_own));
  // If a single host lacks a name server that pods can reach, CoreDNS would fail whenever it runs there.
  for (const auto& servers : {std::vector<std::string>{}, {"127.0.0.53"}}) {
    Api lonely;
    lonely.worker.machine.facts.nameservers = servers;
    CHECK((steps::upstreams(lonely.model()).servers.empty() && !steps::upstreams(lonely.model()).keep_hosts_own));
  }
}

TEST_CASE("CoreDNS: only the forward changes, and only if it must") {
  Api own;
  steps::DnsStep keep(own.model());
  CHECK(own.control_plane.check(keep) == StepState::done);
  Api api;
  api.config.network.dns_upstream = config::NetworkConfig::Dns::addresses;
  api.config.network.dns_addresses = {"10.7.0.53"};
  steps::DnsStep step(api.model());
  api.control_plane.bring(step);
  CHECK(api.corefile->contains("forward . 10.7.0.53"));
  CHECK_FALSE(api.corefile->contains("/etc/resolv.conf"));
  CHECK(api.corefile->contains("cache 30"));
  api.config.network.dns_upstream = config::NetworkConfig::Dns::none;
  steps::DnsStep none(api.model());
  api.control_plane.bring(none);
  CHECK_FALSE(api.corefile->contains("forward"));
  CHECK(api.corefile->contains("cache 30"));
  // a site that gets a name server later
  api.config.network.dns_upstream = config::NetworkConfig::Dns::addresses;
  steps::DnsStep later(api.model());
  api.control_plane.bring(later);
  CHECK(api.corefile->contains("forward . 10.7.0.53"));
  api.config.network.dns_upstream = config::NetworkConfig::Dns::host;
  steps::DnsStep back(api.model());
  api.control_plane.bring(back);
  CHECK(api.corefile->contains("forward . /etc/resolv.conf"));
  // edited by hand, while `host` was wanted all along
  api.corefile = ".:53 {\n    forward . 10.1.2.3\n}\n";
  CHECK(api.control_plane.check(back) == StepState::done);
  api.corefile.reset();
  CHECK(api.control_plane.check(none) == StepState::needed);
  const auto missing = api.control_plane.apply(none);
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == ErrorCode::not_found);
}
