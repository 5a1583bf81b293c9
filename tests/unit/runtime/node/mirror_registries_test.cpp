// SPDX-License-Identifier: Apache-2.0
//
// The mirror and registries of others: who is asked in which order, and what people are told.
#include <catch2/catch_test_macros.hpp>

#include "payload/base/file.h"
#include "payload/base/format.h"
#include "runtime/node/mirror.h"
#include "tests/support/recorded_payloads.h"
#include "tests/support/registry_server.h"
#include "tests/support/tiny_payload.h"

using namespace sealift;
using tests::RegistryServer;
using tests::TemporaryFolder;
using tests::TinyPayload;

namespace {

struct Site {
  TemporaryFolder folder;
  TinyPayload tiny{folder};
  RegistryServer registry;
  Digest layer = registry.add_blob("a layer of the registry");
  Digest manifest = registry.add_manifest("1.0", R"({"of":"the registry"})", image::kOciManifest);
  node::MirrorConfig config = tests::with_certificates(folder);
  std::unique_ptr<node::Mirror> mirror;

  Site() {
    registry.repository = "library/hello";
    tiny.store(folder / "stored.payload");
    config.artifact = "tiny 1";
    config.peer_address = "127.0.0.1";
    config.artifacts = tests::record_payloads(folder.path(), {folder / "stored.payload"});
    config.registries = folder / "registries.json";
  }
  void write(const std::string& text) const {
    REQUIRE(base::write_file_atomic(config.registries, base::as_bytes(text), 0600));
  }
  void write_upstreams(const std::string& match, const std::string& login = {}) const {
    std::filesystem::create_directories(folder / "cache");
    write(base::format(
        R"({{"upstreams":[{{"match":"{}","places":[{{"url":"{}"{}}}]}}],"cache":{{"folder":"{}","bytes":1000000}}}})",
        match, registry.origin(), login, folder / "cache"));
  }
  void start() {
    auto started = node::Mirror::start(config, base::system_clock());
    if (!started) FAIL(started.error().text());
    mirror = std::move(*started);
  }
  http::Response ask(const std::string& registry_name, const std::string& what,
                     const std::string& method = "GET") const {
    return mirror->answer({method, "/v2/library/hello/" + what, {{"ns", registry_name}}, {}});
  }
};

std::string body(const http::Response& response) {
  if (!response.stream) return response.text;
  base::MemorySink sink(size_t{16} << 20);
  REQUIRE(response.stream->write(0, response.stream->size, sink));
  return std::string(base::as_text(sink.data()));
}

}  // namespace

TEST_CASE("mirror: what an artifact brought wins over a registry of the same name; the rest comes from the registry") {
  Site site;
  site.write_upstreams("*");
  site.start();
  const auto ours = site.ask("quay.io", "manifests/1.0");
  CHECK(ours.status == 200);
  CHECK(ours.headers.at("Docker-Content-Digest") == site.tiny.quay_manifest.text());
  CHECK(site.registry.asked().empty());
  const auto theirs = site.ask("ghcr.io", "manifests/1.0");
  CHECK(theirs.status == 200);
  CHECK(theirs.headers.at("Docker-Content-Digest") == site.manifest.text());
  CHECK(body(theirs) == R"({"of":"the registry"})");
  CHECK(theirs.content_type == image::kOciManifest);
  CHECK(body(site.ask("ghcr.io", "blobs/" + site.layer.text())) == "a layer of the registry");
  CHECK(site.ask("ghcr.io", "blobs/" + site.layer.text(), "HEAD").stream->size == 23);
  // Another tag of an image that the artifact has.
  site.registry.add_manifest("2.0", "{}", image::kOciManifest);
  CHECK(body(site.ask("quay.io", "manifests/2.0")) == "{}");
}

TEST_CASE("mirror: while a payload can't tell yet, no registry is asked: what it brings would win") {
  Site site;
  site.write_upstreams("*");
  site.config.artifacts = tests::record_payloads(site.folder.path(), {site.folder / "on-its-way.payload"});
  tests::WaitedClock clock;
  const auto mirror = node::Mirror::start(site.config, clock);
  REQUIRE(mirror);
  const auto answer = (*mirror)->answer({"GET", "/v2/library/hello/manifests/1.0", {{"ns", "ghcr.io"}}, {}});
  CHECK(answer.status == 503);
  CHECK(site.registry.asked().empty());
}

TEST_CASE("mirror: 'not found' names the artifact and the registry that was asked") {
  Site site;
  site.write_upstreams("ghcr.io/*");
  site.start();
  const auto none = site.ask("ghcr.io", "manifests/9.9");
  CHECK(none.status == 404);
  CHECK(none.text.contains("ghcr.io/library/hello:9.9 is not in artifact tiny 1, and " + site.registry.origin() +
                           " has no such image"));
  const auto unasked = site.ask("quay.io", "manifests/9.9");
  CHECK(unasked.status == 404);
  CHECK_FALSE(unasked.text.contains(site.registry.origin()));
}

