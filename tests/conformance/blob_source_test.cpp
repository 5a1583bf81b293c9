// SPDX-License-Identifier: Apache-2.0
//
// Requirements on every BlobSource, run against a payload on this host, against a registry host that serves such a
// payload over mutual TLS, and, where nothing arrives, against registries of others with and without a cache. The
// mirror can't tell them apart, and neither can this suite.
#include "runtime/node/blob_source.h"

#include <atomic>
#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <thread>
#include <tuple>

#include "payload/base/format.h"
#include "payload/base/retry.h"
#include "runtime/node/mirror.h"
#include "runtime/node/payload_blobs.h"
#include "runtime/node/registries.h"
#include "runtime/node/upstream_blobs.h"
#include "tests/support/recorded_payloads.h"
#include "tests/support/registry_server.h"
#include "tests/support/tiny_payload.h"

using namespace sealift;
using format::ByteRange;
using node::BlobInfo;
using node::Question;
using tests::TemporaryFolder;
using tests::TinyPayload;
using tests::WaitedClock;

namespace {

constexpr auto kManifest = Question::Kind::manifest, kBlob = Question::Kind::blob;

struct Site {
  TemporaryFolder folder;
  TinyPayload tiny{folder};
  tests::ArrivingPayload payload{folder, tiny};
  WaitedClock clock;

  Question question(Question::Kind kind, const std::string& registry, const std::string& reference) const {
    return {registry, "library/hello", kind, reference};
  }
  Question compressed() const { return question(kBlob, "docker.io", tiny.layer.text()); }
  Question raw() const { return question(kBlob, "quay.io", tiny.other.text()); }
};

struct OfPayload : Site {
  node::PayloadBlobs source{payload.path(), clock};
};

// A source that asks these hosts in this order, with the certificates of `config`.
std::unique_ptr<node::UpstreamBlobs> upstream(const node::MirrorConfig& config, const std::vector<uint16_t>& ports,
                                              Clock& clock) {
  std::vector<http::Origin> hosts;
  for (const uint16_t port : ports) hosts.push_back({"https", "127.0.0.1", port});
  return std::make_unique<node::UpstreamBlobs>(hosts, tests::identity_of(config, config.client), clock);
}

struct OfRegistryHost : Site {
  node::MirrorConfig config = tests::with_certificates(folder);
  std::unique_ptr<node::Mirror> host = start();
  std::unique_ptr<node::UpstreamBlobs> own = upstream(config, {host->peer_port()}, clock);
  node::UpstreamBlobs& source = *own;

 private:
  std::unique_ptr<node::Mirror> start() {
    config.peer_address = "127.0.0.1";
    config.artifacts = tests::record_payloads(folder.path(), {payload.path()});
    auto mirror = node::Mirror::start(config, clock);
    if (!mirror) FAIL(mirror.error().text());
    return std::move(*mirror);
  }
};

// The same images in two registries of others. There is no cache without a limit.
struct InRegistries : Site {
  explicit InRegistries(uint64_t cache_bytes) {
    for (auto* server : {&docker, &quay}) server->repository = "library/hello";
    for (const auto& [server, name, layer] :
         {std::tuple(&docker, "docker.io", &tiny.docker_layer), {&quay, "quay.io", &tiny.other_layer}}) {
      server->add_manifest("1.0", base::format(R"({{"manifest of":"{}/library/hello:1.0"}})", name),
                           image::kOciManifest);
      server->add_blob(*layer);
    }
    config.upstreams = {{"docker.io/*", {{*http::parse_url(docker.origin()), {}, {}, {}}}},
                        {"quay.io/*", {{*http::parse_url(quay.origin()), {}, {}, {}}}}};
    std::filesystem::create_directories(folder / "cache");
    auto cache = cache_bytes == 0 ? nullptr : std::make_shared<node::BlobCache>(folder / "cache", cache_bytes);
    own = std::make_unique<node::Registries>(std::move(config), std::move(cache), clock);
  }
  tests::RegistryServer docker, quay;
  node::RegistriesConfig config;
  std::unique_ptr<node::Registries> own;
};
struct OfRegistries : InRegistries {
  OfRegistries() : InRegistries(0) {}
  node::Registries& source = *own;
};
struct OfCache : InRegistries {
  OfCache() : InRegistries(uint64_t{1} << 30) {}
  node::Registries& source = *own;
};
// Passes on what it can't keep.
struct OfSmallCache : InRegistries {
  OfSmallCache() : InRegistries(1000) {}
  node::Registries& source = *own;
};

BlobInfo stat(node::BlobSource& source, const Question& question) {
  const auto blob = source.stat(question);
  if (!blob) FAIL(blob.error().text());
  REQUIRE(*blob);
  return **blob;
}

struct Got {
  std::string bytes;
  std::optional<ErrorCode> error;
};

// Like the mirror.
Got get(node::BlobSource& source, const BlobInfo& blob, ByteRange range = {}) {
  Got out;
  base::FunctionSink sink([&](ByteView data) -> Result<void> {
    out.bytes += base::as_text(data);
    return {};
  });
  const auto done = source.await(blob).and_then([&] { return source.read(blob, range, sink); });
  if (!done) out.error = done.error().code;
  return out;
}

}  // namespace

