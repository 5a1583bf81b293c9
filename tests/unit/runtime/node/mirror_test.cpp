// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/mirror.h"

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "payload/base/file.h"
#include "payload/http/client.h"
#include "payload/writer/writer.h"
#include "runtime/host/payload_store.h"
#include "runtime/node/catalog.h"
#include "runtime/node/pki.h"

using namespace sealift;

namespace {

class Folder {
 public:
  Folder() {
    std::string path = std::filesystem::temp_directory_path().string() + "/sealift-node-XXXXXX";
    REQUIRE(::mkdtemp(path.data()) != nullptr);
    path_ = path;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Two images with equal paths from two registries and one layer each.
struct TinyPayload {
  std::string path, other_layer = std::string(3'000'000, 'b');
  Digest docker_manifest, quay_manifest, layer;

  explicit TinyPayload(const Folder& folder) : path(folder / "tiny.payload") {
    auto writer = writer::PayloadWriter::create(path, {});
    REQUIRE(writer);
    const auto put = [&](std::string_view text) {
      base::MemorySource source(base::as_bytes(text));
      const auto object = (*writer)->add(source, writer::Storage::raw);
      REQUIRE(object);
      return *object;
    };
    format::Contents contents;
    contents.name = "tiny";
    const auto image = [&](std::string name, std::string_view layer_text) {
      const auto config = put("{\"os\":\"linux\",\"name\":\"" + name + "\"}");
      const auto blob = put(layer_text);
      const auto manifest = put("{\"manifest of\":\"" + name + "\"}");
      const std::string type = "application/vnd.oci.image.manifest.v1+json";
      contents.images.push_back({std::move(name), manifest, type, {{Architecture::amd64, manifest, type, config, {blob}}}});
      contents.layers[blob.digest] = {1, 1};
      return std::pair(manifest.digest, blob.digest);
    };
    std::tie(docker_manifest, layer) = image("docker.io/library/hello:1.0", std::string(2'000'000, 'a'));
    quay_manifest = image("quay.io/library/hello:1.0", other_layer).first;
    REQUIRE((*writer)->finish(contents, {}, base::no_events()));
  }

  // As it lies on a registry host, complete.
  void store(const std::string& target) const {
    const auto bytes = base::read_file(path, size_t{64} << 20);
    REQUIRE(bytes);
    auto store = host::PayloadStore::open(target, bytes->size());
    REQUIRE(store);
    REQUIRE((*store)->write(0, *bytes));
    REQUIRE((*store)->finish());
  }
};

http::Reply get(uint16_t port, const std::string& target, const std::map<std::string, std::string>& headers = {}) {
  http::Client client({"http", "127.0.0.1", port}, {});
  auto reply = client.get(target, headers);
  REQUIRE(reply);
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
}

TEST_CASE("a mirror serves each registry's own image, by tag and by digest") {
  const Folder folder;
  const TinyPayload tiny(folder);
  tiny.store(folder / "stored.payload");
  node::MirrorConfig config;
  config.local_address = "127.0.0.1";
  config.payloads = {folder / "stored.payload"};
  config.artifact = "tiny 1";
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
  const auto part = get(port, "/v2/library/hello/blobs/" + tiny.layer.text() + "?ns=docker.io", {{"Range", "bytes=1999990-1999999"}});
  CHECK(part.status == 206);
  CHECK(part.text == std::string(10, 'a'));

  const auto missing = get(port, "/v2/library/other/manifests/1.0?ns=docker.io");
  CHECK(missing.status == 404);
  CHECK(missing.text.contains("is not in artifact tiny 1"));
  CHECK(get(port, "/v2/library/hello/manifests/1.0").status == 400);
  CHECK(get(port, "/v2/").status == 200);
}

TEST_CASE("a host without a payload streams from a registry host over mutual TLS") {
  const Folder folder;
  const TinyPayload tiny(folder);
  tiny.store(folder / "stored.payload");
  Clock& clock = base::system_clock();
  const std::string pki = folder / "pki";
  REQUIRE(node::make_authority(pki, "test", clock));
  const auto key = node::make_key(pki);
  REQUIRE(key);
  const auto certificate = node::issue_certificate(pki, *key, "node", "127.0.0.1", clock);
  REQUIRE(certificate);
  REQUIRE(base::write_file_atomic(pki + "/node.crt", base::as_bytes(*certificate), 0644));

  node::MirrorConfig registry;
  registry.local_address = registry.peer_address = "127.0.0.1";
  registry.payloads = {folder / "stored.payload"};
  registry.ca = pki + "/ca.crt";
  registry.certificate = pki + "/node.crt";
  registry.key = pki + "/node.key";
  const auto source = node::Mirror::start(registry, clock);
  REQUIRE(source);
  node::MirrorConfig worker = registry;
  worker.payloads.clear();
  worker.peer_address.clear();
  // the first one does not answer: the next is asked
  worker.registry_hosts = {"127.0.0.1:1", std::format("127.0.0.1:{}", (*source)->peer_port())};
  const auto mirror = node::Mirror::start(worker, clock);
  REQUIRE(mirror);
  const uint16_t port = (*mirror)->local_port();
  CHECK(hash::sha256(base::as_bytes(get(port, "/v2/library/hello/manifests/1.0?ns=docker.io").text)) == tiny.docker_manifest);
  CHECK(hash::sha256(base::as_bytes(get(port, "/v2/library/hello/blobs/" + tiny.layer.text() + "?ns=docker.io").text)) == tiny.layer);
  CHECK(get(port, "/v2/library/other/manifests/1.0?ns=docker.io").status == 404);

  // many pulls at once, as when all workers join
  std::atomic<int> good = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        for (int n = 0; n < 20; ++n) {
          http::Client client({"http", "127.0.0.1", port}, {});
          const auto reply = client.get("/v2/library/hello/manifests/1.0?ns=docker.io", {});
          if (reply && reply->status == 200 && hash::sha256(base::as_bytes(reply->text)) == tiny.docker_manifest) ++good;
        }
      });
    }
  }
  CHECK(good == 160);

  // without a certificate of the cluster nobody gets anything
  const auto authority = base::read_text_file(registry.ca, 65536);
  http::ClientOptions stranger;
  stranger.authority = *authority;
  http::Client client({"https", "127.0.0.1", (*source)->peer_port()}, std::move(stranger));
  CHECK_FALSE(client.get("/v2/library/hello/manifests/1.0?ns=docker.io", {}));
}

