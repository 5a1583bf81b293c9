// SPDX-License-Identifier: Apache-2.0
// Layouts, manifests and indexes that somebody has made to harm: each is refused with the error that it must give, no
// file outside is read or written, and no byte of wrong content is handed on as right.
#include "payload/base/format.h"
#include "tests/unit/packer/sources/hostile.h"

using namespace sealift;
using namespace sealift::tests::hostile;
using tests::gzip;
using tests::StoredImage;
using tests::tar;

TEST_CASE("layouts whose bytes are not what their digests say") {
  check({
      {"a manifest that was changed",
       [](const auto& f) {
         Image image;
         image.files[Image::path_of(image.manifest_text)] = image.changed("config", "konfig");
         return layout(f, image);
       },
       ErrorCode::corrupt, "does not have the digest it is named by"},
      {"a manifest that contains itself",
       [](const auto& f) {
         Image image;  // possible only with a wrong digest: a right one can't be known beforehand
         const std::string inner = Image::index_of(image.entry("x", image::kOciIndex, Image::platform("amd64")));
         image.name(inner, image::kOciIndex);
         image.files[Image::path_of("x")] = inner;
         return layout(f, image);
       },
       ErrorCode::corrupt, "does not have the digest it is named by"},
      {"a manifest of another size than the index says",
       [](const auto& f) {
         Image image;
         image.files["index.json"] = base::replace_all(
             image.files["index.json"], base::format(R"("size":{})", image.manifest_text.size()), R"("size":7)");
         return layout(f, image);
       },
       ErrorCode::corrupt, "its index says 7"},
      {"a layer that was changed",
       [](const auto& f) {
         Image image;
         image.files[Image::path_of(image.layer)][0] ^= 1;
         return archive(f, image.entries());
       },
       ErrorCode::corrupt, "other bytes than their digest says"},
      {"a layer of another size",
       [](const auto& f) {
         Image image;
         image.files[Image::path_of(image.layer)] += "x";
         return archive(f, image.entries());
       },
       ErrorCode::corrupt, "its manifest says"},
      {"a layer that is not there",
       [](const auto& f) {
         Image image;
         image.files.erase(Image::path_of(image.layer));
         return layout(f, image);
       },
       ErrorCode::not_found, "may have been copied in part"},
      {"a blob that is a named pipe: nobody waits for its writer",
       [](const auto& f) {
         Image image;
         const auto spec = layout(f, image);
         const std::string path = f / ("layout/" + Image::path_of(image.layer));
         std::filesystem::remove(path);
         REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
         return spec;
       },
       ErrorCode::corrupt, "not a regular file"},
      {"a blob that is a link to another file",
       [](const auto& f) {
         Image image;
         const auto spec = layout(f, image);
         const std::string path = f / ("layout/" + Image::path_of(image.layer));
         std::filesystem::remove(path);
         StoredImage::write(f / "secret", std::string(image.layer.size(), 's'));
         std::filesystem::create_symlink(f / "secret", path);
         return spec;
       },
       ErrorCode::corrupt, "other bytes than their digest says"},
      {"a docker archive whose layer is not the configuration's",
       [](const auto& f) {
         Saved saved;
         saved.files["aa/layer.tar"][0] ^= 1;
         return archive(f, saved.entries());
       },
       ErrorCode::corrupt, "other bytes than their digest says"},
      {"the same, compressed",
       [](const auto& f) {
         Saved saved;
         saved.layer[0] ^= 1;
         saved.files["aa/layer.tar"] = gzip(saved.layer);
         return archive(f, saved.entries());
       },
       ErrorCode::corrupt, "other content than the image's configuration says"},
      {"a configuration with fewer layers than there are",
       [](const auto& f) {
         Saved saved;
         saved.describe("c.json", R"(["aa/layer.tar","aa/layer.tar"])");
         return archive(f, saved.entries());
       },
       ErrorCode::invalid_input, "it has 1 layer, manifest.json names 2"},
      {"a configuration that is named by another digest",
       [](const auto& f) {
         Saved saved;
         const std::string path = std::string(64, 'a') + ".json";
         saved.files[path] = saved.config;
         saved.describe(path, R"(["aa/layer.tar"])");
         return archive(f, saved.entries());
       },
       ErrorCode::corrupt, "does not have the digest it is named by"},
  });
}

