// SPDX-License-Identifier: Apache-2.0
// Images in files, as the field's tools write them: names of all kinds, layouts and docker archives, packed or not.
#include <catch2/catch_test_macros.hpp>

#include <set>

#include "packer/sources/image_source.h"
#include "payload/base/format.h"
#include "payload/codec/zstd.h"
#include "tests/support/stored_image.h"
#include "tests/support/temporary_folder.h"

using namespace sealift;
using tests::gzip;
using tests::StoredImage;
using tests::tar;

namespace {

constexpr Architecture kAmd64 = Architecture::amd64, kArm64 = Architecture::arm64;
constexpr auto* kGzipLayer = "application/vnd.oci.image.layer.v1.tar+gzip";

std::string layer_with(const std::string& text) { return tar({{"etc/name", text}}); }

std::string zstd(const std::string& plain) {
  codec::ZstdCompressor compressor(3);
  const auto stored = compressor.compress(base::as_bytes(plain));
  REQUIRE(stored);
  return std::string(base::as_text(*stored));
}

// A source and what it gives.
struct Opened {
  std::unique_ptr<sources::ImageSource> source;

  Result<sources::ImagePlan> plan(const std::string& name, const std::vector<Architecture>& hosts = {kAmd64}) const {
    const auto reference = image::parse_reference(name);
    REQUIRE(reference);
    return sources::plan_image(*source, *reference, hosts, {});
  }
  sources::ImagePlan planned(const std::string& name, const std::vector<Architecture>& hosts = {kAmd64}) const {
    auto out = plan(name, hosts);
    if (!out) FAIL(out.error().text());
    return std::move(*out);
  }
  std::string root(const std::string& name) const { return planned(name).image.root.digest.text(); }
  std::string refusal(const std::string& name, ErrorCode code,
                      const std::vector<Architecture>& hosts = {kAmd64}) const {
    const auto out = plan(name, hosts);
    REQUIRE_FALSE(out);
    CHECK(out.error().code == code);
    return out.error().text();
  }
  std::string blob(const image::Descriptor& descriptor) const {
    base::MemorySink sink(size_t{64} << 20);
    const auto done = source->blob({}, descriptor, 0, sink, {});
    if (!done) FAIL(done.error().text());
    return std::string(base::as_text(sink.data()));
  }
};

Opened open(const std::string& spec, const std::string& context = "") {
  auto opened = sources::open_source(spec, context);
  if (!opened) FAIL(opened.error().text());
  return {std::move(*opened)};
}

// The same files as a folder and as archives of all kinds.
struct Places {
  tests::TemporaryFolder folder;
  std::vector<std::string> specs;

  explicit Places(const StoredImage& image) {
    image.write_folder(folder / "layout");
    const std::string plain = tar(image.entries());
    StoredImage::write(folder / "a.tar", plain);
    StoredImage::write(folder / "a.tar.gz", gzip(plain));
    StoredImage::write(folder / "a.tar.zst", zstd(plain));
    for (const char* name : {"layout", "a.tar", "a.tar.gz", "a.tar.zst"}) {
      for (const char* kind : {"oci", "oci-archive", "docker-archive"})
        specs.push_back(base::format("{}:{}", kind, folder / name));
    }
  }
};

// What `docker save` writes without an index: manifest.json, the configuration, a layer each.
struct Saved : StoredImage {
  std::string plain = layer_with("one"), second = layer_with("two");
  std::string config = config_of("amd64", {plain, second});
  std::string config_path = digest_of(config).substr(7) + ".json";

  explicit Saved(const std::string& tags = R"(["tiny:1"])") {
    files["aa/layer.tar"] = plain;
    files["bb/layer.tar"] = second;
    files[config_path] = config;
    describe(tags);
  }
  void describe(const std::string& tags) {
    files["manifest.json"] = base::format(
        R"([{{"Config":"{}","RepoTags":{},"Layers":["aa/layer.tar","bb/layer.tar"]}}])", config_path, tags);
  }
};

}  // namespace