TEMPLATE_TEST_CASE("a source knows its objects by tag and digest, and says so of no other", "", OfPayload,
                   OfRegistryHost, OfRegistries, OfCache, OfSmallCache) {
  TestType site;
  site.payload.all_comes();
  const auto manifest = stat(site.source, site.question(kManifest, "quay.io", "1.0"));
  CHECK(manifest.digest == site.tiny.quay_manifest);
  CHECK(manifest.media_type == "application/vnd.oci.image.manifest.v1+json");
  const auto text = get(site.source, manifest);
  CHECK_FALSE(text.error);
  CHECK(hash::sha256(base::as_bytes(text.bytes)) == site.tiny.quay_manifest);
  CHECK(manifest.size == text.bytes.size());
  CHECK(stat(site.source, site.question(kManifest, "quay.io", site.tiny.quay_manifest.text())).digest ==
        site.tiny.quay_manifest);
  const auto layer = stat(site.source, site.raw());
  CHECK(layer.digest == site.tiny.other);
  CHECK(layer.size == site.tiny.other_layer.size());

  for (const auto& absent : {site.question(kManifest, "quay.io", "2.0"), site.question(kManifest, "ghcr.io", "1.0"),
                             site.question(kBlob, "quay.io", site.tiny.layer.text()),
                             site.question(kBlob, "quay.io", site.tiny.quay_manifest.text()),
                             site.question(kManifest, "quay.io", hash::sha256({}).text())}) {
    INFO(absent.registry << " " << absent.reference);
    const auto none = site.source.stat(absent);
    REQUIRE(none);
    CHECK_FALSE(*none);
  }
}

