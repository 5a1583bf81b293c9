// SPDX-License-Identifier: Apache-2.0
//
// A step on fake machines: `Bench` is one host, `Site` a control plane and a worker with everything a Model needs. The
// tests simulate a host's programs as far as the step under test uses them.
#pragma once

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "payload/base/file.h"
#include "runtime/engine/connections.h"
#include "runtime/engine/step.h"
#include "runtime/steps/model.h"
#include "tests/support/event_recorder.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_host.h"
#include "tests/support/payload_builder.h"

namespace sealift::tests {

// For steps that only touch their own host.
struct NoOthers final : engine::HostConnections {
  Result<std::shared_ptr<host::Host>> connection(const std::string& node, const host::Host*,
                                                 const CancelToken&) override {
    return fail(ErrorCode::internal, "this step was not expected to go to {}", node);
  }
};

struct Bench {
  FakeMachine machine;
  FakeClock clock;
  EventRecorder events;
  std::shared_ptr<host::Host> host;
  NoOthers nobody;
  engine::HostConnections* others = &nobody;

  explicit Bench(std::string name = "h1") : machine(std::move(name)) { connect(); }
  // Reconnects after a lost connection.
  void connect() {
    auto connected = connect_fake(machine);
    REQUIRE(connected);
    host = std::move(*connected);
  }

  engine::StepContext context(const engine::Step& step, CancelToken cancel = {}) {
    return {*host, *others, std::move(cancel), {}, machine.name(), events, clock, step.id()};
  }
  engine::StepState check(engine::Step& step) {
    const size_t before = machine.changes.size();
    const auto state = step.check(context(step).looking());
    if (!state) FAIL(state.error().text());
    CHECK(machine.changes.size() == before);
    return *state;
  }
  // Like the runner.
  Result<void> apply(engine::Step& step, const CancelToken& cancel = {}) {
    auto at = context(step, cancel);
    SEALIFT_ASSIGN(at.succeeded_with, host->begin({step.id(), step.inputs().hex()}));
    return step.apply(at);
  }
  // Applies a step that must be needed before and done afterwards.
  void bring(engine::Step& step) {
    CHECK(check(step) == engine::StepState::needed);
    const auto done = apply(step);
    if (!done) FAIL(done.error().text());
    CHECK(check(step) == engine::StepState::done);
  }

  bool has(const std::string& path) const { return machine.world.files.contains(path); }
  std::string text(const std::string& path) const {
    return std::string(base::as_text(machine.world.files.at(path).content));
  }
  void put(const std::string& path, std::string_view text = "x") {
    machine.world.files[path] = {host::FileType::regular, {0600, 0, 0}, base::to_bytes(text), {}};
  }
  void folder(const std::string& path) {
    machine.world.files[path] = {host::FileType::directory, {0755, 0, 0}, {}, {}};
  }
  // Changes whose text contains `what`.
  size_t changed(std::string_view what) const {
    return static_cast<size_t>(
        std::ranges::count_if(machine.changes, [&](const std::string& change) { return change.contains(what); }));
  }
  // The one change that contains `what`.
  std::string change(std::string_view what) const {
    INFO(what);
    REQUIRE(changed(what) == 1);
    return *std::ranges::find_if(machine.changes, [&](const std::string& change) { return change.contains(what); });
  }
};

inline bool has_word(const base::Command& command, std::string_view word) {
  return std::ranges::contains(command.argv, word);
}
inline std::string word_after(const base::Command& command, std::string_view word) {
  const auto found = std::ranges::find(command.argv, word);
  return found == command.argv.end() || found + 1 == command.argv.end() ? std::string() : *(found + 1);
}
inline base::ExitStatus ended(std::string output = {}) { return {0, std::move(output), {}}; }
inline base::ExitStatus failed(std::string errors, int code = 1) { return {code, {}, std::move(errors)}; }

// The smallest base document with every tool.
inline constexpr std::string_view kSmallBase = R"(apiVersion: sealift.dev/v1
kind: Base
metadata: {name: kubernetes}
spec:
  kubernetesVersion: v1.34.4
  criSocket: unix:///run/containerd/containerd.sock
  images: {sandbox: "registry.k8s.io/pause:3.10.1"}
  tools: {kubeadm: bin/kubeadm, kubectl: bin/kubectl, helm: bin/helm, ctr: bin/ctr}
  files: []
  units: []
)";

