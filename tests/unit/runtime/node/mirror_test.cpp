// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/mirror.h"

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <thread>

#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/http/client.h"
#include "runtime/node/catalog.h"
#include "tests/support/recorded_payloads.h"
#include "tests/support/tiny_payload.h"

using namespace sealift;
using tests::TemporaryFolder;
using tests::TinyPayload;
using tests::WaitedClock;
using tests::with_certificates;

namespace {

http::Reply get(uint16_t port, const std::string& target, const std::map<std::string, std::string>& headers = {}) {
  http::Client client({"http", "127.0.0.1", port}, {});
  auto reply = client.get(target, headers);
  REQUIRE(reply);
  return *reply;
}

// As containerd asks: it trusts only this authority.
http::ClientOptions trusting(const node::MirrorConfig& config) {
  http::ClientOptions out;
  const auto authority = base::read_text_file(config.ca, 65536);
  REQUIRE(authority);
  out.authority = *authority;
  return out;
}

http::Reply get(const node::MirrorConfig& config, uint16_t port, const std::string& target) {
  http::Client client({"https", "127.0.0.1", port}, trusting(config));
  auto reply = client.get(target, {});
  if (!reply) FAIL(reply.error().text());
  return *reply;
}

}  // namespace

TEST_CASE("questions are read strictly") {
  const auto question = node::parse_question("/v2/a/b/manifests/1.0", "docker.io");
  REQUIRE(question);
  CHECK(question->repository == "a/b");
  CHECK(question->reference == "1.0");
  CHECK_FALSE(node::parse_question("/v2/a/b/blobs/1.0", "docker.io"));
  CHECK_FALSE(node::parse_question("/v2/../manifests/1.0", "docker.io"));
  CHECK_FALSE(node::parse_question("/v2/a/manifests/sha256:12", "docker.io"));
  CHECK_FALSE(node::parse_question("/v1/a/manifests/1", "docker.io"));
  CHECK_FALSE(node::parse_question("/v2/a/tags/list", "docker.io"));
  const std::string digest = hash::sha256({}).text();
  const auto list = node::parse_question("/v2/a/b/referrers/" + digest, "docker.io");
  REQUIRE(list);
  CHECK(list->of_referrers);
  CHECK(list->repository == "a/b");
  CHECK(list->reference == "sha256-" + digest.substr(7));
  CHECK_FALSE(node::parse_question("/v2/a/b/referrers/1.0", "docker.io"));
}

TEST_CASE("a mirror serves each registry's own image, by tag and by digest") {
  const TemporaryFolder folder;
  const TinyPayload tiny(folder);
  tiny.store(folder / "stored.payload");
  node::MirrorConfig config;
  config.local_address = "127.0.0.1";
  config.artifacts = tests::record_payloads(folder.path(), {folder / "stored.payload"});
  const auto mirror = node::Mirror::start(config, base::system_clock());
  REQUIRE(mirror);
  const uint16_t port = (*mirror)->local_port();

  const auto docker = get(port, "/v2/library/hello/manifests/1.0?ns=docker.io");
  CHECK(docker.status == 200);
  CHECK(docker.headers.at("docker-content-digest") == tiny.docker_manifest.text());
  CHECK(docker.headers.at("content-type") == "application/vnd.oci.image.manifest.v1+json");
  CHECK(hash::sha256(base::as_bytes(docker.text)) == tiny.docker_manifest);
  const auto quay = get(port, "/v2/library/hello/manifests/1.0?ns=quay.io");
  CHECK(quay.headers.at("docker-content-digest") == tiny.quay_manifest.text());
  CHECK(get(port, "/v2/library/hello/manifests/" + tiny.quay_manifest.text() + "?ns=quay.io").status == 200);
  // a digest of the other registry's image is not served under this name
  CHECK(get(port, "/v2/library/hello/manifests/" + tiny.quay_manifest.text() + "?ns=docker.io").status == 404);

  const auto blob = get(port, "/v2/library/hello/blobs/" + tiny.layer.text() + "?ns=docker.io");
  CHECK(hash::sha256(base::as_bytes(blob.text)) == tiny.layer);
  const auto part =
      get(port, "/v2/library/hello/blobs/" + tiny.layer.text() + "?ns=docker.io", {{"Range", "bytes=1999990-1999999"}});
  CHECK(part.status == 206);
  CHECK(part.text == tiny.docker_layer.substr(1'999'990));

  const auto missing = get(port, "/v2/library/other/manifests/1.0?ns=docker.io");
  CHECK(missing.status == 404);
  CHECK(missing.text.contains("is not in artifact tiny 1"));
  CHECK(get(port, "/v2/library/hello/manifests/1.0").status == 400);
  const auto nothing = get(port, "/v2/library/hello/referrers/" + tiny.docker_manifest.text() + "?ns=docker.io");
  CHECK(nothing.status == 200);
  CHECK(nothing.headers.at("content-type") == "application/vnd.oci.image.index.v1+json");
  CHECK(nothing.text.contains("\"manifests\":[]"));
  CHECK(get(port, "/v2/").status == 200);
}