TEST_CASE("mirror: a refused login is 502, never 401, and says what to do, in a header too") {
  Site site;
  site.registry.habits.authorization = "Basic x";
  site.registry.habits.challenge = R"(Basic realm="r")";
  site.write_upstreams("ghcr.io/*", R"(,"user":"robot","password":"canary")");
  site.start();
  for (const auto* method : {"GET", "HEAD"}) {
    const auto refused = site.ask("ghcr.io", "manifests/1.0", method);
    CHECK(refused.status == 502);
    CHECK(refused.text.contains("refuses the user robot for library/hello; check user and password"));
    CHECK_FALSE(refused.headers.contains("WWW-Authenticate"));
    CHECK(refused.headers.at("Warning").starts_with("299 - \"" + site.registry.origin() + " refuses the user robot"));
    CHECK_FALSE((refused.text + refused.headers.at("Warning")).contains("canary"));
  }
}

TEST_CASE("mirror: another host gets images of registries through a registry host, and its word at once") {
  Site site;
  site.write_upstreams("ghcr.io/*");
  site.start();
  auto config = site.config;
  config.artifacts.clear();
  config.registries.clear();
  config.peer_address.clear();
  config.registry_hosts = {base::format("127.0.0.1:{}", site.mirror->peer_port())};
  tests::WaitedClock clock;
  const auto worker = node::Mirror::start(config, clock);
  REQUIRE(worker);
  const auto ask = [&](const std::string& what, const std::string& method = "GET") {
    return (*worker)->answer({method, "/v2/library/hello/" + what, {{"ns", "ghcr.io"}}, {}});
  };
  CHECK(body(ask("manifests/1.0")) == R"({"of":"the registry"})");
  CHECK(body(ask("blobs/" + site.layer.text())) == "a layer of the registry");
  site.registry.habits.authorization = "Basic x";
  site.registry.habits.challenge = R"(Basic realm="r")";
  const auto refused = ask("manifests/1.1");
  CHECK(refused.status >= 500);
  CHECK(refused.text.contains("gives library/hello to nobody without a login"));
  CHECK(clock.waited() == Duration{0});
}

TEST_CASE("mirror: changed registries are taken over, and a file that can't be used changes nothing") {
  Site site;
  site.write("spoiled");
  site.start();
  CHECK(site.ask("quay.io", "manifests/1.0").status == 200);
  const auto unread = site.ask("ghcr.io", "manifests/1.0");
  CHECK(unread.status == 502);
  CHECK(unread.text.contains("registries.json"));
  site.write_upstreams("ghcr.io/*");
  REQUIRE(site.mirror->reload());
  const auto running = site.ask("ghcr.io", "blobs/" + site.layer.text());
  CHECK(running.status == 200);
  site.write("spoiled again");
  CHECK_FALSE(site.mirror->reload());
  CHECK(site.ask("ghcr.io", "manifests/1.0").status == 200);
  site.write_upstreams("other.example/*");
  REQUIRE(site.mirror->reload());
  CHECK(site.ask("ghcr.io", "manifests/1.0").status == 404);
  CHECK(site.ask("other.example", "manifests/1.0").status == 200);
  CHECK(body(running) == "a layer of the registry");
}

TEST_CASE("mirror: an external registry has the images instead of registry hosts") {
  Site site;
  site.config.artifacts.clear();
  site.config.peer_address.clear();
  site.registry.repository = "plant7/quay.io/library/hello";
  site.write(base::format(R"({{"external":{{"url":"{}/plant7"}}}})", site.registry.origin()));
  site.start();
  CHECK(body(site.ask("quay.io", "manifests/1.0")) == R"({"of":"the registry"})");
  CHECK(body(site.ask("quay.io", "blobs/" + site.layer.text())) == "a layer of the registry");
  const auto none = site.ask("ghcr.io", "manifests/1.0");
  CHECK(none.status == 404);
  CHECK(none.text.contains(site.registry.origin() + " has no such image"));
}

TEST_CASE("mirror: people get what was delivered, and nothing by this host's logins") {
  Site site;
  site.write_upstreams("ghcr.io/*");
  site.start();
  const auto ask = [&](const std::string& registry_name) {
    return site.mirror->answer({"GET", "/v2/library/hello/manifests/1.0", {{"ns", registry_name}}, {}},
                               node::Mirror::Asker::people);
  };
  CHECK(ask("quay.io").status == 200);
  CHECK(ask("ghcr.io").status == 404);
  CHECK(site.registry.asked().empty());
}

TEST_CASE("mirror: two registry hosts with different artifacts ask each other, and nobody in a circle") {
  Site site;
  auto config = site.config;
  site.config.registries.clear();
  site.start();  // has the artifact
  config.registries.clear();
  config.artifacts = site.folder / "none";
  config.registry_hosts = {base::format("127.0.0.1:{}", site.mirror->peer_port())};
  tests::WaitedClock clock;
  const auto other = node::Mirror::start(config, clock);
  REQUIRE(other);
  const http::Request request{"GET", "/v2/library/hello/manifests/1.0", {{"ns", "quay.io"}}, {}};
  CHECK((*other)->answer(request).status == 200);
  CHECK((*other)->answer(request, node::Mirror::Asker::other_host).status == 404);
}
