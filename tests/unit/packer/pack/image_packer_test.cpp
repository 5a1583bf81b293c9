// SPDX-License-Identifier: Apache-2.0
// IMAGE lines: from a folder and from registries; what is fetched, what is not, and what is compared on the way.
#include <catch2/catch_test_macros.hpp>

#include <algorithm>

#include "payload/base/format.h"
#include "tests/support/event_recorder.h"
#include "tests/support/own_namespaces.h"
#include "tests/support/registry_server.h"
#include "tests/support/stored_image.h"
#include "tests/support/tar.h"
#include "tests/unit/packer/pack/project.h"

using namespace sealift;
using tests::Project;
using tests::RegistryServer;
using tests::write;

namespace {

const std::string kLayer(1024, '\0');  // an empty archive

std::string descriptor(std::string_view type, std::string_view fields) {
  return base::format(R"({{"mediaType":"{}",{}}})", type, fields);
}

// A manifest with one layer that has this descriptor, as text.
std::string manifest_of(const std::string& config, const std::string& layer) {
  return base::format(R"({{"schemaVersion":2,"mediaType":"{}","config":{},"layers":[{}]}})", image::kOciManifest,
                      descriptor("application/vnd.oci.image.config.v1+json", config),
                      descriptor("application/vnd.oci.image.layer.v1.tar", layer));
}

std::string fields(const std::string& text) {
  return base::format(R"("digest":"{}","size":{})", hash::sha256(base::as_bytes(text)).text(), text.size());
}

// Makes this image, docker.io/library/odd:1, the only one in the project's layout.
void layout_of(const Project& project, const std::string& manifest) {
  write(
      project.folder / "odd/index.json",
      base::format(
          R"({{"schemaVersion":2,"manifests":[{{"mediaType":"{}",{},"annotations":{{"org.opencontainers.image.ref.name":"docker.io/library/odd:1"}}}}]}})",
          image::kOciManifest, fields(manifest)));
  write(project.folder / ("odd/blobs/sha256/" + hash::sha256(base::as_bytes(manifest)).hex()), manifest);
}

void put_blob(const Project& project, const std::string& text) {
  write(project.folder / ("odd/blobs/sha256/" + hash::sha256(base::as_bytes(text)).hex()), text);
}

const std::string kConfig = R"({"architecture":"amd64","os":"linux"})";

// Publishes team/app:1.0 for amd64; returns its layer.
Digest publish(RegistryServer& server, const std::string& layer) {
  server.add_blob(kConfig);
  const Digest digest = server.add_blob(layer);
  server.add_manifest("1.0", manifest_of(fields(kConfig), fields(layer)), image::kOciManifest);
  return digest;
}

std::string layer_with_file(size_t size) { return tests::tar({{"etc/name", std::string(size, 'x')}}); }

}  // namespace

TEST_CASE("a blob of another size than its manifest says ends the build, though its digest is right") {
  const Project project;
  put_blob(project, kConfig);
  put_blob(project, kLayer);
  const auto hex = hash::sha256(base::as_bytes(kLayer)).text();
  for (const auto& [config, layer] :
       {std::pair{fields(kConfig), base::format(R"("digest":"{}","size":1023)", hex)},
        {fields(kConfig), base::format(R"("digest":"{}","size":4096)", hex)},
        {base::format(R"("digest":"{}","size":1)", hash::sha256(base::as_bytes(kConfig)).text()), fields(kLayer)}}) {
    layout_of(project, manifest_of(config, layer));
    const auto error = project.refused("FROM scratch\nIMAGE --from=oci:odd odd:1\n");
    CHECK(error.code == ErrorCode::corrupt);
    INFO(error.text());
    CHECK(error.what.contains("its manifest says"));
    CHECK(error.text().contains("docker.io/library/odd:1 (" + project.folder / "Kubefile:2)"));
  }
  layout_of(project, manifest_of(fields(kConfig), fields(kLayer)));
  project.made("FROM scratch\nIMAGE --from=oci:odd odd:1\n");
}