TEST_CASE("a host without a payload streams from a registry host over mutual TLS") {
  const TemporaryFolder folder;
  const TinyPayload tiny(folder);
  tiny.store(folder / "stored.payload");
  Clock& clock = base::system_clock();
  node::MirrorConfig registry = with_certificates(folder);
  registry.peer_address = "127.0.0.1";
  registry.artifacts = tests::record_payloads(folder.path(), {folder / "stored.payload"});
  const auto source = node::Mirror::start(registry, clock);
  REQUIRE(source);
  node::MirrorConfig worker = registry;
  worker.artifacts.clear();
  worker.peer_address.clear();
  // the first one does not answer: the next one is asked
  worker.registry_hosts = {"127.0.0.1:1", base::format("127.0.0.1:{}", (*source)->peer_port())};
  const auto mirror = node::Mirror::start(worker, clock);
  REQUIRE(mirror);
  const uint16_t port = (*mirror)->local_port();
  CHECK(hash::sha256(base::as_bytes(get(worker, port, "/v2/library/hello/manifests/1.0?ns=docker.io").text)) ==
        tiny.docker_manifest);
  CHECK(hash::sha256(base::as_bytes(
            get(worker, port, "/v2/library/hello/blobs/" + tiny.layer.text() + "?ns=docker.io").text)) == tiny.layer);
  CHECK(get(worker, port, "/v2/library/other/manifests/1.0?ns=docker.io").status == 404);

  // many pulls at once, as when all workers join
  std::atomic<int> good = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        for (int n = 0; n < 20; ++n) {
          http::Client client({"https", "127.0.0.1", port}, trusting(worker));
          const auto reply = client.get("/v2/library/hello/manifests/1.0?ns=docker.io", {});
          if (reply && reply->status == 200 && hash::sha256(base::as_bytes(reply->text)) == tiny.docker_manifest)
            ++good;
        }
      });
    }
  }
  CHECK(good == 160);

  // without a certificate of the cluster every request is refused
  const auto refused = [&](http::ClientOptions options) {
    http::Client client({"https", "127.0.0.1", (*source)->peer_port()}, std::move(options));
    return !client.get("/v2/library/hello/manifests/1.0?ns=docker.io", {});
  };
  CHECK(refused(trusting(registry)));
  // A certificate for servers is none of a client, and the other way round.
  const auto with = [&](const std::string& own) {
    auto options = trusting(registry);
    auto identity = tests::identity_of(registry, own);
    options.certificate = identity.certificate;
    options.key = std::move(identity.key);
    return options;
  };
  CHECK(refused(with(registry.server)));
  CHECK_FALSE(refused(with(registry.client)));
}

