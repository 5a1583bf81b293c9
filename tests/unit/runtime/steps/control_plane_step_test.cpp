// SPDX-License-Identifier: Apache-2.0
//
// When a control plane that has joined is one: it votes in etcd, and its own API server answers.
#include "runtime/steps/control_plane_step.h"

#include <catch2/catch_test_macros.hpp>

#include "tests/unit/runtime/steps/kubeadm_site.h"

using namespace sealift;
using engine::StepState;

namespace {

struct Joined : tests::KubeadmSite {
  bool answers = true;

  Joined() {
    second_control_plane();
    members += R"(,{"id":"7","name":"w1","peerURLs":["https://10.7.0.12:2380"],"learner":false})";
    worker.machine.programs["exe"] = control_plane.machine.programs["exe"];
    worker.machine.programs["kubectl"] = [this](tests::FakeMachine&, const base::Command& command,
                                                const base::CommandIo&) {
      CHECK(tests::has_word(command, "--server=https://127.0.0.1:6443"));  // its own, not the balancer
      return answers ? tests::ended("ok") : tests::failed("refused");
    };
  }
  StepState state() {
    steps::ControlPlaneReadyStep step(model(), worker_node());
    return worker.check(step);
  }
};

}  // namespace

TEST_CASE("control plane: ready") {
  Joined site;
  CHECK(site.state() == StepState::done);
}

TEST_CASE("control plane: not before its API server answers") {
  Joined site;
  site.answers = false;
  CHECK(site.state() == StepState::needed);
}

TEST_CASE("control plane: not before it votes in etcd") {
  for (const auto* member : {R"({"id":"7","name":"w1","peerURLs":["https://10.7.0.12:2380"],"learner":true})",
                             R"({"id":"7","name":"","peerURLs":["https://10.7.0.12:2380"],"learner":false})",
                             R"({"id":"7","name":"w1","peerURLs":["https://10.7.0.120:2380"],"learner":false})"}) {
    INFO(member);
    Joined site;
    site.members = member;
    CHECK(site.state() == StepState::needed);
  }
}

TEST_CASE("control plane: one that never gets ready says why") {
  Joined site;
  site.members = R"({"id":"1","name":"cp1","peerURLs":["https://10.7.0.11:2380"],"learner":false})";
  steps::ControlPlaneReadyStep step(site.model(), site.worker_node());
  const auto done = site.worker.apply(step);
  REQUIRE_FALSE(done);
  CHECK(done.error().code == ErrorCode::unhealthy);
  CHECK(done.error().text().contains("it does not vote in etcd yet"));
}
