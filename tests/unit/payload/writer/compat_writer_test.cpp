// SPDX-License-Identifier: Apache-2.0
//
// Makes the file that tests/compat keeps forever. With SEALIFT_MAKE_COMPAT=FILE it is written there (once per format
// version, by its first release); without, it only runs through the writer.
#include <catch2/catch_test_macros.hpp>

#include <cstdlib>
#include <deque>

#include "payload/writer/writer.h"
#include "tests/support/temporary_folder.h"

using namespace sealift;

TEST_CASE("the payload that tests/compat keeps can be made") {
  const tests::TemporaryFolder folder;
  const char* wanted = std::getenv("SEALIFT_MAKE_COMPAT");
  const std::string path = wanted != nullptr ? wanted : folder / "compat.payload";
  auto made = writer::PayloadWriter::create(path, {});
  REQUIRE(made);
  std::deque<std::string> texts;  // read again when they are written
  const auto add = [&](std::string_view text, writer::Storage storage) {
    texts.emplace_back(text);
    auto reference = (*made)->add({"a text",
                                   [&text = texts.back()]() -> Result<std::unique_ptr<base::Source>> {
                                     return std::make_unique<base::MemorySource>(base::as_bytes(text));
                                   }},
                                  storage);
    REQUIRE(reference);
    return *reference;
  };
  using enum writer::Storage;
  std::string numbers;
  for (int i = 0; i < 60000; ++i) numbers += std::to_string(i) + "\n";
  std::string layer = "\x1f\x8b";  // not a real one; bytes that compress badly
  uint32_t state = 1;
  for (int i = 0; i < 3000; ++i) {
    state = state * 1664525 + 1013904223;
    layer += static_cast<char>(state >> 24U);
  }
  format::Contents contents;
  contents.name = "compat";
  contents.version = "1.0";
  contents.created_by = "sealift 0.1.0";
  contents.stubs = {{Architecture::arm64, add("not a program", automatic)}};
  contents.tree["apps/erp/values.yaml"] = {add("replicas: 3\n", automatic), 0644};
  contents.tree["apps/net/all.yaml"] = {add("kind: DaemonSet\n", automatic), 0644};
  contents.tree["empty"] = {add("", automatic), 0600};
  contents.tree["ntp.conf"] = {add("server ${NTP:-pool}\n", automatic), 0644};
  contents.tree["numbers.txt"] = {add(numbers, automatic), 0644};
  contents.host_files = {{"ntp.conf", "/etc/ntp.conf", 0640, 0, 5, format::HostRole::worker, true, {}}};
  contents.apps = {{"erp", format::AppKind::helm, false, "apps/erp", {"net"}, "2.0"},
                   {"net", format::AppKind::manifests, true, "apps/net", {}, ""}};
  const auto layer_object = add(layer, raw);
  contents.layers[layer_object.digest] = {12345, 3};
  const auto manifest = add("{\"a\":\"manifest\"}", automatic);
  contents.images = {{"registry.example:5000/app@sha256:00",
                      manifest,
                      "application/vnd.oci.image.manifest.v1+json",
                      {{Architecture::arm64,
                        manifest,
                        "application/vnd.oci.image.manifest.v1+json",
                        add("{\"a\":\"config\"}", automatic),
                        {layer_object}}}}};
  contents.environment = {{"TZ", "UTC"}};
  contents.labels = {{"vendor", "Ä & Söhne"}};
  contents.launch = {"net", "erp"};
  const auto summary = (*made)->finish(contents, std::nullopt, base::no_events());
  REQUIRE(summary);
  CHECK(summary->objects == 9);
}
