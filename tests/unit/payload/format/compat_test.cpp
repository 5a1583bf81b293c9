// SPDX-License-Identifier: Apache-2.0
//
// tests/compat: payloads made by released versions (and by the first one of a format). They stay readable forever:
// files are added, never changed or removed.
#include <catch2/catch_test_macros.hpp>

#include <filesystem>

#include "payload/base/file.h"
#include "payload/format/reader.h"
#include "tests/support/source_tree.h"

using namespace sealift;

namespace {

const std::string kRoot = tests::source_path("tests/compat");

}  // namespace

TEST_CASE("every payload of every version opens, verifies and reads") {
  size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kRoot)) {
    if (entry.path().extension() != ".payload") continue;
    INFO(entry.path());
    const auto file = base::OpenFile::open(entry.path());
    REQUIRE(file);
    const auto reader = format::PayloadReader::open(**file);
    REQUIRE(reader);
    CHECK((*reader)->verify(2, {}, {})->empty());
    std::vector<Digest> digests;
    for (const auto& object : (*reader)->objects()) digests.push_back(object.digest);
    CHECK((*reader)->verify_objects(digests, 2, {})->empty());
    ++count;
  }
  CHECK(count >= 1);
}

TEST_CASE("the payload of format 1.0 holds what was put into it") {
  const auto file = base::OpenFile::open(kRoot + "/format-1.0.payload");
  REQUIRE(file);
  const auto opened = format::PayloadReader::open(**file);
  REQUIRE(opened);
  const auto& reader = **opened;
  const auto& contents = reader.contents();
  CHECK(contents.name == "compat");
  CHECK(contents.version == "1.0");
  CHECK(contents.created_by == "sealift 0.1.0");
  CHECK(contents.compressors.contains("zstd"));
  CHECK(contents.launch == std::vector<std::string>{"net", "erp"});
  CHECK(contents.environment.at("TZ") == "UTC");
  CHECK(contents.labels.at("vendor") == "Ä & Söhne");
  REQUIRE(contents.find_app("erp") != nullptr);
  CHECK(contents.find_app("erp")->kind == format::AppKind::helm);
  CHECK(contents.find_app("erp")->needs == std::vector<std::string>{"net"});
  CHECK(contents.find_app("net")->is_network);
  REQUIRE(contents.host_files.size() == 1);
  CHECK(contents.host_files[0].destination == "/etc/ntp.conf");
  CHECK(contents.host_files[0].mode == 0640);
  CHECK(contents.host_files[0].role == format::HostRole::worker);
  REQUIRE(contents.stubs.size() == 1);
  CHECK(contents.stubs[0].architecture == Architecture::arm64);
  const auto* image = contents.find_image("registry.example:5000/app@sha256:00");
  REQUIRE(image != nullptr);
  REQUIRE(image->platforms.size() == 1);
  const auto& layer = image->platforms[0].layers.at(0);
  CHECK(contents.layers.at(layer.digest).files == 3);
  CHECK(reader.find(layer.digest)->raw_offset);
  CHECK(reader.read_all(layer.digest, 100000)->size() == layer.size);
  CHECK(base::as_text(*reader.read_tree("apps/erp/values.yaml", 1000)) == "replicas: 3\n");
  CHECK(reader.read_tree("empty", 0)->empty());
  std::string numbers;
  for (int i = 0; i < 60000; ++i) numbers += std::to_string(i) + "\n";
  CHECK(base::as_text(*reader.read_tree("numbers.txt", 1000000)) == numbers);
}