namespace {

// A payload arriving on a registry host, and the mirror that serves it already.
class Arriving {
 public:
  explicit Arriving(const TemporaryFolder& folder) : tiny_(folder), payload_(folder, tiny_) {
    node::MirrorConfig config;
    config.local_address = "127.0.0.1";
    config.artifacts = tests::record_payloads(folder.path(), {payload_.path()});
    auto mirror = node::Mirror::start(config, clock);
    REQUIRE(mirror);
    mirror_ = std::move(*mirror);
  }
  const TinyPayload& tiny() const { return tiny_; }
  std::vector<format::Frame> frames(const Digest& object) const { return payload_.frames(object); }
  void metadata_comes() { payload_.metadata_comes(); }
  void comes(const format::Frame& frame) { payload_.comes(frame); }
  http::Response ask(std::string_view what, const Digest& digest, const std::string& method = "GET") {
    return mirror_->answer(
        {method, base::format("/v2/library/hello/{}/{}", what, digest.text()), {{"ns", "quay.io"}}, {}});
  }
  static std::string content(const http::Response& response) {
    REQUIRE(response.stream);
    Bytes out;
    base::FunctionSink sink([&](ByteView data) -> Result<void> {
      out.insert(out.end(), data.begin(), data.end());
      return {};
    });
    REQUIRE(response.stream->write(0, response.stream->size, sink));
    return std::string(base::as_text(out));
  }
  WaitedClock clock;

 private:
  TinyPayload tiny_;
  tests::ArrivingPayload payload_;
  std::unique_ptr<node::Mirror> mirror_;
};

}  // namespace