TEST_CASE("a layer whose bytes were packed as something else before is measured all the same") {
  const Project project;
  const std::string layer = layer_with_file(700);
  put_blob(project, kConfig);
  put_blob(project, layer);
  layout_of(project, manifest_of(fields(kConfig), fields(layer)));
  write(project.folder / "same", layer);
  const Digest digest = hash::sha256(base::as_bytes(layer));
  const auto measured = [&](const tests::Artifact& artifact) {
    REQUIRE(artifact.contents().layers.contains(digest));
    CHECK(artifact.contents().layers.at(digest) == format::LayerInfo{700, 1});
  };
  measured(project.made("FROM scratch\nCOPY same same\nIMAGE --from=oci:odd odd:1\n"));
  const auto base = project.made("FROM scratch\nCOPY same same\n", "base.run");
  CHECK(base.contents().layers.empty());
  measured(project.made("FROM base.run\nIMAGE --from=oci:odd odd:1\n", "own.run"));
}

TEST_CASE("a layer that this machine has measured is not measured again") {
  const Project project;
  const std::string layer = layer_with_file(700);
  const Digest digest = hash::sha256(base::as_bytes(layer));
  put_blob(project, kConfig);
  put_blob(project, layer);
  layout_of(project, manifest_of(fields(kConfig), fields(layer)));
  const auto with_store = [&](pack::BuildOptions& options) { options.store = project.folder / "store"; };
  const std::string kubefile = "FROM scratch\nIMAGE --from=oci:odd odd:1\n";
  CHECK(project.made(kubefile, "one.run", with_store).contents().layers.at(digest) == format::LayerInfo{700, 1});
  // What it remembers shows in the next artifact of another name.
  const std::string known = base::format("{} application/vnd.oci.image.layer.v1.tar ", digest.hex());
  CHECK(base::read_text_file(project.folder / "store/layers", 4096).value().contains("\n" + known + "700 1\n"));
  write(project.folder / "store/layers", known + "701 2\n");
  CHECK(project.made(kubefile, "two.run", with_store).contents().layers.at(digest) == format::LayerInfo{701, 2});
  CHECK(project.made(kubefile, "three.run").contents().layers.at(digest) == format::LayerInfo{700, 1});
}

TEST_CASE("a layer that the base holds as another file is measured by its own bytes or not at all") {
  const Project project;
  std::string layer = layer_with_file(700);
  put_blob(project, kConfig);
  put_blob(project, layer);
  layout_of(project, manifest_of(fields(kConfig), fields(layer)));
  write(project.folder / "same", layer);
  project.made("FROM scratch\nCOPY same same\n", "base.run");
  const Digest digest = hash::sha256(base::as_bytes(layer));
  layer[600] ^= 1;
  write(project.folder / ("odd/blobs/sha256/" + digest.hex()), layer);
  const auto error = project.refused("FROM base.run\nIMAGE --from=oci:odd odd:1\n");
  CHECK(error.code == ErrorCode::corrupt);
  CHECK(error.text().contains(digest.text()));
}

TEST_CASE("blobs of images are written once") {
  const auto written = [] {
    const auto text = base::read_text_file("/proc/self/io", 4096);
    REQUIRE(text);
    return std::stoull(text->substr(text->find("wchar: ") + 7));
  };
  const Project project;
  const std::string layer = layer_with_file(20'000'000);
  put_blob(project, kConfig);
  put_blob(project, layer);
  layout_of(project, manifest_of(fields(kConfig), fields(layer)));
  const auto check = [&](const std::string& line) {
    const auto before = written();
    const auto done = project.build("FROM scratch\n" + line);
    if (!done) FAIL(done.error().text());
    CHECK(static_cast<double>(written() - before) <= 1.05 * static_cast<double>(done->stored_bytes));
  };
  check("IMAGE --from=oci:odd odd:1\n");
}

TEST_CASE("a disk that fills while blobs arrive ends the build with the image that was packed, and nothing is left") {
  const Project project;
  const std::string layer = layer_with_file(20'000'000);
  put_blob(project, kConfig);
  put_blob(project, layer);
  layout_of(project, manifest_of(fields(kConfig), fields(layer)));
  const std::string small = project.folder / "small";
  std::filesystem::create_directory(small);
  Result<writer::Summary> done = fail(ErrorCode::internal, "not run");
  size_t left = 0;
  tests::in_own_mounts([&] {
    if (::mount("tmpfs", small.c_str(), "tmpfs", 0, "size=32m") != 0) return;
    tests::FillingUp filling(small + "/other", 20'000'000, base::no_events());
    done = project.build(
        "FROM scratch\nIMAGE --from=oci:odd odd:1\n",
        [&](pack::BuildOptions& options) { options.output = small + "/out.run"; }, filling);
    std::filesystem::remove(small + "/other");
    for (const auto& entry : std::filesystem::directory_iterator(small)) left += entry.exists() ? 1 : 0;
  });
  REQUIRE_FALSE(done);
  CHECK(done.error().code == ErrorCode::no_space);
  CHECK(done.error().text().contains("writing the payload, while packing docker.io/library/odd:1 (" +
                                     project.folder / "Kubefile:2)"));
  CHECK(left == 0);
}

