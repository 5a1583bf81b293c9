// SPDX-License-Identifier: Apache-2.0
#include "runtime/host/artifact_record.h"

#include <catch2/catch_test_macros.hpp>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "tests/support/fake_host.h"

using namespace sealift;
using host::ArtifactRecord;

namespace {

ArtifactRecord sample() {
  return {
      .name = "harbor.lan/apps/erp",
      .version = "3.4",
      .is_base = false,
      .kubernetes = {},
      .identity = hash::sha256(base::as_bytes("identity")),
      .payloads = {"/var/lib/sealift/payloads/b.payload", "/var/lib/sealift/payloads/a.payload"},
      .apps = {{.name = "erp",
                .target_namespace = "business",
                .release = "erp",
                .kind = "manifests",
                .part_of = "suite",
                .is_network = true,
                .needs = {"redis", "postgres"},
                .objects = {{"apps/v1", "Deployment", "business", "erp"}, {"v1", "ConfigMap", "", "erp"}}},
               {.name = "redis", .target_namespace = "store", .release = "cache", .kind = "helm", .version = "7.2"}},
      .images = {{"docker.io/library/redis:7", hash::sha256(base::as_bytes("redis"))}},
      .files = {{"/etc/erp.conf", {{"", hash::sha256(base::as_bytes("erp"))}}},
                {"/usr/local/bin/tool",
                 {{"control-plane amd64", hash::sha256(base::as_bytes("amd64"))},
                  {"worker arm64", hash::sha256(base::as_bytes("arm64"))}}}},
      .delivered_by = "ops@laptop",
      .delivered_at = "2026-11-28T17:00:00Z"};
}

void put(tests::FakeMachine& machine, const std::string& name, const std::string& text) {
  machine.world.files[base::format("{}/{}", host::kArtifactRecords, name)] = {
      host::FileType::regular, {0644, 0, 0}, base::to_bytes(text), {}};
}

}  // namespace

TEST_CASE("artifact records: what is written is read again, and equal records have equal text") {
  const auto record = sample();
  const auto again = host::parse_artifact_record(host::to_text(record));
  REQUIRE(again);
  CHECK(*again == record);
  CHECK(host::to_text(*again) == host::to_text(record));
  auto base = sample();
  base.is_base = true;
  base.kubernetes = "v1.34.4";
  CHECK(host::parse_artifact_record(host::to_text(base)).value() == base);
}

TEST_CASE("artifact records: those of earlier versions are read, and stay as they are") {
  const auto text = base::format(
      "{{\n  \"apps\": [\n    {{\n      \"name\": \"erp\",\n      \"namespace\": \"business\",\n      \"release\": \"erp\"\n"
      "    }}\n  ],\n  \"base\": false,\n  \"files\": {{}},\n  \"format\": 1,\n  \"identity\": \"{}\",\n  \"images\": {{}},\n"
      "  \"name\": \"erp\",\n  \"payloads\": [\n    \"/p\"\n  ],\n  \"version\": \"1\"\n}}\n",
      sample().identity.text());
  const auto record = host::parse_artifact_record(text);
  REQUIRE(record);
  CHECK(record->delivered_by.empty());
  CHECK(record->delivered_at.empty());
  REQUIRE(record->apps.size() == 1);
  CHECK(record->apps.front() == ArtifactRecord::App{.name = "erp", .target_namespace = "business", .release = "erp"});
  CHECK(host::to_text(*record) == text);
}

TEST_CASE("artifact records: the next version has the same file, another artifact never") {
  auto record = sample();
  CHECK(record.file_name() == "harbor.lan%2Fapps%2Ferp.json");
  record.version = "4";
  CHECK(record.file_name() == sample().file_name());
  record.name = "base";
  CHECK(record.file_name() == "base.json");
  record.is_base = true;
  CHECK(record.file_name() == "@base.json");
  record.name = "..";
  record.is_base = false;
  CHECK(record.file_name() == "...json");
  CHECK(ArtifactRecord{.name = {}, .version = {}, .identity = sample().identity}.title() ==
        sample().identity.hex().substr(0, 12));
}

TEST_CASE("artifact records: a newer format, and rubbish, are refused") {
  CHECK(host::parse_artifact_record(R"({"format": 2})").error().code == ErrorCode::unsupported_version);
  for (const auto* bad : {"", "[]", "{}", R"({"format": 1})", R"({"format": 1, "identity": "sha256:12"})",
                          R"({"format": 1, "identity": 5})"}) {
    INFO(bad);
    CHECK_FALSE(host::parse_artifact_record(bad));
  }
  const auto identity = sample().identity.text();
  for (const auto* part : {R"("payloads": [5])", R"("apps": [{}])", R"("apps": [{"name": "a", "needs": [1]}])",
                           R"("apps": [{"name": "a", "objects": [{"kind": "Pod"}]}])", R"("images": {"a": "b"})"}) {
    INFO(part);
    CHECK_FALSE(host::parse_artifact_record(base::format(R"({{"format": 1, "identity": "{}", {}}})", identity, part)));
  }
}

TEST_CASE("artifact records: the base's comes first, the others by name; an unreadable one is named") {
  tests::FakeMachine machine("cp1");
  const auto host = tests::connect_fake(machine);
  REQUIRE(host);
  CHECK(host::read_artifact_records(**host).value().empty());
  auto erp = sample(), crm = sample(), shop = sample();
  crm.name = "crm";
  shop.name = "shop";
  shop.is_base = true;
  for (const auto& record : {erp, crm, shop}) put(machine, record.file_name(), host::to_text(record));
  put(machine, "crm.json.tmp", "half");
  CHECK(host::read_artifact_records(**host).value() == std::vector<ArtifactRecord>{shop, crm, erp});
  put(machine, "crm.json", "half");
  const auto refused = host::read_artifact_records(**host);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().text().contains("/var/lib/sealift/artifacts/crm.json"));
}