TEST_CASE("what is still on its way is waited for, in the file and in the answer") {
  const TemporaryFolder folder;
  Arriving arriving(folder);
  const auto late = arriving.ask("manifests", arriving.tiny().quay_manifest);
  CHECK(late.status == 503);
  CHECK(late.text.contains("the payload is still on its way"));
  CHECK(arriving.clock.waited() >= Duration{60'000});
  arriving.clock.at_sleep(3, [&] { arriving.metadata_comes(); });
  const auto manifest = arriving.tiny().quay_manifest;
  const auto known = arriving.ask("manifests", manifest);
  CHECK(known.status == 503);  // the metadata is there, but not the object
  CHECK(known.text.contains(manifest.text() + " is still on its way"));
  CHECK(known.headers.at("Retry-After") == "5");
  arriving.clock.at_sleep(5, [&] {
    for (const auto& frame : arriving.frames(manifest)) arriving.comes(frame);
  });
  const Duration before = arriving.clock.waited();
  const auto found = arriving.ask("manifests", manifest);
  CHECK(found.status == 200);
  CHECK(arriving.clock.waited() - before < Duration{5'000});
  CHECK(hash::sha256(base::as_bytes(Arriving::content(found))) == manifest);
}

TEST_CASE("an object is served when all of its pieces are there, not before") {
  const TemporaryFolder folder;
  Arriving arriving(folder);
  arriving.metadata_comes();
  const auto& layer = arriving.tiny().other;
  const auto frames = arriving.frames(layer);
  REQUIRE(frames.size() == 2);
  for (const size_t first : {size_t{0}, size_t{1}}) {
    const TemporaryFolder own;
    Arriving half(own);
    half.metadata_comes();
    half.comes(frames[first]);
    CHECK(half.ask("blobs", layer).status == 503);
    // its size is known, so there is no wait
    const Duration before = half.clock.waited();
    const auto head = half.ask("blobs", layer, "HEAD");
    CHECK(head.status == 200);
    CHECK(head.stream->size == arriving.tiny().other_layer.size());
    CHECK(half.clock.waited() == before);
    half.comes(frames[1 - first]);
    const auto whole = half.ask("blobs", layer);
    CHECK(whole.status == 200);
    CHECK(Arriving::content(whole) == arriving.tiny().other_layer);
    CHECK(half.clock.waited() == before);
  }
}

TEST_CASE("a registry host that dies in the middle of a blob is followed by the next, from there on") {
  const TemporaryFolder folder;
  const TinyPayload tiny(folder);
  tiny.store(folder / "stored.payload");
  Clock& clock = base::system_clock();
  const auto good_config = with_certificates(folder);
  auto registry = good_config;
  registry.peer_address = "127.0.0.1";
  registry.artifacts = tests::record_payloads(folder.path(), {folder / "stored.payload"});
  const auto good = node::Mirror::start(registry, clock);
  REQUIRE(good);
  // The first one knows the blob and dies after a part of it.
  const std::string& blob = tiny.docker_layer;
  std::atomic<int> asked = 0;
  http::ServerOptions options;
  options.tls = tests::identity_of(registry, registry.server);
  const auto dying = http::Server::start(options, [&](const http::Request& request) {
    if (!request.is_head()) ++asked;
    http::Response out{200, {}, "application/octet-stream", {}, {}};
    out.stream = http::Response::Stream{blob.size(), [&](uint64_t offset, uint64_t, base::Sink& sink) -> Result<void> {
                                          SEALIFT_TRY(sink.write(base::as_bytes(blob).subspan(offset, 700'000)));
                                          return fail(ErrorCode::io, "the power goes");
                                        }};
    return out;
  });
  REQUIRE(dying);
  auto worker = good_config;
  worker.registry_hosts = {base::format("127.0.0.1:{}", (*dying)->port()),
                           base::format("127.0.0.1:{}", (*good)->peer_port())};
  const auto mirror = node::Mirror::start(worker, clock);
  REQUIRE(mirror);
  const std::string target = "/v2/library/hello/blobs/" + tiny.layer.text() + "?ns=docker.io";
  const auto whole = get(worker, (*mirror)->local_port(), target);
  CHECK(whole.text.size() == blob.size());
  CHECK(hash::sha256(base::as_bytes(whole.text)) == tiny.layer);
  CHECK(asked == 1);
}

TEST_CASE("Docker Hub's other names are docker.io") {
  const TemporaryFolder folder;
  const TinyPayload tiny(folder);
  const auto file = base::OpenFile::open(tiny.path);
  const auto reader = format::PayloadReader::open(**file);
  REQUIRE(reader);
  const node::Catalog catalog((*reader)->contents());
  for (const auto* registry : {"docker.io", "index.docker.io", "registry-1.docker.io"}) {
    INFO(registry);
    const auto question = node::parse_question("/v2/library/hello/manifests/1.0", registry);
    REQUIRE(question);
    const auto found = catalog.find(*question);
    REQUIRE(found);
    CHECK(found->digest == tiny.docker_manifest);
  }
  CHECK(catalog.find(*node::parse_question("/v2/library/hello/manifests/1.0", "quay.io"))->digest ==
        tiny.quay_manifest);
  CHECK_FALSE(catalog.find(*node::parse_question("/v2/library/hello/manifests/1.0", "mirror.docker.io")));
  // a registry's blobs are its own, whatever else the payload contains
  CHECK(catalog.find(*node::parse_question("/v2/library/hello/blobs/" + tiny.other.text(), "quay.io")));
  CHECK_FALSE(catalog.find(*node::parse_question("/v2/library/hello/blobs/" + tiny.other.text(), "docker.io")));
  // a manifest is no blob, and a blob no manifest
  CHECK_FALSE(
      catalog.find(*node::parse_question("/v2/library/hello/blobs/" + tiny.docker_manifest.text(), "docker.io")));
  CHECK_FALSE(catalog.find(*node::parse_question("/v2/library/hello/manifests/" + tiny.layer.text(), "docker.io")));
}

TEST_CASE("the mirror's configuration is read, every field of it") {
  const auto config = node::parse_mirror_config(
      R"({"localListen":"127.0.0.1:5000","peerListen":"[fd00::11]:5001","artifacts":"/a","registryHosts":["10.7.0.11:5000"],
    "ca":"/pki/ca.crt","server":"/pki/server.pem","client":"/pki/client.pem","artifact":"shop 3.4"})");
  REQUIRE(config);
  CHECK(config->local_address == "127.0.0.1");
  CHECK(config->local_port == 5000);
  CHECK(config->peer_address == "fd00::11");
  CHECK(config->peer_port == 5001);
  CHECK(config->artifacts == "/a");
  CHECK(config->registry_hosts == std::vector<std::string>{"10.7.0.11:5000"});
  CHECK(config->ca == "/pki/ca.crt");
  CHECK(config->server == "/pki/server.pem");
  CHECK(config->client == "/pki/client.pem");
  CHECK(config->artifact == "shop 3.4");
  const std::string own = R"("ca":"/a","server":"/b")";
  const auto least = node::parse_mirror_config(R"({"localListen":"127.0.0.1:5000","peerListen":"",)" + own + "}");
  REQUIRE(least);
  CHECK(least->peer_address.empty());
  CHECK(least->artifacts.empty());
  for (const auto* bad :
       {"", "[]", "{}", R"({"localListen":"nowhere:port")",
        R"({"localListen":"127.0.0.1:5000","peerListen":"10.7.0.11:99999")", R"({"localListen":5000)"}) {
    INFO(bad);
    CHECK_FALSE(node::parse_mirror_config(bad));
    CHECK_FALSE(node::parse_mirror_config(bad + ("," + own + "}")));
  }
  // It is never without TLS.
  CHECK_FALSE(node::parse_mirror_config(R"({"localListen":"127.0.0.1:5000","peerListen":""})"));
}

TEST_CASE(
    "a mirror serves artifacts from the moment they are recorded, the base's first, and forgets what is replaced") {
  const TemporaryFolder folder, other;
  const TinyPayload tiny(folder);
  tiny.store(folder / "stored.payload");
  node::MirrorConfig config;
  config.local_address = "127.0.0.1";
  config.artifacts = folder / "artifacts";
  const auto mirror = node::Mirror::start(config, base::system_clock());
  REQUIRE(mirror);
  const uint16_t port = (*mirror)->local_port();
  const std::string manifest = "/v2/library/hello/manifests/1.0?ns=docker.io";
  CHECK(get(port, manifest).status == 404);
  tests::record_payloads(folder.path(), {folder / "stored.payload"}, "middleware", false);
  CHECK(get(port, manifest).status == 200);
  // One that is not an artifact's record, or half of one, harms nobody.
  std::ofstream(config.artifacts + "/rubbish.json") << "{";
  std::ofstream(config.artifacts + "/middleware.json.tmp") << "{";
  CHECK(get(port, manifest).status == 200);
  // The base's artifact does not have the image; the next one is asked. A blob is read in several requests.
  const TinyPayload base_payload(other, "ghcr.io");
  base_payload.store(other / "base.payload");
  tests::record_payloads(folder.path(), {other / "base.payload"}, "shop", true);
  CHECK(get(port, manifest).status == 200);
  const auto blob = get(port, "/v2/library/hello/blobs/" + tiny.layer.text() + "?ns=docker.io");
  CHECK(hash::sha256(base::as_bytes(blob.text)) == tiny.layer);
  // Replaced by a version without the payload.
  tests::record_payloads(folder.path(), {}, "middleware", false);
  const auto gone = get(port, manifest);
  CHECK(gone.status == 404);
  CHECK(gone.text.contains("is not in artifact shop 1, middleware 1"));
}

TEST_CASE("the mirror for the programs of its own host is believed by its certificate, and no other program is") {
  const TemporaryFolder folder;
  const TinyPayload tiny(folder);
  tiny.store(folder / "stored.payload");
  auto config = with_certificates(folder);
  config.artifacts = tests::record_payloads(folder.path(), {folder / "stored.payload"});
  const auto mirror = node::Mirror::start(config, base::system_clock());
  REQUIRE(mirror);
  const std::string target = "/v2/library/hello/manifests/1.0?ns=docker.io";
  CHECK(hash::sha256(base::as_bytes(get(config, (*mirror)->local_port(), target).text)) == tiny.docker_manifest);
  // Who takes the port has no key of the authority.
  const auto answers = [&](std::optional<http::TlsIdentity> identity) {
    http::ServerOptions options;
    options.tls = std::move(identity);
    const auto squatter = http::Server::start(options, [](const http::Request&) { return http::Response{}; });
    REQUIRE(squatter);
    http::Client client({"https", "127.0.0.1", (*squatter)->port()}, trusting(config));
    return client.get(target, {}).has_value();
  };
  auto own = tests::identity_of(config, config.server);
  own.authority.clear();
  CHECK(answers(own));
  CHECK_FALSE(answers({}));
  const TemporaryFolder theirs;
  const auto other = with_certificates(theirs);
  auto foreign = tests::identity_of(other, other.server);
  foreign.authority.clear();
  CHECK_FALSE(answers(foreign));
  auto of_client = tests::identity_of(config, config.client);
  of_client.authority.clear();
  CHECK_FALSE(answers(of_client));
}
