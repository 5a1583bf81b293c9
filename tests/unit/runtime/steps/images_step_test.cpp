// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/images_step.h"

#include <catch2/catch_test_macros.hpp>
#include <set>

#include "tests/unit/runtime/steps/bench.h"

using namespace sealift;
using base::Command;
using base::CommandIo;
using base::ExitStatus;
using engine::StepState;
using tests::Bench;
using tests::ended;
using tests::failed;

namespace {

const std::vector<std::string> kImages{"registry.k8s.io/pause:3.10.1", "registry.k8s.io/kube-proxy:v1.34.4",
                                       "registry.k8s.io/coredns/coredns:v1.12.1"};

// A host whose containerd stores images by name.
struct Containerd : Bench {
  std::set<std::string> there, not_unpacked;
  std::vector<std::string> pulled;
  std::string cannot_pull, cannot_check, refusal = "unexpected status 404";
  bool running = true;

  Containerd() {
    machine.programs["ctr"] = [this](tests::FakeMachine&, const Command& command,
                                     const CommandIo&) -> Result<ExitStatus> {
      CHECK(tests::word_after(command, "--namespace") == "k8s.io");
      if (!running) return failed("cannot dial unix:///run/containerd/containerd.sock");
      if (tests::has_word(command, "pull")) {
        CHECK(tests::word_after(command, "--hosts-dir") == "/etc/containerd/certs.d");
        // Only both together put a layer on disk before it counts as unpacked.
        CHECK(tests::has_word(command, "--local"));
        CHECK(tests::has_word(command, "--sync-fs"));
        const auto& image = command.argv.back();
        if (image == cannot_pull) return failed(refusal);
        pulled.push_back(image);
        there.insert(image);
        not_unpacked.erase(image);
        return ended();
      }
      const bool ready_only = tests::has_word(command, "check") && tests::has_word(command, "--quiet");
      std::string out;
      for (const auto& image : there) {
        if (ready_only && not_unpacked.contains(image)) continue;
        if (!ready_only || tests::has_word(command, "name==" + image)) out += image + "\n";
      }
      return cannot_check.empty() ? ended(out) : ExitStatus{1, out, "unable to check " + cannot_check};
    };
  }
};

}  // namespace

TEST_CASE("images: what is not there is pulled, and nothing twice") {
  Containerd host;
  host.there = {kImages[1], "docker.io/library/other:1"};
  steps::ImagesStep step(kImages);
  host.bring(step);
  CHECK(host.pulled == std::vector<std::string>{kImages[0], kImages[2]});
  host.pulled.clear();
  REQUIRE(host.apply(step));
  CHECK(host.pulled.empty());
  // a removed image is pulled again; a longer name is another image
  host.there.erase(kImages[0]);
  host.there.insert(kImages[0] + "-debug");
  host.bring(step);
  CHECK(host.pulled == std::vector<std::string>{kImages[0]});
}

TEST_CASE("images: one that has its name and was never unpacked is pulled again") {
  Containerd host;
  host.there.insert(kImages.begin(), kImages.end());
  host.not_unpacked = {kImages[1]};
  steps::ImagesStep step(kImages);
  host.bring(step);
  CHECK(host.pulled == std::vector<std::string>{kImages[1]});
}

TEST_CASE("images: one that can't be read does not make the others missing") {
  Containerd host;
  host.there = {kImages[0], kImages[2]};
  host.cannot_check = kImages[1];
  steps::ImagesStep step(kImages);
  CHECK(host.check(step) == StepState::needed);
  REQUIRE(host.apply(step));
  CHECK(host.pulled == std::vector<std::string>{kImages[1]});
}

TEST_CASE("images: a host without containerd, or where it does not run yet, needs them all") {
  Containerd host;
  host.there.insert(kImages.begin(), kImages.end());
  steps::ImagesStep step(kImages);
  CHECK(host.check(step) == StepState::done);
  host.running = false;
  CHECK(host.check(step) == StepState::needed);
  CHECK_FALSE(host.apply(step));
  host.machine.programs.erase("ctr");
  CHECK(host.check(step) == StepState::needed);
  host.machine.set_reachable(false);
  auto context = host.context(step);
  const auto lost = step.check(context.looking());
  REQUIRE_FALSE(lost);
  CHECK(lost.error().code == ErrorCode::unreachable);
}

TEST_CASE("images: one that can't be pulled is told with its name and host; those before it stay") {
  Containerd host;
  host.cannot_pull = kImages[1];
  steps::ImagesStep step(kImages);
  const auto done = host.apply(step);
  REQUIRE_FALSE(done);
  CHECK(done.error().code == ErrorCode::command_failed);
  CHECK(done.error().text().contains(kImages[1] + " on h1"));
  CHECK(done.error().text().contains("404"));
  CHECK(host.pulled == std::vector<std::string>{kImages[0]});
  host.cannot_pull.clear();
  host.bring(step);
  CHECK(host.pulled == kImages);
}

TEST_CASE("images: a pull that no registry host answered may be tried again") {
  Containerd host;
  host.cannot_pull = kImages[1];
  host.refusal =
      "failed to resolve reference: unexpected status from HEAD request to "
      "http://127.0.0.1:5100/v2/kube-proxy/manifests/v1.34.4: 503 Service Unavailable";
  steps::ImagesStep step(kImages);
  const auto done = host.apply(step);
  REQUIRE_FALSE(done);
  CHECK(done.error().code == ErrorCode::unreachable);
  CHECK(done.error().text().contains(kImages[1] + " on h1"));
}

TEST_CASE("images: a cancelled step pulls no more") {
  Containerd host;
  CancelSource cancel;
  host.machine.before_change = [&](const std::string&, const std::string&) -> Result<void> {
    cancel.cancel();
    return {};
  };
  steps::ImagesStep step(kImages);
  const auto done = host.apply(step, cancel.token());
  REQUIRE_FALSE(done);
  CHECK(done.error().code == ErrorCode::cancelled);
  CHECK(host.pulled.size() <= 1);
}

TEST_CASE("images: workers need those of every node, control planes all") {
  tests::Site site;
  const auto of = [&](const steps::Node& node) {
    const auto images = steps::base_images(site.model(), node);
    return std::set<std::string>(images.begin(), images.end());
  };
  CHECK(of(site.worker_node()) ==
        std::set<std::string>{"registry.k8s.io/pause:3.10.1", "registry.k8s.io/kube-proxy:v1.34.4"});
  CHECK(of(site.control_plane_node()) == std::set<std::string>{"registry.k8s.io/pause:3.10.1",
                                                               "registry.k8s.io/kube-proxy:v1.34.4",
                                                               "registry.k8s.io/kube-apiserver:v1.34.4"});
}