TEST_CASE("what is still on its way is waited for, in the file and in the answer") {
  const Folder folder;
  const TinyPayload tiny(folder);
  const auto bytes = base::read_file(tiny.path, size_t{64} << 20);
  REQUIRE(bytes);
  const auto file = base::OpenFile::open(tiny.path);
  const auto reader = format::PayloadReader::open(**file);
  REQUIRE(reader);
  auto store = host::PayloadStore::open(folder / "arriving.payload", bytes->size());
  REQUIRE(store);
  const auto write = [&](uint64_t offset, uint64_t size) { REQUIRE((*store)->write(offset, ByteView(*bytes).subspan(offset, size))); };
  for (const auto& range : (*reader)->skeleton()) write(range.offset, range.size);
  const auto frames = (*reader)->frames_of(std::span(&tiny.docker_manifest, 1));
  REQUIRE(frames);
  for (const auto& frame : *frames) write(frame.offset, frame.stored_size);
  store->reset();  // syncs what came
  const auto pieces = host::read_stored_pieces(folder / "arriving.payload");
  REQUIRE(pieces);
  CHECK_FALSE(pieces->complete);
  CHECK(pieces->covers(frames->front().offset, frames->front().stored_size));

  node::MirrorConfig config;
  config.local_address = "127.0.0.1";
  config.payloads = {folder / "arriving.payload"};
  const auto mirror = node::Mirror::start(config, base::system_clock());
  REQUIRE(mirror);
  CHECK(get((*mirror)->local_port(), "/v2/library/hello/manifests/1.0?ns=docker.io").status == 200);
}