struct Site : engine::HostConnections {
  PayloadBuilder builder;
  format::Contents contents;
  config::ClusterConfig config;
  format::BaseDocument base;
  Bench control_plane{"cp1"}, worker{"w1"};

  Site() {
    contents.name = "shop";
    base.kubernetes_version = "v1.34.4";
    base.cri_socket = "unix:///run/containerd/containerd.sock";
    base.images = {{"sandbox", "registry.k8s.io/pause:3.10.1"},
                   {"kube-proxy", "registry.k8s.io/kube-proxy:v1.34.4"},
                   {"kube-apiserver", "registry.k8s.io/kube-apiserver:v1.34.4"}};
    config.name = "plant7";
    config.hosts.resize(2);
    config.hosts[0].role = format::HostRole::control_plane;
    for (auto* bench : {&control_plane, &worker}) {
      bench->machine.facts.nameservers = {"192.0.2.53"};
      bench->others = this;
    }
  }
  void add_file(const std::string& path, std::string_view text) {
    const format::ObjectRef object{hash::sha256(base::as_bytes(text)), text.size()};
    if (added_.insert(object.digest).second) add_object(object, text);
    contents.tree[path] = {object, 0644};
  }

  // A base of which nothing is pulled or started: its document, programs, one image, a program for hosts.
  void add_base(std::string_view helm = "helm") {
    add_file("base.yaml", kSmallBase);
    for (const char* tool : {"kubeadm", "kubectl", "ctr"}) add_file(std::string("bin/") + tool, tool);
    add_file("bin/helm", helm);
    contents.base_document = "base.yaml";
    const format::ObjectRef any = contents.tree.at("bin/ctr").object;
    format::Image pause;
    pause.name = "registry.k8s.io/pause:3.10.1";
    pause.root = any;
    pause.media_type = "application/vnd.oci.image.manifest.v1+json";
    pause.platforms.push_back({Architecture::amd64, any, pause.media_type, any, {any}});
    contents.images.push_back(std::move(pause));
    contents.stubs.push_back({Architecture::amd64, any});
  }

  // The model of everything added so far; made once.
  const steps::Model& model() {
    if (model_) return *model_;
    builder.contents = format::to_json(contents);
    file_ = std::make_unique<base::MemoryFile>(builder.build());
    auto reader = format::PayloadReader::open(*file_);
    if (!reader) FAIL(reader.error().text());
    reader_ = std::move(*reader);
    std::vector<steps::Node> nodes;
    nodes.push_back({config.hosts[0], "cp1", "10.7.0.11", control_plane.machine.facts});
    nodes.push_back({config.hosts[1], "w1", "10.7.0.12", worker.machine.facts});
    model_.reset(new steps::Model{*reader_, config, base, {}, std::move(nodes)});
    return *model_;
  }
  const steps::Node& control_plane_node() { return model().nodes[0]; }
  const steps::Node& worker_node() { return model().nodes[1]; }

  Result<std::shared_ptr<host::Host>> connection(const std::string& node, const host::Host*,
                                                 const CancelToken&) override {
    CHECK(node == "cp1");  // steps go to the control plane only
    SEALIFT_ASSIGN(auto connected, connect_fake(control_plane.machine));
    return std::shared_ptr<host::Host>(std::move(connected));
  }

 private:
  // In frames of the maximum size.
  void add_object(const format::ObjectRef& object, std::string_view text) {
    uint32_t count = 0;
    for (; !text.empty(); ++count) {
      const auto part = text.substr(0, size_t{8} << 20);
      text.remove_prefix(part.size());
      builder.pieces.push_back({static_cast<uint32_t>(builder.frames.size()), 0, part.size()});
      const ByteView bytes = base::as_bytes(part);
      builder.frames.push_back({format::kHeaderSize + builder.data.size(), bytes.size(), bytes.size(),
                                format::Encoding::raw, hash::sha256(bytes)});
      builder.data.insert(builder.data.end(), bytes.begin(), bytes.end());
    }
    builder.objects.push_back({object.digest, object.size, 0, count});
  }

  std::set<Digest> added_;
  std::unique_ptr<base::MemoryFile> file_;
  std::unique_ptr<format::PayloadReader> reader_;
  std::unique_ptr<steps::Model> model_;
};

}  // namespace sealift::tests