TEST_CASE("manifests and indexes that are none") {
  const auto named = [](const std::function<std::string(Image&)>& text, std::string_view type = image::kOciManifest) {
    return [text, type](const tests::TemporaryFolder& f) {
      Image image;
      image.name(text(image), type);
      return layout(f, image);
    };
  };
  const auto nested = [](Image& image) {
    std::string out = image.manifest_text;
    std::string_view type = image::kOciManifest;
    for (int i = 0; i < 12; ++i) {
      out = Image::index_of(image.entry(out, type, Image::platform("amd64")));
      type = image::kOciIndex;
    }
    return out;
  };
  check({
      {"indexes too deep inside each other", named(nested, image::kOciIndex), ErrorCode::invalid_input,
       "more than 8 indexes"},
      {"a negative size",
       named([](Image& i) { return i.changed(base::format(R"("size":{})", i.layer.size()), R"("size":-1)"); }),
       ErrorCode::invalid_input, "without mediaType, digest or size"},
      {"a size with a fraction",
       named([](Image& i) { return i.changed(base::format(R"("size":{})", i.layer.size()), R"("size":1.5)"); }),
       ErrorCode::invalid_input, "without mediaType, digest or size"},
      {"a layer of an exbibyte", named([](Image& i) {
         return i.changed(base::format(R"("size":{})", i.layer.size()), R"("size":1152921504606846976)");
       }),
       ErrorCode::invalid_input, "a blob of 1152921504606846976 bytes"},
      {"two lists of layers", named([](Image& i) { return i.changed(R"("layers":)", R"("layers":[],"layers":)"); }),
       ErrorCode::invalid_input, "not a JSON object"},
      {"a manifest that is an index too",
       named([](Image& i) { return i.changed(R"("layers":)", R"("manifests":[],"layers":)"); }),
       ErrorCode::invalid_input, "a manifest needs a config and no manifests"},
      {"an index that is called a manifest", named([](Image&) { return Image::index_of(""); }),
       ErrorCode::invalid_input, "its source says"},
      {"a digest that is a path",
       named([](Image& i) { return i.changed(Image::digest_of(i.layer), "sha256:../../../../etc/passwd"); }),
       ErrorCode::invalid_input, "is not sha256"},
      {"a digest with a line break",
       named([](Image& i) { return i.changed(Image::digest_of(i.layer), "sha256:\\n\\u001b[2J"); }),
       ErrorCode::invalid_input, "is not sha256"},
      {"a type with an escape sequence",
       named([](Image& i) { return i.changed("layer.v1.tar", "layer.v1\\u001b[2J"); }), ErrorCode::invalid_input,
       "are not known"},
      {"10,000 layers", named([](Image& i) {
         std::string list;
         for (int n = 0; n < 10'000; ++n) list += base::format(R"({{"mediaType":"{}",{}}},)", kGzipLayer, i.blob("x"));
         return i.changed(R"("layers":[)", R"("layers":[)" + list);
       }),
       ErrorCode::invalid_input, "more than 1024 layers"},
      {"100,000 brackets", named([](Image&) { return std::string(100'000, '['); }), ErrorCode::invalid_input,
       "not a JSON object"},
      {"names with NUL and line breaks",
       [](const auto& f) {
         Image image;
         image.layout(image.entry(image.manifest_text, image::kOciManifest,
                                  Image::names("quay.io/team/a\\u0000:1", "quay.io/team/a:1\\n")) +
                      "," + image.entry(Image::index_of(""), image::kOciIndex));
         return layout(f, image);
       },
       ErrorCode::not_found, "it has one without a name"},
      {"a layer that is no archive",
       named([](Image& i) { return i.manifest("amd64", std::string(2'000, 'x'), kGzipLayer); }),
       ErrorCode::invalid_input, "a layer can't be read"},
      {"a layer with a file of a tebibyte",
       named([](Image& i) { return i.manifest("amd64", tar({{"a", "x", '0', "", kTiB}})); }), ErrorCode::invalid_input,
       "a layer can't be read"},
      {"a docker archive with a list as configuration",
       [](const auto& f) {
         Saved saved;
         saved.files["c.json"] = "[]";
         return archive(f, saved.entries());
       },
       ErrorCode::invalid_input, "it is not a JSON object"},
      {"a docker archive with an object as list",
       [](const auto& f) {
         Saved saved;
         saved.files["manifest.json"] = "{}";
         return archive(f, saved.entries());
       },
       ErrorCode::invalid_input, "it is not a JSON list"},
  });
}