TEST_CASE("a build that is stopped while blobs arrive leaves nothing") {
  const Project project;
  const std::string layer = layer_with_file(3'000'000);
  put_blob(project, kConfig);
  put_blob(project, layer);
  layout_of(project, manifest_of(fields(kConfig), fields(layer)));
  struct Stopper final : EventSink {
    CancelSource source;
    void on(const Event& event) override {
      if (event.kind == base::EventKind::progress && event.step == "write" && event.done == event.total)
        source.cancel();
    }
  } stopper;
  const auto before =
      std::distance(std::filesystem::directory_iterator(project.folder.path()), {}) + 1;  // and the Kubefile
  const auto done = project.build("FROM scratch\nIMAGE --from=oci:odd odd:1\n", {}, stopper, stopper.source.token());
  REQUIRE_FALSE(done);
  CHECK(done.error().code == ErrorCode::cancelled);
  CHECK(std::distance(std::filesystem::directory_iterator(project.folder.path()), {}) == before);
}

TEST_CASE("images come from the registry that their name says, and blobs that break off are taken up again") {
  const Project project;
  RegistryServer server;
  const std::string layer = layer_with_file(300'000);
  const Digest digest = publish(server, layer);
  server.habits.cuts = 1;
  tests::EventRecorder events;
  const auto done = project.build(base::format("FROM scratch\nIMAGE {}/team/app:1.0\n", server.name()), {}, events);
  if (!done) FAIL(done.error().text());
  const auto artifact = Project::open(project.output());
  REQUIRE(artifact.contents().images.size() == 1);
  CHECK(artifact.contents().images[0].name == server.name() + "/team/app:1.0");
  CHECK(artifact.text(digest) == layer);
  CHECK(artifact.contents().layers.at(digest) == format::LayerInfo{300'000, 1});
  CHECK(std::ranges::any_of(server.asked(), [](const auto& asked) { return asked.range.starts_with("bytes="); }));
  // blobs waited beside the output, without a name
  for (const auto& entry : std::filesystem::directory_iterator(project.folder.path()))
    CHECK_FALSE(entry.path().filename().string().starts_with(".sealift"));
}

TEST_CASE("what the artifact or its base has is not fetched from the registry again") {
  const Project project;
  RegistryServer server;
  const Digest digest = publish(server, layer_with_file(5'000));
  const std::string line = base::format("IMAGE {}/team/app:1.0\n", server.name());
  project.made("FROM scratch\n" + line +
                   base::format("IMAGE {}/team/app@{}\n", server.name(),
                                hash::sha256(base::as_bytes(server.manifests.at("1.0").first)).text()),
               "base.run");
  CHECK(server.asked_for(digest.text()) == 1);
  const auto own = project.made("FROM base.run\n" + line, "own.run");
  CHECK(server.asked_for(digest.text()) == 1);
  CHECK(own.contents().images.size() == 2);
}

TEST_CASE("what the artifact of the last build holds is not fetched again; what is damaged there is") {
  const Project project;
  RegistryServer server;
  const std::string layer = layer_with_file(50'000);
  const Digest digest = publish(server, layer);
  const std::string line = base::format("FROM scratch\nIMAGE {}/team/app:1.0\n", server.name());
  const auto first = project.made(line);
  const auto written = [&] {
    return std::string(base::as_text(base::read_file(project.output(), size_t{64} << 20).value()));
  };
  const auto bytes = written();
  CHECK(server.asked_for(digest.text()) == 1);
  const auto again = project.made(line);
  CHECK(server.asked_for(digest.text()) == 1);
  CHECK(written() == bytes);
  auto damaged = bytes;
  damaged[damaged.find(std::string(10'000, 'x')) + 5'000] = 'y';
  write(project.output(), damaged);
  project.made(line);
  CHECK(server.asked_for(digest.text()) == 2);
  CHECK(written() == bytes);
}

TEST_CASE(
    "what refers to an image is packed when it is wanted, byte for byte, under the names that the mirror serves") {
  const Project project;
  RegistryServer server;
  publish(server, layer_with_file(5'000));
  const std::string manifest = server.manifests.at("1.0").first;
  const Digest subject = hash::sha256(base::as_bytes(manifest));
  const std::string content = R"({"critical":{}})";
  const std::string signature =
      base::format(R"({{"schemaVersion":2,"config":{},"layers":[{}]}})",
                   descriptor("application/vnd.oci.image.config.v1+json", fields(kConfig)),
                   descriptor("application/vnd.dev.cosign.simplesigning.v1+json", fields(content)));
  server.add_blob(content);
  server.add_manifest("sha256-" + subject.hex() + ".sig", signature, image::kOciManifest);
  const std::string lines = base::format("FROM scratch\nIMAGE {}/team/app:1.0\n", server.name());
  CHECK(project.made(lines).contents().images.size() == 1);
  CHECK(server.asked_for("sha256-") == 0);  // and nothing is asked otherwise
  const auto done = project.build(lines, [](pack::BuildOptions& options) { options.with_referrers = true; });
  if (!done) FAIL(done.error().text());
  const auto artifact = Project::open(project.output());
  const auto* packed =
      artifact.contents().find_image(base::format("{}/team/app:sha256-{}.sig", server.name(), subject.hex()));
  REQUIRE(packed != nullptr);
  CHECK(artifact.text(packed->root.digest) == signature);
  CHECK(artifact.text(packed->platforms.at(0).layers.at(0).digest) == content);
  CHECK(artifact.contents().images.size() == 2);
  CHECK(artifact.contents().layers.size() == 1);  // only what is unpacked is measured
}

TEST_CASE("an image from `docker save` is packed with the manifest that it lacks; a changed layer ends the build") {
  const Project project;
  tests::StoredImage saved;
  const std::string layer = layer_with_file(700);
  saved.files["aa/layer.tar"] = layer;
  saved.files["c.json"] = tests::StoredImage::config_of("amd64", {layer});
  saved.files["manifest.json"] = R"([{"Config":"c.json","RepoTags":["odd:1"],"Layers":["aa/layer.tar"]}])";
  write(project.folder / "odd.tar", tests::tar(saved.entries()));
  const std::string lines = "FROM scratch\nIMAGE --from=docker-archive:odd.tar odd:1\n";
  const auto artifact = project.made(lines, "good.run");
  const auto* image = artifact.contents().find_image("docker.io/library/odd:1");
  REQUIRE(image != nullptr);
  const Digest digest = hash::sha256(base::as_bytes(layer));
  CHECK(artifact.text(image->platforms.at(0).config.digest) == saved.files["c.json"]);
  CHECK(artifact.text(digest) == layer);
  CHECK(artifact.contents().layers.at(digest) == format::LayerInfo{700, 1});
  saved.files["aa/layer.tar"][600] ^= 1;
  write(project.folder / "odd.tar", tests::tar(saved.entries()));
  const auto error = project.refused(lines);
  CHECK(error.code == ErrorCode::corrupt);
  CHECK(error.text().contains("Kubefile:2"));
}

TEST_CASE("a registry that does not give what its manifest says ends the build with the line and the image") {
  const Project project;
  RegistryServer server;
  const Digest digest = publish(server, layer_with_file(5'000));
  const std::string lines = base::format("FROM scratch\nIMAGE {}/team/app:1.0\n", server.name());
  server.blobs[digest.text()][600] ^= 1;
  const auto changed = project.refused(lines);
  CHECK(changed.code == ErrorCode::corrupt);
  CHECK(changed.text().contains("Kubefile:2"));
  CHECK(changed.text().contains(digest.text()));
  server.blobs.erase(digest.text());
  const auto gone = project.refused(lines);
  CHECK(gone.code == ErrorCode::not_found);
  CHECK(gone.text().contains("team/app"));
}

TEST_CASE("what is packed for a host in place of its own platform is told") {
  const Project project;
  const std::string config = R"({"architecture":"386","os":"linux"})";
  put_blob(project, config);
  put_blob(project, kLayer);
  layout_of(project, manifest_of(fields(config), fields(kLayer)));
  tests::EventRecorder events;
  REQUIRE(project.build("FROM scratch\nIMAGE --from=oci:odd odd:1\n", {}, events));
  CHECK(std::ranges::any_of(events.events(),
                            [](const auto& event) { return event.message.contains("linux/386 for linux/amd64"); }));
}
