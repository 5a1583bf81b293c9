// SPDX-License-Identifier: Apache-2.0
// Charts from repositories and registries, right and wrong ones.
#include "packer/charts/charts.h"

#include <catch2/catch_test_macros.hpp>

#include "packer/charts/repository_index.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "tests/support/fake_clock.h"
#include "tests/support/faulty_server.h"
#include "tests/support/registry_server.h"
#include "tests/support/temporary_folder.h"

using namespace sealift;
using tests::FaultyServer;

namespace {

const std::string kArchive = "the bytes of a chart";

Digest digest_of(std::string_view text) { return hash::sha256(base::as_bytes(text)); }

struct Machine {
  tests::TemporaryFolder folder;
  tests::FakeClock clock;
  downloads::Downloads downloads{{.folder = folder.path() + "/cache", .endpoints = {}, .patience = {}}, clock};

  Result<charts::Chart> fetch(std::string_view text, const lock::Chart* known = nullptr) {
    charts::Charts charts(downloads, {}, {}, {}, clock);
    SEALIFT_ASSIGN(const auto address, charts::parse_address(text));
    return charts.fetch(address, known, {});
  }
  lock::Chart fetched(std::string_view text, const lock::Chart* known = nullptr) {
    const auto chart = fetch(text, known);
    if (!chart) FAIL(chart.error().text());
    CHECK(base::read_text_file(chart->path, 1'000) == kArchive);
    CHECK(chart->pinned.archive == digest_of(kArchive));
    return chart->pinned;
  }
  std::string refused(std::string_view text, ErrorCode code, const lock::Chart* known = nullptr) {
    INFO(text);
    const auto chart = fetch(text, known);
    REQUIRE_FALSE(chart);
    CHECK(chart.error().code == code);
    return chart.error().text();
  }
};

// A repository with one chart, whose URL and digest the test sets.
struct Repository {
  std::string url = "erp-1.2.3.tgz", digest = digest_of(kArchive).hex(), archive = kArchive;
  FaultyServer server{[this](const FaultyServer::Request& request) {
    if (request.path().ends_with("/index.yaml")) return tests::answer(index(), 0);
    return request.path() == "/charts/erp-1.2.3.tgz" ? tests::answer(archive, 0)
                                                     : "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n";
  }};
  std::string index() const {
    return base::format(
        "apiVersion: v1\nentries:\n  crm:\n  - version: 2.0.0\n    urls: [crm.tgz]\n  erp:\n  - version: 1.2.4\n    "
        "description: |-\n      entries:\n        erp:\n    urls:\n    - erp-1.2.4.tgz\n  - version: 1.2.3\n    digest: "
        "{}\n    urls:\n    - {}\ngenerated: \"2026-01-01\"\n",
        digest, url);
  }
  std::string base() const { return "repo:http://" + server.name() + "/charts"; }
};

// A registry with one artifact.
struct Artifacts : tests::RegistryServer {
  static constexpr std::string_view kConfig = "application/vnd.cncf.helm.config.v1+json";
  static constexpr std::string_view kLayer = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
  Digest put(const std::string& tag, std::string_view config = kConfig, std::string_view layer = kLayer,
             const std::string& bytes = kArchive) {
    const auto describe = [&](std::string_view type, const std::string& text) {
      return base::format(R"({{"mediaType":"{}","digest":"{}","size":{}}})", type, add_blob(text).text(), text.size());
    };
    return add_manifest(tag,
                        base::format(R"({{"schemaVersion":2,"mediaType":"{}","config":{},"layers":[{}]}})",
                                     image::kOciManifest, describe(config, "{}"), describe(layer, bytes)),
                        image::kOciManifest);
  }
  std::string address(const std::string& version) const { return "oci://" + name() + "/team/app" + version; }
};

}  // namespace

TEST_CASE("a chart of a repository is found by its index and compared with its digest") {
  Repository repository;
  Machine machine;
  machine.fetched(repository.base() + "/erp@1.2.3");
  machine.fetched(repository.base() + "/erp@v1.2.3");
  for (const auto* url : {"/charts/erp-1.2.3.tgz", "../charts/erp-1.2.3.tgz"}) {
    repository.url = url;
    Machine fresh;
    fresh.fetched(repository.base() + "/erp@1.2.3");
  }
  repository.url = "http://" + repository.server.name() + "/charts/erp-1.2.3.tgz";
  Machine fresh;
  fresh.fetched(repository.base() + "/erp@1.2.3");
  // other bytes than the index says
  repository.archive += "!";
  Machine other;
  CHECK(other.refused(repository.base() + "/erp@1.2.3", ErrorCode::corrupt).contains(digest_of(kArchive).text()));
  repository.digest = "sha512:00";
  CHECK(other.refused(repository.base() + "/erp@1.2.3", ErrorCode::invalid_input).contains("no SHA-256"));
}

TEST_CASE("what a repository does not have is told with what it has") {
  Repository repository;
  Machine machine;
  CHECK(machine.refused(repository.base() + "/erq@1.2.3", ErrorCode::not_found).contains("did you mean erp?"));
  CHECK(machine.refused(repository.base() + "/something@1.2.3", ErrorCode::not_found).contains("it has crm, erp"));
  CHECK(machine.refused(repository.base() + "/erp@1.2.5", ErrorCode::not_found).contains("it has 1.2.4, 1.2.3"));
  for (const auto* version : {"", "@", "@^1.2", "@1.2"}) {
    const auto text = machine.refused(repository.base() + "/erp" + version, ErrorCode::invalid_input);
    CHECK(text.contains("an exact version of erp is required"));
    CHECK(text.contains("has 1.2.4, 1.2.3"));
  }
  repository.url = "gone.tgz";
  machine.refused(repository.base() + "/erp@1.2.3", ErrorCode::not_found);
}

TEST_CASE("an index that is laid out in another way is read whole") {
  const std::string_view json = R"({"apiVersion":"v1","entries":{"erp":[{"version":"1.0.0","urls":["a.tgz"]}]}})";
  CHECK(charts::find_chart(json, "erp", "1.0.0", "here")->url == "a.tgz");
  CHECK(
      charts::find_chart("entries:\n  \"erp\":\n  - {version: 1.0.0, urls: [b.tgz]}\n", "erp", "1.0.0", "here")->url ==
      "b.tgz");
  CHECK(
      charts::find_chart("entries:\n    erp:\n    - {version: 1.0.0, urls: [c.tgz]}\n", "erp", "1.0.0", "here")->url ==
      "c.tgz");
  CHECK(charts::find_chart("entries:\r\n  erp:\r\n  - {version: 1.0.0, urls: [d.tgz]}\r\n", "erp", "1.0.0", "here")
            ->url == "d.tgz");
  for (const auto* bad : {"<html>", "", "a: b\n", "entries:\n  erp:\n  - {version: 1.0.0}\n", "entries:\n  erp: {\n"}) {
    INFO(bad);
    const auto none = charts::find_chart(bad, "erp", "1.0.0", "here");
    REQUIRE_FALSE(none);
    CHECK(none.error().code == ErrorCode::invalid_input);
  }
}

TEST_CASE("a large index costs no more than the part of one chart") {
  std::string index = "apiVersion: v1\nentries:\n";
  for (int i = 0; i < 20'000; ++i)
    index += base::format("  chart{}:\n  - version: 1.0.0\n    description: {}\n    urls:\n    - {}.tgz\n", i,
                          std::string(1'000, 'x'), i);
  REQUIRE(index.size() > size_t{20} << 20);
  CHECK(charts::find_chart(index, "chart19999", "1.0.0", "here")->url == "19999.tgz");
}

TEST_CASE("a chart of a registry is found by tag, by digest, and by what the lock says") {
  Artifacts registry;
  const auto manifest = registry.put("1.2.3_4");
  Machine machine;
  const auto pinned = machine.fetched(registry.address(":1.2.3+4"));
  CHECK(pinned.manifest == manifest);
  machine.fetched(registry.address("@" + manifest.text()));
  // the tag moves: the lock still finds the old one
  registry.put("1.2.3_4", Artifacts::kConfig, Artifacts::kLayer, "another chart");
  Machine fresh;
  fresh.fetched(registry.address(":1.2.3+4"), &pinned);
  // and in the cache there is nothing to ask for
  const size_t asked = registry.asked().size();
  fresh.fetched(registry.address(":1.2.3+4"), &pinned);
  CHECK(registry.asked().size() == asked);
}

TEST_CASE("an artifact that is no chart is refused as what it is") {
  Artifacts registry;
  Machine machine;
  registry.put("image", "application/vnd.oci.image.config.v1+json", "application/vnd.oci.image.layer.v1.tar+gzip");
  CHECK(machine.refused(registry.address(":image"), ErrorCode::invalid_input)
            .contains("a container image, no helm chart"));
  registry.put("empty", Artifacts::kConfig, "application/vnd.cncf.helm.chart.provenance.v1.prov");
  CHECK(machine.refused(registry.address(":empty"), ErrorCode::invalid_input).contains("without content"));
  registry.add_manifest("index",
                        base::format(R"({{"schemaVersion":2,"mediaType":"{}","manifests":[]}})", image::kOciIndex),
                        image::kOciIndex);
  CHECK(machine.refused(registry.address(":index"), ErrorCode::invalid_input).contains("an index"));
  machine.refused(registry.address(":none"), ErrorCode::not_found);
  // other bytes than the manifest says
  registry.put("1.0.0");
  registry.blobs[digest_of(kArchive).text()] = "the bytes of a cheat";
  machine.refused(registry.address(":1.0.0"), ErrorCode::corrupt);
}

TEST_CASE("what differs from the lock is refused with both digests") {
  Repository repository;
  Artifacts registry;
  registry.put("1.0.0");
  const lock::Chart other{digest_of("other"), {}};
  Machine machine;
  for (const auto& address : {repository.base() + "/erp@1.2.3", registry.address(":1.0.0"),
                              "http://" + repository.server.name() + "/charts/erp-1.2.3.tgz"}) {
    const auto text = machine.refused(address, ErrorCode::corrupt, &other);
    CHECK(text.contains(digest_of("other").text()));
    CHECK(text.contains(digest_of(kArchive).text()));
  }
}

TEST_CASE("a repository may keep its charts in a registry") {
  Artifacts registry;
  const auto manifest = registry.put("1.2.3");
  Repository repository;
  repository.url = registry.address(":1.2.3");
  Machine machine;
  machine.fetched(repository.base() + "/erp@1.2.3");
  repository.digest = manifest.hex();
  machine.fetched(repository.base() + "/erp@1.2.3");
  repository.digest = digest_of("other").hex();
  machine.refused(repository.base() + "/erp@1.2.3", ErrorCode::corrupt);
}
