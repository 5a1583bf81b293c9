// SPDX-License-Identifier: Apache-2.0
//
// Images that are good until a test spoils them, and tables of spoiled ones, each with the error that it must give.
#pragma once

#include <sys/stat.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <functional>

#include "packer/sources/image_source.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "tests/support/stored_image.h"
#include "tests/support/temporary_folder.h"

namespace sealift::tests::hostile {

inline constexpr auto* kName = "quay.io/team/a:1";
inline constexpr auto* kGzipLayer = "application/vnd.oci.image.layer.v1.tar+gzip";
inline constexpr uint64_t kTiB = uint64_t{1} << 40;

// Everything that a build does with an image: plan it, read each blob and compare it, measure the layers.
inline Result<void> take_in(const std::string& spec) {
  SEALIFT_ASSIGN(const auto source, sources::open_source(spec, ""));
  SEALIFT_ASSIGN(const auto reference, image::parse_reference(kName));
  SEALIFT_ASSIGN(const auto plan, sources::plan_image(*source, reference, {Architecture::amd64}, {}));
  for (const auto& blob : plan.blobs) {
    base::MemorySink sink(size_t{64} << 20);
    SEALIFT_TRY(source->blob(reference, blob.descriptor, 0, sink, {}));
    if (hash::sha256(sink.data()) != blob.descriptor.digest)
      return fail(ErrorCode::corrupt, "other bytes than their digest says");
    if (!blob.is_layer) continue;
    base::MemorySource bytes(sink.data());
    SEALIFT_TRY(sources::measure_layer(bytes, blob.descriptor.media_type));
  }
  return {};
}

// A good image in a layout; each case spoils something.
struct Image : StoredImage {
  std::string layer = tar({{"etc/name", "x"}}), config = config_of("amd64", {layer}),
              manifest_text = manifest("amd64", layer);
  Image() { name(manifest_text); }
  // Makes this document, as it is or changed, the one that the name stands for.
  void name(const std::string& document, std::string_view type = image::kOciManifest) {
    layout(entry(document, type, names(kName)));
  }
  std::string changed(const std::string& from, const std::string& to) const {
    REQUIRE(manifest_text.contains(from));
    return base::replace_all(manifest_text, from, to);
  }
  std::vector<TarEntry> with(TarEntry more) const {
    auto out = entries();
    out.push_back(std::move(more));
    return out;
  }
  // The archive in which one file is another kind of entry.
  std::vector<TarEntry> instead(const std::string& path, TarEntry other) const {
    auto out = entries();
    for (auto& entry : out) {
      if (entry.name == path) entry = other;
    }
    return out;
  }
};

// The same as a docker archive.
struct Saved : StoredImage {
  std::string layer = tar({{"etc/name", "x"}}), config = config_of("amd64", {layer});
  Saved() {
    files["aa/layer.tar"] = layer;
    files["c.json"] = config;
    describe("c.json", R"(["aa/layer.tar"])");
  }
  void describe(const std::string& config_path, const std::string& layers) {
    files["manifest.json"] =
        base::format(R"([{{"Config":"{}","RepoTags":["{}"],"Layers":{}}}])", config_path, kName, layers);
  }
};

struct Case {
  const char* what;
  std::function<std::string(const tests::TemporaryFolder&)> make;  // returns what is written after --from=
  ErrorCode code;
  const char* why;
};

inline std::string archive(const tests::TemporaryFolder& folder, const std::string& bytes) {
  StoredImage::write(folder / "a.tar", bytes);
  return "oci-archive:" + folder / "a.tar";
}
inline std::string archive(const tests::TemporaryFolder& folder, const std::vector<TarEntry>& entries) {
  return archive(folder, tar(entries));
}
inline std::string layout(const tests::TemporaryFolder& folder, const StoredImage& image) {
  image.write_folder(folder / "layout");
  return "oci:" + folder / "layout";
}

inline void check(const std::vector<Case>& cases) {
  for (const auto& hostile : cases) {
    INFO(hostile.what);
    const tests::TemporaryFolder folder;
    const auto done = take_in(hostile.make(folder));
    if (done) FAIL("taken");
    INFO(done.error().text());
    CHECK(base::name(done.error().code) == base::name(hostile.code));
    CHECK(done.error().text().contains(hostile.why));
    // nothing that would steer a terminal, and no endless texts
    CHECK(std::ranges::none_of(done.error().text(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }));
    CHECK(done.error().text().size() < 2'000);
  }
}

}  // namespace sealift::tests::hostile
