// SPDX-License-Identifier: Apache-2.0
//
// A payload of any contents, made by the writer: also of such as a build would refuse to pack.
#pragma once

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <memory>
#include <string>
#include <utility>

#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/format/reader.h"
#include "payload/image/manifest.h"
#include "payload/writer/writer.h"
#include "tests/support/host_program.h"
#include "tests/support/temporary_folder.h"

namespace sealift::tests {

class WrittenArtifact {
 public:
  format::Contents contents;

  WrittenArtifact() {
    auto writer = writer::PayloadWriter::create(folder_ / "out.payload", {});
    REQUIRE(writer);
    writer_ = std::move(*writer);
  }
  format::ObjectRef put(const std::string& text) {
    const auto object = writer_->add(
        {"a text", [text]() -> Result<std::unique_ptr<base::Source>> { return std::make_unique<Owned>(text); }},
        writer::Storage::automatic);
    REQUIRE(object);
    return *object;
  }
  void file(const std::string& path, const std::string& text) { contents.tree[path] = {put(text), 0644}; }
  void stub(Architecture architecture, const std::string& text = {}) {
    contents.stubs.push_back(
        {architecture, put(host_program(architecture == Architecture::amd64 ? kX86_64 : kAarch64, 4096, '\0') + text)});
  }

  static std::string descriptor(std::string_view type, const format::ObjectRef& object, std::string_view more = "") {
    return base::format(R"({{"mediaType":"{}","digest":"{}","size":{}{}}})", type, object.digest.text(), object.size,
                        more);
  }
  // A manifest with one layer; `more`: further members.
  format::Image::Platform manifest(Architecture architecture, const std::string& layer,
                                   std::string_view layer_type = "application/vnd.oci.image.layer.v1.tar",
                                   std::string_view more = "", const std::string& labels = "{}") {
    format::Image::Platform out;
    out.architecture = architecture;
    out.media_type = image::kOciManifest;
    out.config = put(base::format(R"({{"architecture":"{}","os":"linux","config":{{"Labels":{}}}}})",
                                  base::name(architecture), labels));
    out.layers = {put(layer)};
    out.manifest =
        put(base::format(R"({{"schemaVersion":2,"mediaType":"{}","config":{},"layers":[{}]{}}})", image::kOciManifest,
                         descriptor("application/vnd.oci.image.config.v1+json", out.config),
                         descriptor(layer_type, out.layers[0]), more));
    return out;
  }
  // Without an index.
  void image(const std::string& name, format::Image::Platform platform) {
    const auto root = platform.manifest;
    contents.images.push_back({name, root, std::string(image::kOciManifest), {std::move(platform)}, {}, {}});
  }
  void index(const std::string& name, std::vector<format::Image::Platform> platforms) {
    std::string entries;
    for (const auto& platform : platforms)
      entries +=
          (entries.empty() ? "" : ",") + descriptor(platform.media_type, platform.manifest,
                                                    base::format(R"(,"platform":{{"os":"linux","architecture":"{}"}})",
                                                                 base::name(platform.architecture)));
    contents.images.push_back(
        {name,
         put(base::format(R"({{"schemaVersion":2,"mediaType":"{}","manifests":[{}]}})", image::kOciIndex, entries)),
         std::string(image::kOciIndex),
         std::move(platforms),
         {},
         {}});
  }

  // Once, at the end.
  const format::PayloadReader& open() {
    for (const auto& image : contents.images) {
      for (const auto& platform : image.platforms) {
        for (const auto& layer : platform.layers) contents.layers[layer.digest] = {1, 1};
      }
    }
    std::ranges::sort(contents.images, {}, &format::Image::name);
    const auto done = writer_->finish(contents, {}, base::no_events());
    if (!done) FAIL(done.error().text());
    file_ = std::move(*base::OpenFile::open(path()));
    auto reader = format::PayloadReader::open(*file_);
    if (!reader) FAIL(reader.error().text());
    reader_ = std::move(*reader);
    return *reader_;
  }
  std::string path() const { return folder_ / "out.payload"; }
  const TemporaryFolder& folder() const { return folder_; }
  std::unique_ptr<base::OpenFile> take_file() { return std::move(file_); }
  std::unique_ptr<format::PayloadReader> take_reader() { return std::move(reader_); }

 private:
  // A text that outlives the writer's reading.
  class Owned final : public base::Source {
   public:
    explicit Owned(std::string text) : text_(std::move(text)), source_(base::as_bytes(text_)) {}
    Result<size_t> read(std::span<std::byte> buffer) override { return source_.read(buffer); }

   private:
    std::string text_;
    base::MemorySource source_;
  };

  TemporaryFolder folder_;
  std::unique_ptr<writer::PayloadWriter> writer_;
  std::unique_ptr<base::OpenFile> file_;
  std::unique_ptr<format::PayloadReader> reader_;
};

}  // namespace sealift::tests
