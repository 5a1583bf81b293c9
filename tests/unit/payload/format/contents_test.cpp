// SPDX-License-Identifier: Apache-2.0
#include "payload/format/contents.h"

#include <catch2/catch_test_macros.hpp>
#include <functional>

#include "payload/json/value.h"

using namespace sealift;
using namespace sealift::format;

namespace {

ObjectRef object(std::string_view text) { return {hash::sha256(base::as_bytes(text)), text.size()}; }

// Every field set to a value other than its default.
Contents full() {
  Contents contents;
  contents.name = "shop";
  contents.version = "3.4";
  contents.created_by = "sealift 0.1.0";
  contents.compressors = {{"zstd", "1.5.7"}};
  contents.stubs = {{Architecture::amd64, object("amd")}, {Architecture::arm64, object("arm")}};
  contents.bases = {object("base").digest, object("its base").digest};
  contents.tree["apps/erp/values.yaml"] = {object("values"), 0600};
  contents.tree["base.yaml"] = {object("base"), 0644};
  contents.tree["bin/amd64/kubelet"] = {object("kubelet"), 0755};
  contents.tree["ntp ä.conf"] = {object("ntp"), 0644};
  contents.host_files = {
      {"ntp ä.conf", "/etc/ntp.conf", 0640, 7, 8, HostRole::worker, true, Architecture::arm64},
      {"bin/${ARCH}/kubelet", "/usr/local/bin/kubelet", 0755, 0, 0, HostRole::control_plane, false, {}}};
  contents.apps = {{"erp", AppKind::helm, false, "apps/erp", {"flannel"}, "1.2.3"},
                   {"flannel", AppKind::manifests, true, "base.yaml", {}, ""}};
  contents.apps[0].target_namespace = "prod";
  contents.apps[0].release = "main";
  contents.apps[0].part_of = "suite";
  contents.apps[0].values = {"apps/erp/values.yaml"};
  contents.apps[0].uses = {
      {"docker.io/library/redis:7", "erp/templates/a.yaml", "Pod/a", ".spec", "container", {"ha.yaml"}},
      {"docker.io/library/redis:7", "a.yaml", "Pod/b", ".spec", "field", {}}};
  contents.ignored_images = {{"*windows*", "only for Windows"}};
  contents.images = {{"docker.io/library/redis:7",
                      object("index"),
                      "application/vnd.oci.image.index.v1+json",
                      {{Architecture::amd64,
                        object("manifest"),
                        "application/vnd.oci.image.manifest.v1+json",
                        object("config"),
                        {object("l1"), object("l2")}}},
                      {{object("inner"), "application/vnd.oci.image.index.v1+json"}},
                      "IMAGE redis:7"}};
  contents.layers[object("l1").digest] = {123456789012, 4711};
  contents.environment = {{"TZ", "UTC"}};
  contents.labels = {{"vendor", "a \"quoted\" name"}};
  contents.launch = {"flannel", "erp"};
  contents.base_document = "base.yaml";
  return contents;
}

}  // namespace

TEST_CASE("contents come back as they were written") {
  const auto back = parse_contents(to_json(full()));
  REQUIRE(back);
  CHECK(*back == full());
  const auto empty = parse_contents(to_json({}));
  REQUIRE(empty);
  CHECK(*empty == Contents{});
}

TEST_CASE("the same contents have the same text") {
  CHECK(to_json(full()) == to_json(*parse_contents(to_json(full()))));
  const std::string text = to_json(full());
  CHECK(text.find(" :") == std::string::npos);
  CHECK(json::to_canonical(*json::parse(text)) == text);
}

TEST_CASE("every key that FORMAT.md names is written, and defaults are what it says") {
  const auto document = json::parse(to_json(full()));
  REQUIRE(document);
  for (const auto key : {"name", "version", "createdBy", "compressors", "bases", "stubs", "tree", "hostFiles", "apps",
                         "images", "layers", "environment", "labels", "launch", "baseDocument", "ignoredImages"}) {
    INFO(key);
    CHECK(document->find(key) != nullptr);
  }
  CHECK(document->members()->size() == 16);
  const auto sparse =
      parse_contents(R"({"tree":{"a":{"object":{"digest":")" + object("a").digest.text() +
                     R"(","size":1}}},"hostFiles":[{"source":"a","destination":"/a"}],"future":{"x":[1]}})");
  REQUIRE(sparse);
  CHECK(sparse->tree.at("a").mode == 0644);
  CHECK(sparse->host_files.front().mode == 0644);
  CHECK(sparse->host_files.front().role == HostRole::all);
  CHECK_FALSE(sparse->host_files.front().architecture);
  CHECK_FALSE(sparse->base_document);
}

TEST_CASE("roles have one spelling, names are found") {
  for (const auto role : {HostRole::all, HostRole::control_plane, HostRole::worker})
    CHECK(parse_host_role(name(role)) == role);
  CHECK_FALSE(parse_host_role("master"));
  const auto contents = full();
  CHECK(contents.find_app("erp") == &contents.apps.front());
  CHECK(contents.find_app("er") == nullptr);
  CHECK(contents.find_image("docker.io/library/redis:7") == &contents.images.front());
  CHECK(contents.find_image("redis:7") == nullptr);
}

TEST_CASE("errors say where") {
  auto document = json::parse(to_json(full()));
  REQUIRE(document);
  document->set("launch", *json::parse(R"(["nobody"])"));
  const auto parsed = parse_contents(json::to_canonical(*document));
  REQUIRE_FALSE(parsed);
  CHECK(parsed.error().code == ErrorCode::corrupt);
  CHECK(parsed.error().what.find("nobody") != std::string::npos);
}

TEST_CASE("what becomes part of paths, units and commands on hosts is a word") {
  const auto refusal = [](const std::function<void(Contents&)>& change) {
    Contents contents = full();
    change(contents);
    const auto parsed = parse_contents(to_json(contents));
    return parsed ? std::string() : parsed.error().what;
  };
  for (const auto& bad : std::vector<std::string>{"../../etc/x", "-rf", "a\nb", "Web", "a b", std::string(54, 'a')}) {
    INFO(bad);
    CHECK(refusal([&](Contents& c) { c.apps[0].name = bad; }).contains("can't be an app's: lower-case letters"));
    CHECK(refusal([&](Contents& c) { c.apps[0].target_namespace = bad; }).ends_with("is not a namespace"));
    CHECK(refusal([&](Contents& c) { c.apps[0].release = bad; }).ends_with("is not the name of a release"));
  }
  for (const std::string bad : {"--all", "a b", "a\x1b[2J", "\xc3\xa4"}) {
    INFO(bad);
    CHECK(refusal([&](Contents& c) { c.images[0].name = bad; }).ends_with("is not the name of an image"));
  }
  for (const std::string bad : {"/proc/x", "/etc/sealift/pki/ca.key", "/etc/shadow", "/etc/x\n/etc/y", "etc/x"}) {
    INFO(bad);
    CHECK(refusal([&](Contents& c) { c.host_files[0].destination = bad; }).contains("\"destination\" "));
  }
  CHECK(refusal([](Contents&) {}).empty());
}
