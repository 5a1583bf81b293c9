// SPDX-License-Identifier: Apache-2.0
// Sending the payload to a control plane: the order, what is skipped, and that nothing damaged arrives.
#include "runtime/steps/payload_step.h"
#include "payload/base/format.h"

#include <catch2/catch_test_macros.hpp>

#include "tests/unit/runtime/steps/bench.h"

using namespace sealift;
using engine::StepState;
using steps::PayloadPart;
using steps::PayloadStep;

namespace {

// An artifact with the base's image, the network's and an application's; each object is one frame.
struct Delivery : tests::Bench {
  Delivery() : Bench("cp1") {
    tests::PayloadBuilder builder;
    format::Contents contents;
    contents.name = "shop";
    contents.tree["apps/flannel/all.yaml"] = {builder.add_raw("image: docker.io/flannel/flannel:v1\n"), 0644};
    contents.tree["apps/shop/all.yaml"] = {builder.add_raw("image: example.org/shop:1\n"), 0644};
    const format::ImageUse use{
        "docker.io/flannel/flannel:v1", "all.yaml", "DaemonSet/flannel", ".spec", "container", {}};
    contents.apps = {{"flannel", format::AppKind::manifests, true, "apps/flannel", {}, {}},
                     {"shop", format::AppKind::manifests, false, "apps/shop", {}, {}}};
    contents.apps[0].uses = {use};
    contents.apps[1].uses = {{"example.org/shop:1", "all.yaml", "Deployment/shop", ".spec", "container", {}}};
    for (const char* name : {"docker.io/flannel/flannel:v1", "example.org/shop:1", "registry.k8s.io/pause:3.10.1"}) {
      format::Image image;
      image.name = name;
      const auto part = [&](std::string_view what) { return builder.add_raw(base::format("{} of {}", what, name)); };
      image.root = part("manifest");
      image.media_type = "application/vnd.oci.image.manifest.v1+json";
      image.platforms.push_back({Architecture::amd64, image.root, image.media_type, part("config"), {part("layer")}});
      contents.images.push_back(std::move(image));
    }
    builder.contents = format::to_json(contents);
    file_ = std::make_unique<base::MemoryFile>(builder.build());
    auto reader = format::PayloadReader::open(*file_);
    if (!reader) FAIL(reader.error().text());
    reader_ = std::move(*reader);
    format::BaseDocument base;
    base.images = {{"sandbox", "registry.k8s.io/pause:3.10.1"}};
    config.hosts.resize(1);
    config.hosts[0].role = format::HostRole::control_plane;
    std::vector<steps::SelectedApp> apps;
    for (const auto& app : reader_->contents().apps) apps.push_back({&app, "default", {}, {}, {}});
    model_.reset(new steps::Model{
        *reader_, config, base, std::move(apps), {{config.hosts[0], "cp1", "10.7.0.11", machine.facts}}});
  }

  PayloadStep step(PayloadPart part) const { return {*model_, model_->any_control_plane(), part}; }
  uint64_t frame_of(std::string_view object) const {
    return reader_->frames_of(std::vector{hash::sha256(base::as_bytes(object))}).value().front().offset;
  }
  std::vector<uint64_t> metadata() const {
    std::vector<uint64_t> out;
    for (const auto& range : reader_->skeleton()) out.push_back(range.offset);
    return out;
  }
  void select(const std::vector<std::string>& names) {
    std::erase_if(model_->apps, [&](const auto& app) { return !std::ranges::contains(names, app.app->name); });
  }
  uint64_t needed_bytes() const { return steps::needed_bytes(*model_).value(); }
  uint64_t payload_size() const { return reader_->payload_size(); }
  const tests::FakeMachine::Store& store() {
    return machine.world.stores[model_->payload_path(model_->any_control_plane().config)];
  }
  // Offsets in the order of sending.
  std::vector<uint64_t> sent() const {
    std::vector<uint64_t> out;
    for (const auto& change : machine.changes) {
      if (change.starts_with("store ")) out.push_back(std::stoull(change.substr(change.rfind('@') + 1)));
    }
    return out;
  }
  void damage(uint64_t offset) { file_->data().at(offset) ^= std::byte{1}; }

 private:
  config::ClusterConfig config;
  std::unique_ptr<base::MemoryFile> file_;
  std::unique_ptr<format::PayloadReader> reader_;
  std::unique_ptr<steps::Model> model_;
};

}  // namespace