TEMPLATE_TEST_CASE("a range is exactly that, at the beginning, inside, over frames, at the end and behind it", "",
                   OfPayload, OfRegistryHost, OfRegistries, OfCache, OfSmallCache) {
  TestType site;
  site.payload.all_comes();
  constexpr uint64_t kFrame = uint64_t{8} << 20, kToEnd = UINT64_MAX;
  for (const auto& [question, whole] :
       {std::pair(site.compressed(), site.tiny.docker_layer), {site.raw(), site.tiny.other_layer}}) {
    INFO(question.registry);
    const auto blob = stat(site.source, question);
    const uint64_t size = blob.size;
    REQUIRE(size == whole.size());
    for (const auto& range : {ByteRange{0, kToEnd},
                              {0, size},
                              {0, 1},
                              {0, 0},
                              {1'234'567, 54'321},
                              {size - 1, 1},
                              {size - 700'000, kToEnd},
                              {size, kToEnd},
                              {size, 0}}) {
      INFO(range.offset << "+" << range.size);
      const auto got = get(site.source, blob, range);
      CHECK_FALSE(got.error);
      CHECK(got.bytes == whole.substr(range.offset, range.size));
    }
    for (const auto& range : {ByteRange{size + 1, kToEnd}, {size, 1}, {0, size + 1}, {size - 1, 2}, {1, kToEnd - 1}}) {
      INFO(range.offset << "+" << range.size);
      const auto got = get(site.source, blob, range);
      CHECK(got.error == ErrorCode::invalid_input);
      CHECK(got.bytes.empty());
    }
  }
  const auto over = get(site.source, stat(site.source, site.raw()), {kFrame - 10, 20});
  CHECK(over.bytes == site.tiny.other_layer.substr(kFrame - 10, 20));
}

TEMPLATE_TEST_CASE("what has not arrived is waited for and not handed out; when it is there it is", "", OfPayload,
                   OfRegistryHost) {
  TestType site;
  CHECK(base::may_pass(site.source.stat(site.raw()).error().code));
  CHECK(site.clock.waited() >= Duration{60'000});
  site.payload.metadata_comes();
  const auto frames = site.payload.frames(site.tiny.other);
  REQUIRE(frames.size() == 2);
  site.payload.comes(frames[0]);
  const auto blob = stat(site.source, site.raw());
  const auto early = get(site.source, blob, {0, 10});
  CHECK(base::may_pass(early.error.value()));
  CHECK(early.bytes.empty());
  site.clock.at_sleep(3, [&] { site.payload.comes(frames[1]); });
  const auto got = get(site.source, blob);
  CHECK_FALSE(got.error);
  CHECK(got.bytes == site.tiny.other_layer);
}

TEMPLATE_TEST_CASE("wrong bytes are noticed, and never complete", "", OfPayload, OfRegistryHost) {
  TestType site;
  for (const auto& digest : {site.tiny.layer, site.tiny.other, site.tiny.quay_manifest})
    site.payload.damage(site.payload.frames(digest).back());
  site.payload.all_comes();
  for (const auto& question : {site.compressed(), site.raw(), site.question(kManifest, "quay.io", "1.0")}) {
    INFO(question.reference);
    const auto blob = stat(site.source, question);
    const auto got = get(site.source, blob);
    CHECK(got.error);
    CHECK(got.bytes.size() < blob.size);
  }
}

TEMPLATE_TEST_CASE("a sink that has enough ends the reading with its own error", "", OfPayload, OfRegistryHost,
                   OfRegistries, OfCache, OfSmallCache) {
  TestType site;
  site.payload.all_comes();
  for (const auto& question : {site.compressed(), site.raw()}) {
    const auto blob = stat(site.source, question);
    int writes = 0;
    base::FunctionSink full([&](ByteView) -> Result<void> {
      ++writes;
      return fail(ErrorCode::no_space, "full");
    });
    const auto read = site.source.read(blob, {}, full);
    REQUIRE_FALSE(read);
    CHECK(read.error().code == ErrorCode::no_space);
    CHECK(writes == 1);
  }
}

TEMPLATE_TEST_CASE("stop ends what waits, what reads and what comes later", "", OfPayload, OfRegistryHost) {
  {
    TestType site;
    site.payload.metadata_comes();
    const auto blob = stat(site.source, site.raw());
    site.clock.at_sleep(3, [&] { site.source.stop(); });
    CHECK(get(site.source, blob).error == ErrorCode::cancelled);
    CHECK(site.source.stat(site.raw()).error().code == ErrorCode::cancelled);
    CHECK(get(site.source, blob).error == ErrorCode::cancelled);
  }
  TestType site;
  site.payload.all_comes();
  const auto blob = stat(site.source, site.raw());
  uint64_t bytes = 0;
  base::FunctionSink sink([&](ByteView data) -> Result<void> {
    bytes += data.size();
    site.source.stop();
    return {};
  });
  const auto read = site.source.read(blob, {}, sink);
  REQUIRE_FALSE(read);
  CHECK(read.error().code == ErrorCode::cancelled);
  CHECK(bytes < blob.size);
}

TEMPLATE_TEST_CASE("several readers at once each get their own bytes", "", OfPayload, OfRegistryHost, OfRegistries,
                   OfCache, OfSmallCache) {
  TestType site;
  site.payload.all_comes();
  const auto compressed = stat(site.source, site.compressed()), raw = stat(site.source, site.raw());
  std::atomic<int> good = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&, i] {
        for (int n = 0; n < 5; ++n) {
          const uint64_t offset = static_cast<uint64_t>((i * 5) + n) * 10'000;
          const auto one = get(site.source, compressed, {offset, 1'500'000}),
                     other = get(site.source, raw, {offset, 1'500'000});
          if (one.bytes == site.tiny.docker_layer.substr(offset, 1'500'000) &&
              other.bytes == site.tiny.other_layer.substr(offset, 1'500'000))
            ++good;
        }
      });
    }
  }
  CHECK(good == 20);
}
