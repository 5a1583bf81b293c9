// SPDX-License-Identifier: Apache-2.0
#include "runtime/report/records.h"

#include <catch2/catch_test_macros.hpp>

#include "payload/hash/digest.h"

using namespace sealift;
using Lines = std::vector<std::string>;

namespace {

const Digest kIdentity = hash::sha256(base::as_bytes("identity"));

host::ArtifactRecord shop() {
  return {
      .name = "shop",
      .version = "3.4",
      .is_base = true,
      .kubernetes = "v1.34.4",
      .identity = kIdentity,
      .payloads = {"/p"},
      .apps = {{.name = "hello", .target_namespace = "default", .release = "hello", .kind = "manifests"},
               {.name = "redis", .target_namespace = "store", .release = "cache", .kind = "helm", .version = "7.2"}},
      .delivered_by = "ops@laptop",
      .delivered_at = "2026-11-28T17:00:00Z"};
}

host::ArtifactRecord old() {
  return {.name = "erp", .version = "", .identity = kIdentity, .payloads = {"/q"}, .apps = {{"erp", "web", "erp"}}};
}

}  // namespace

TEST_CASE("records: the artifacts of a cluster, with their applications") {
  const auto identity = kIdentity.text().substr(0, 19);
  CHECK(report::artifact_lines({shop(), old()}) ==
        Lines{"shop 3.4 (" + identity + "), Kubernetes v1.34.4, by ops@laptop at 2026-11-28T17:00:00Z",
              "  application kind      release namespace chart", "  hello       manifests -       default   -",
              "  redis       helm      cache   store     7.2", "erp (" + identity + ")",
              "  application kind release namespace chart", "  erp         -    -       web       -"});
  CHECK(report::artifact_lines({}).empty());
}

TEST_CASE("records: an artifact as JSON leaves out what is not known") {
  CHECK(report::to_json(old()) ==
        R"({"applications":[{"name":"erp","namespace":"web"}],"base":false,"event":"artifact","identity":")" +
            kIdentity.text() + R"(","name":"erp","version":""})");
  const auto text = report::to_json(shop());
  CHECK(text.contains(R"("delivered_by":"ops@laptop")"));
  CHECK(text.contains(R"({"kind":"helm","name":"redis","namespace":"store","release":"cache","version":"7.2"})"));
  CHECK(text.contains(R"({"kind":"manifests","name":"hello","namespace":"default"})"));
}

TEST_CASE("records: what was done to a cluster") {
  steps::HistoryEntry entry{.when = "2026-11-28T17:00:00Z",
                            .by = "ops@laptop",
                            .name = "shop",
                            .version = "3.4",
                            .identity = "sha256:0123456789abcdef",
                            .result = "complete",
                            .apps = {{"redis", "installed", "7.2"}, {"hello", "removed", ""}},
                            .joined = {"w1"},
                            .removed = {"w2"}};
  CHECK(report::history_lines({entry}) ==
        Lines{"2026-11-28T17:00:00Z  ops@laptop  shop 3.4 (sha256:0123456789ab)  complete",
              "  redis installed (chart 7.2)", "  hello removed", "  node w1 joined", "  node w2 removed"});
  CHECK(report::history_lines({}) == Lines{"the cluster knows of no delivery yet"});
  CHECK(
      report::to_json(entry) ==
      R"({"applications":[{"change":"installed","name":"redis","version":"7.2"},{"change":"removed","name":"hello"}],)"
      R"("by":"ops@laptop","event":"delivery","identity":"sha256:0123456789abcdef","joined":["w1"],"name":"shop",)"
      R"("removed":["w2"],"result":"complete","version":"3.4","when":"2026-11-28T17:00:00Z"})");
  // What somebody wrote there comes to the terminal as text only.
  entry.by = "\x1b[2J";
  CHECK(report::history_lines({entry}).front().contains("\\x1b"));
}