TEST_CASE("payload: metadata, the base's and the network's images first; then all the rest, each byte once") {
  Delivery delivery;
  auto first = delivery.step(PayloadPart::first), rest = delivery.step(PayloadPart::rest);
  delivery.bring(first);
  const auto sent = delivery.sent();
  for (const char* object : {"layer of registry.k8s.io/pause:3.10.1", "config of registry.k8s.io/pause:3.10.1",
                             "layer of docker.io/flannel/flannel:v1"}) {
    INFO(object);
    CHECK(std::ranges::contains(sent, delivery.frame_of(object)));
  }
  CHECK_FALSE(std::ranges::contains(sent, delivery.frame_of("layer of example.org/shop:1")));
  const auto metadata = delivery.metadata();
  REQUIRE(sent.size() > metadata.size());
  CHECK(std::vector(sent.begin(), sent.begin() + static_cast<std::ptrdiff_t>(metadata.size())) == metadata);
  CHECK_FALSE(delivery.store().complete);
  delivery.bring(rest);
  CHECK(delivery.store().complete);
  auto all = delivery.sent();
  std::ranges::sort(all);
  CHECK(std::ranges::adjacent_find(all) == all.end());
  CHECK(all.size() == delivery.store().frames.size());
  CHECK(delivery.check(first) == StepState::done);
}

TEST_CASE("payload: images of applications that are not selected stay behind, until one is") {
  Delivery delivery;
  CHECK(delivery.needed_bytes() == delivery.payload_size());
  delivery.select({"flannel"});
  auto first = delivery.step(PayloadPart::first), rest = delivery.step(PayloadPart::rest);
  delivery.bring(first);
  delivery.bring(rest);
  CHECK_FALSE(delivery.store().complete);
  const auto sent = delivery.sent();
  for (const char* part : {"manifest", "config", "layer"}) {
    const auto at = delivery.frame_of(base::format("{} of example.org/shop:1", part));
    CHECK_FALSE(std::ranges::contains(sent, at));
  }
  CHECK(std::ranges::contains(sent, delivery.frame_of("image: example.org/shop:1\n")));  // files are small
  uint64_t stored = 0;
  for (const auto& [offset, data] : delivery.store().frames) stored += data.size();
  CHECK(stored == delivery.needed_bytes());
  CHECK(stored < delivery.payload_size());
  Delivery later;
  later.machine.world.stores = delivery.machine.world.stores;
  auto all = later.step(PayloadPart::rest);
  later.bring(all);
  CHECK(later.store().complete);
  CHECK(later.sent().size() == 3);
}

TEST_CASE("payload: a transfer that broke goes on where it was") {
  Delivery delivery;
  auto first = delivery.step(PayloadPart::first);
  delivery.machine.break_at_call(8, tests::FakeMachine::When::before);
  const auto broken = delivery.apply(first);
  REQUIRE_FALSE(broken);
  CHECK(broken.error().code == ErrorCode::unreachable);
  delivery.connect();
  const auto before = delivery.sent();
  REQUIRE_FALSE(before.empty());
  delivery.bring(first);
  auto all = delivery.sent();
  REQUIRE(all.size() > before.size());
  std::ranges::sort(all);
  CHECK(std::ranges::adjacent_find(all) == all.end());
}

TEST_CASE("payload: a damaged frame of the artifact is not sent, and the store is not finished") {
  for (const auto part : {PayloadPart::first, PayloadPart::rest}) {
    Delivery delivery;
    const uint64_t bad = delivery.frame_of(part == PayloadPart::first ? "layer of registry.k8s.io/pause:3.10.1"
                                                                      : "layer of example.org/shop:1");
    delivery.damage(bad + 3);
    auto step = delivery.step(part);
    const auto done = delivery.apply(step);
    REQUIRE_FALSE(done);
    CHECK(done.error().code == ErrorCode::corrupt);
    CHECK(done.error().text().contains(base::format("offset {}", bad)));
    CHECK(done.error().text().contains("verify"));
    CHECK_FALSE(delivery.store().frames.contains(bad));
    CHECK_FALSE(delivery.store().complete);
    CHECK(delivery.check(step) == StepState::needed);
  }
}

TEST_CASE("payload: what a pull of an image asks for, each object once") {
  format::Contents contents;
  const auto object = [](std::string_view text) {
    return format::ObjectRef{hash::sha256(base::as_bytes(text)), text.size()};
  };
  format::Image image;
  image.name = "example.org/two:1";
  image.root = object("index");
  image.platforms = {
      {Architecture::amd64, object("manifest a"), "", object("config a"), {object("shared"), object("layer a")}},
      {Architecture::arm64, object("manifest b"), "", object("config b"), {object("shared")}}};
  contents.images = {image};
  std::vector<Digest> wanted;
  for (const char* text : {"index", "manifest a", "config a", "shared", "layer a", "manifest b", "config b"})
    wanted.push_back(object(text).digest);
  CHECK(steps::image_objects(contents, {"example.org/two:1", "example.org/none:1", "example.org/two:1"}) == wanted);
}
