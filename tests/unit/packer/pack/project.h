// SPDX-License-Identifier: Apache-2.0
//
// Everything a build needs, in its own folder: an image for both platforms with one empty layer, programs for the hosts
// that are only an ELF header, a manifest as application.
#pragma once

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "packer/pack/build.h"
#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/format/reader.h"
#include "payload/hash/digest.h"
#include "tests/support/host_program.h"
#include "tests/support/temporary_folder.h"

namespace sealift::tests {

inline void write(const std::string& path, std::string_view text, unsigned mode = 0644) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  REQUIRE(base::write_file_atomic(path, base::as_bytes(text), mode));
}

// Lets something else take room on a disk, after a build has looked how much there is.
class FillingUp final : public EventSink {
 public:
  FillingUp(std::string path, size_t size, EventSink& events) : path_(std::move(path)), size_(size), events_(events) {}
  void on(const Event& event) override {
    if (event.message.starts_with("writing ")) write(path_, std::string(size_, 'x'));
    events_.on(event);
  }

 private:
  std::string path_;
  size_t size_;
  EventSink& events_;
};

// A finished artifact.
struct Artifact {
  std::unique_ptr<base::OpenFile> file;
  std::unique_ptr<format::PayloadReader> reader;
  const format::Contents& contents() const { return reader->contents(); }
  std::string text(const Digest& digest) const {
    const auto bytes = reader->read_all(digest, size_t{1} << 20);
    if (!bytes) FAIL(bytes.error().text());
    return std::string(base::as_text(*bytes));
  }
  std::string tree(const std::string& path) const {
    INFO(path);
    REQUIRE(contents().tree.contains(path));
    return text(contents().tree.at(path).object.digest);
  }
};

struct Project {
  TemporaryFolder folder;

  Project() {
    write(folder / "stub", program(kX86_64));
    write(folder / "stub-arm", program(kAarch64));
    std::string entries;
    for (const char* architecture : {"amd64", "arm64"}) {
      const auto config = blob(base::format(R"({{"architecture":"{}","os":"linux"}})", architecture));
      const auto manifest = blob(base::format(
          R"({{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{{"mediaType":"application/vnd.oci.image.config.v1+json",{}}},)"
          R"("layers":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar",{}}}]}})",
          config, blob(std::string(1024, '\0'))));
      entries += base::format(
          R"({}{{"mediaType":"application/vnd.oci.image.manifest.v1+json",{},"platform":{{"architecture":"{}","os":"linux"}}}})",
          entries.empty() ? "" : ",", manifest, architecture);
    }
    const auto index = blob(base::format(
        R"({{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{}]}})", entries));
    write(folder / "images/index.json",
          base::format(R"({{"schemaVersion":2,"manifests":[{{"mediaType":"application/vnd.oci.image.index.v1+json",{},)"
                       R"("annotations":{{"org.opencontainers.image.ref.name":"docker.io/library/tiny:1"}}}}]}})",
                       index));
    write(folder / "app/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n");
  }

  static std::string program(char machine, char filling = '\0') { return host_program(machine, 4096, filling); }
  // Writes a blob; returns the fields of a descriptor.
  std::string blob(const std::string& text) const {
    const Digest digest = hash::sha256(base::as_bytes(text));
    write(folder / ("images/blobs/sha256/" + digest.hex()), text);
    return base::format(R"("digest":"{}","size":{})", digest.text(), text.size());
  }

  // For amd64, unless `change` sets something else.
  using Change = std::function<void(pack::BuildOptions&)>;
  Result<writer::Summary> build(std::string_view kubefile, const Change& change = {},
                                EventSink& events = base::no_events(), const CancelToken& cancel = {}) const {
    write(folder / "Kubefile", kubefile);
    pack::BuildOptions options;
    options.kubefile = folder / "Kubefile";
    options.context = folder.path();
    options.output = output();
    options.platforms = {Architecture::amd64};
    options.stubs = {folder / "stub", folder / "stub-arm"};
    if (change) change(options);
    return pack::build(options, events, cancel);
  }
  // A build that must succeed.
  Artifact made(std::string_view kubefile, const std::string& name = "out.run", const Change& change = {}) const {
    const auto done = build(kubefile, [&](pack::BuildOptions& options) {
      options.output = folder / name;
      if (change) change(options);
    });
    if (!done) FAIL(done.error().text());
    return open(folder / name);
  }
  // A build that must fail: returns its error; nothing may be left at the output.
  Error refused(std::string_view kubefile, const Change& change = {}) const {
    INFO(kubefile);
    std::filesystem::remove(output());
    const auto done = build(kubefile, change);
    REQUIRE_FALSE(done);
    CHECK_FALSE(std::filesystem::exists(output()));
    return done.error();
  }
  static Artifact open(const std::string& path) {
    auto file = base::OpenFile::open(path);
    REQUIRE(file);
    auto reader = format::PayloadReader::open(**file);
    if (!reader) FAIL(reader.error().text());
    return {std::move(*file), std::move(*reader)};
  }
  std::string output() const { return folder / "out.run"; }
};

}  // namespace sealift::tests