TEST_CASE("a layout is read from a folder and from archives, whatever their compression, byte for byte") {
  StoredImage image;
  const std::string layer = gzip(layer_with(std::string(100'000, 'x')));
  image.layout(image.entry(image.manifest("amd64", layer, kGzipLayer), image::kOciManifest,
                           StoredImage::names("quay.io/team/app:1")));
  const Places places(image);
  for (const auto& spec : places.specs) {
    INFO(spec);
    const auto opened = open(spec);
    const auto plan = opened.planned("quay.io/team/app:1");
    CHECK(plan.image.root.digest.text() == StoredImage::digest_of(image.manifest("amd64", layer, kGzipLayer)));
    REQUIRE(plan.blobs.size() == 2);
    CHECK(opened.blob(plan.blobs[1].descriptor) == layer);
  }
}

TEST_CASE("what an archive says before a file does not move the file's bytes") {
  StoredImage image;
  const std::string layer = layer_with("x");
  image.layout(
      image.entry(image.manifest("amd64", layer), image::kOciManifest, StoredImage::names("quay.io/team/app:1")));
  std::vector<tests::TarEntry> entries;
  for (const auto& [path, text] : image.files) {
    entries.push_back({"PaxHeaders/x", "30 mtime=1700000000.123456789\n", 'x'});
    entries.push_back({"././@LongLink", "./" + path + '\0', 'L'});
    entries.push_back({path.substr(0, 90), text});
  }
  tests::TemporaryFolder folder;
  StoredImage::write(folder / "a.tar", tar(entries));
  const auto opened = open("oci-archive:a.tar", folder.path());
  CHECK(opened.blob(opened.planned("quay.io/team/app:1").blobs.at(1).descriptor) == layer);
}

TEST_CASE("nothing of an archive stays on the disk, and one that is not compressed needs no room at all") {
  Saved saved;
  const Places places(saved);
  tests::TemporaryFolder temporary;
  REQUIRE(::setenv("TMPDIR", (temporary / "none").c_str(), 1) == 0);
  CHECK(open("docker-archive:" + places.folder / "a.tar").planned("tiny:1").blobs.size() == 3);
  const auto refused = sources::open_source("docker-archive:" + places.folder / "a.tar.gz", "");
  REQUIRE(::setenv("TMPDIR", temporary.path().c_str(), 1) == 0);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().text().contains(temporary / "none"));
  CHECK(open("docker-archive:" + places.folder / "a.tar.gz").planned("tiny:1").blobs.size() == 3);
  CHECK(temporary.empty());
  ::unsetenv("TMPDIR");
}

TEST_CASE("names as buildx, ctr, docker, podman and skopeo write them") {
  const auto found = [](const std::string& reference, const std::string& image_name, const std::string& asked) {
    StoredImage image;
    image.layout(
        image.entry(image.manifest("amd64", "x"), image::kOciManifest, StoredImage::names(reference, image_name)) +
        "," + image.entry(image.manifest("amd64", "y"), image::kOciManifest, StoredImage::names("quay.io/other/b:7")));
    tests::TemporaryFolder folder;
    image.write_folder(folder.path());
    return open("oci:" + folder.path()).plan(asked).has_value();
  };
  CHECK(found("quay.io/team/a:1", "", "quay.io/team/a:1"));
  CHECK(found("1", "quay.io/team/a:1", "quay.io/team/a:1"));
  CHECK(found("quay.io/team/a:1", "quay.io/team/a:1", "quay.io/team/a:1"));
  CHECK(found("redis:7", "", "docker.io/library/redis:7"));
  CHECK(found("docker.io/library/redis:7", "", "redis:7"));
  CHECK(found("1.0-rc_2", "", "quay.io/team/a:1.0-rc_2"));  // a tag alone says nothing of the name
  CHECK(found("latest", "", "quay.io/team/a"));
  CHECK_FALSE(found("1", "", "quay.io/team/a:2"));
  CHECK_FALSE(found("1", "quay.io/team/a:1", "quay.io/team/b:1"));  // its full name is known
  CHECK_FALSE(found("quay.io/team/a:1", "", "quay.io/team/a:2"));
  CHECK_FALSE(found("", "", "quay.io/team/a:1"));  // one of two
}

TEST_CASE("a full name stands before a tag, and a single image needs no name") {
  StoredImage image;
  const std::string by_tag = image.manifest("amd64", "x"), by_name = image.manifest("amd64", "y");
  image.layout(image.entry(by_tag, image::kOciManifest, StoredImage::names("1")) + "," +
               image.entry(by_name, image::kOciManifest, StoredImage::names("1", "quay.io/team/a:1")));
  tests::TemporaryFolder folder;
  image.write_folder(folder.path());
  const auto opened = open("oci:" + folder.path());
  CHECK(opened.root("quay.io/team/a:1") == StoredImage::digest_of(by_name));
  CHECK(opened.root("quay.io/team/b:1") == StoredImage::digest_of(by_tag));
  StoredImage single;
  single.layout(single.entry(by_tag));
  single.manifest("amd64", "x");
  tests::TemporaryFolder other;
  single.write_folder(other.path());
  CHECK(open("oci:" + other.path()).root("any/name:9") == StoredImage::digest_of(by_tag));
}

TEST_CASE("a digest says more than a name, and finds what the index does not name") {
  StoredImage image;
  const std::string child = image.manifest("amd64", "x");
  const std::string index =
      StoredImage::index_of(image.entry(child, image::kOciManifest, StoredImage::platform("amd64")));
  image.layout(image.entry(index, image::kOciIndex, StoredImage::names("quay.io/team/a:1")));
  tests::TemporaryFolder folder;
  image.write_folder(folder.path());
  const auto opened = open("oci:" + folder.path());
  const std::string root = StoredImage::digest_of(index), inner = StoredImage::digest_of(child);
  for (const auto& name :
       {"quay.io/team/a@" + root, "quay.io/team/a:1@" + root, "quay.io/team/a:2@" + root, "other@" + root})
    CHECK(opened.root(name) == root);
  CHECK(opened.root("quay.io/team/a@" + inner) == inner);
  const auto none = opened.refusal("quay.io/team/a:1@sha256:" + std::string(64, 'a'), ErrorCode::not_found);
  CHECK(none.contains("it has quay.io/team/a:1"));
}

TEST_CASE("what is not there is answered with what is, the nearest first") {
  StoredImage image;
  std::string entries;
  for (const char* name : {"quay.io/a/one:1", "quay.io/team/app:1.0", "quay.io/z/two:2"})
    entries += (entries.empty() ? "" : ",") +
               image.entry(image.manifest("amd64", name), image::kOciManifest, StoredImage::names(name));
  entries += "," + image.entry(image.manifest("amd64", "t"), image::kOciManifest, StoredImage::names("3.1"));
  entries += "," + image.entry(image.manifest("amd64", "u"));
  image.layout(entries);
  const Places places(image);
  for (const auto& spec : places.specs) {
    const auto text = open(spec).refusal("quay.io/team/app:1.1", ErrorCode::not_found);
    INFO(text);
    CHECK(text.contains(
        "has no image quay.io/team/app:1.1; it has quay.io/team/app:1.0, one with only the tag 3.1, one without a name, "
        "quay.io/a/one:1, quay.io/z/two:2"));
  }
  entries.clear();
  for (int i = 0; i < 30; ++i)
    entries += (entries.empty() ? "" : ",") + image.entry(image.manifest("amd64", "x"), image::kOciManifest,
                                                          StoredImage::names(base::format("quay.io/a/b:{}", i)));
  image.layout(entries);
  image.write_folder(places.folder / "many");
  CHECK(open("oci:" + places.folder / "many").refusal("redis:7", ErrorCode::not_found).ends_with("and 22 more"));
  image.layout("");
  image.write_folder(places.folder / "none");
  CHECK(open("oci:" + places.folder / "none").refusal("redis:7", ErrorCode::not_found).ends_with("it has none at all"));
}

TEST_CASE(
    "several entries of a name: the configuration decides where the index gives no platform; real twins are refused") {
  StoredImage image;
  const std::string arm = image.manifest("arm64", "x"), amd = image.manifest("amd64", "y"),
                    twin = image.manifest("amd64", "z");
  const auto named = StoredImage::names("quay.io/team/a:1");
  const auto opened = [&](const std::string& entries) {
    tests::TemporaryFolder folder;
    image.layout(entries);
    image.write_folder(folder.path());
    auto out = open("oci:" + folder.path());
    return out.plan("quay.io/team/a:1").transform([](const auto& plan) { return plan.image.root.digest.text(); });
  };
  CHECK(opened(image.entry(arm, image::kOciManifest, named) + "," + image.entry(amd, image::kOciManifest, named)) ==
        StoredImage::digest_of(amd));
  CHECK(opened(image.entry(amd, image::kOciManifest, named) + "," + image.entry(amd, image::kOciManifest, named)) ==
        StoredImage::digest_of(amd));
  const auto refused =
      opened(image.entry(amd, image::kOciManifest, named) + "," + image.entry(twin, image::kOciManifest, named));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::invalid_input);
  CHECK(refused.error().what.contains("stands 2 times"));
  CHECK(refused.error().what.contains("quay.io/team/a@sha256:"));
}

TEST_CASE("an unrelated entry with another kind of digest takes no image away") {
  StoredImage image;
  const std::string good = image.manifest("amd64", "x");
  image.layout(image.entry(good, image::kOciManifest, StoredImage::names("quay.io/team/a:1")) +
               base::format(R"(,{{"mediaType":"{}","digest":"sha512:{}","size":5,{}}})", image::kOciManifest,
                            std::string(128, 'a'), StoredImage::names("quay.io/team/b:1")));
  tests::TemporaryFolder folder;
  image.write_folder(folder.path());
  const auto opened = open("oci:" + folder.path());
  CHECK(opened.root("quay.io/team/a:1") == StoredImage::digest_of(good));
  CHECK(opened.refusal("quay.io/team/b:1", ErrorCode::unsupported).contains("only sha256 digests are supported"));
}

TEST_CASE("a docker archive without an index gets the manifest that it lacks, always the same") {
  Saved saved;
  const Places places(saved);
  std::set<std::string> roots;
  for (const auto& spec : places.specs) {
    INFO(spec);
    const auto opened = open(spec);
    const auto plan = opened.planned("docker.io/library/tiny:1");
    roots.insert(plan.image.root.digest.text());
    REQUIRE(plan.documents.size() == 1);
    CHECK(hash::sha256(plan.documents[0].bytes).text() == *roots.begin());
    CHECK(plan.image.media_type == image::kOciManifest);
    REQUIRE(plan.blobs.size() == 3);
    CHECK(opened.blob(plan.blobs[0].descriptor) == saved.config);
    CHECK(opened.blob(plan.blobs[1].descriptor) == saved.plain);
    CHECK(opened.blob(plan.blobs[2].descriptor) == saved.second);
    CHECK(plan.blobs[1].descriptor.digest.text() == StoredImage::digest_of(saved.plain));
    CHECK(opened.refusal("tiny:1", ErrorCode::invalid_input, {kArm64}).contains("linux/amd64"));
  }
  // another spelling would change the digest under which sites know the image
  const auto part = [](std::string_view type, const std::string& text) {
    return base::format(R"({{"digest":"{}","mediaType":"application/vnd.oci.image.{}","size":{}}})",
                        StoredImage::digest_of(text), type, text.size());
  };
  CHECK(
      roots ==
      std::set<std::string>{StoredImage::digest_of(base::format(
          R"({{"config":{},"layers":[{},{}],"mediaType":"application/vnd.oci.image.manifest.v1+json","schemaVersion":2}})",
          part("config.v1+json", saved.config), part("layer.v1.tar", saved.plain),
          part("layer.v1.tar", saved.second)))});
}

TEST_CASE("docker archives of other writers: compressed layers, links to layers, several tags, no tag") {
  Saved saved(R"(["tiny:1","quay.io/team/tiny:2"])");
  saved.files["aa/layer.tar"] = gzip(saved.plain);
  saved.files["bb/layer.tar"] = zstd(saved.second);
  tests::TemporaryFolder folder;
  StoredImage::write(folder / "a.tar", tar(saved.entries()));
  const auto opened = open("docker-archive:a.tar", folder.path());
  for (const char* name : {"tiny:1", "quay.io/team/tiny:2"}) {
    const auto plan = opened.planned(name);
    REQUIRE(plan.blobs.size() == 3);
    CHECK(plan.blobs[1].descriptor.media_type.ends_with("+gzip"));
    CHECK(plan.blobs[2].descriptor.media_type.ends_with("+zstd"));
    CHECK(opened.blob(plan.blobs[1].descriptor) == gzip(saved.plain));
    CHECK(plan.blobs[1].descriptor.digest.text() == StoredImage::digest_of(gzip(saved.plain)));
  }
  Saved linked("null");
  auto entries = linked.entries();
  for (auto& entry : entries) {
    if (entry.name == "aa/layer.tar") entry = {"aa/layer.tar", "", '2', "../cc/layer.tar"};
    if (entry.name == "bb/layer.tar") entry = {"./bb//layer.tar", "", '1', "dd/layer.tar"};
  }
  entries.push_back({"cc/", "", '5'});
  entries.push_back({"cc/layer.tar", linked.plain});
  entries.push_back({"dd/layer.tar", linked.second});
  StoredImage::write(folder / "b.tar", tar(entries));
  const auto by_links = open("docker-archive:" + folder / "b.tar");
  const auto plan = by_links.planned("any/name:1");  // the only image, without a name
  CHECK(by_links.blob(plan.blobs.at(1).descriptor) == linked.plain);
  CHECK(by_links.blob(plan.blobs.at(2).descriptor) == linked.second);
}

TEST_CASE("of an archive with both parts the layout counts, and manifest.json adds what it does not name") {
  Saved saved(R"(["tiny:1","tiny:2"])");
  const std::string own = saved.manifest("amd64", saved.plain);
  saved.layout(saved.entry(own, image::kOciManifest, StoredImage::names("1", "docker.io/library/tiny:1")));
  const Places places(saved);
  for (const auto& spec : places.specs) {
    const auto opened = open(spec);
    CHECK(opened.root("tiny:1") == StoredImage::digest_of(own));
    CHECK(opened.planned("tiny:2").blobs.size() == 3);
  }
}

TEST_CASE("what is written after --from= is understood, or answered with what to do") {
  tests::TemporaryFolder folder;
  const auto refusal = [&](const std::string& spec, ErrorCode code = ErrorCode::invalid_input) {
    const auto opened = sources::open_source(spec, folder.path());
    REQUIRE_FALSE(opened);
    CHECK(opened.error().code == code);
    return opened.error().what;
  };
  for (const char* spec : {"", "oci", "oci:", "layout", "zip:x", ":x", "OCI:x"})
    CHECK(refusal(spec).contains(
        "oci:FOLDER, oci-archive:FILE, docker-archive:FILE, docker-daemon: or containerd:[NAMESPACE] is expected"));
  CHECK(refusal("docker://redis:7", ErrorCode::unsupported).contains("if --from is left out"));
  CHECK(refusal("docker-daemon:redis:7").contains("IMAGE --from=docker-daemon: redis:7"));
  CHECK(refusal("containerd:redis:7").contains("IMAGE --from=containerd:k8s.io NAME"));
  CHECK(refusal("containers-storage:x", ErrorCode::unsupported).contains("podman save"));
  CHECK(refusal("dir:x", ErrorCode::unsupported).contains("skopeo copy"));
  CHECK(refusal("oci:none").contains(folder / "none can't be read: it does not exist"));
  std::filesystem::create_directory(folder / "empty");
  CHECK(refusal("oci:empty").contains("neither index.json (OCI) nor manifest.json (`docker save`)"));
  CHECK(refusal("oci:empty:redis:7").contains("IMAGE --from=oci:PATH NAME"));
  StoredImage::write(folder / "old.tar",
                     tar({{"repositories", R"({"tiny":{"1":"aa"}})"}, {"aa/layer.tar", "x"}, {"aa/json", "{}"}}));
  CHECK(refusal("docker-archive:old.tar", ErrorCode::unsupported).contains("before 1.10"));
  StoredImage::write(folder / "deep.tar", tar({{"layout/index.json", "{}"}}));
  CHECK(refusal("oci-archive:deep.tar").contains("layout/index.json is in it: archive the folder's content instead"));
}
