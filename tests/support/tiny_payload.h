// SPDX-License-Identifier: Apache-2.0
//
// Fixtures for tests of the image mirror: a payload of two images, arriving or complete, and a cluster's certificates.
#pragma once

#include <catch2/catch_test_macros.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>
#include <utility>

#include "payload/base/clock.h"
#include "payload/base/file.h"
#include "payload/format/reader.h"
#include "payload/http/server.h"
#include "payload/writer/writer.h"
#include "runtime/host/payload_store.h"
#include "runtime/node/mirror_config.h"
#include "runtime/node/pki.h"
#include "tests/support/temporary_folder.h"

namespace sealift::tests {

// A text without repetitions.
inline std::string numbers(size_t size) {
  std::string out;
  for (int i = 0; out.size() < size; ++i) out += std::to_string(i) + " ";
  return out.substr(0, size);
}

// Two images with equal paths from two registries and one layer each: one compressed in the payload, the other stored
// raw and longer than a frame.
struct TinyPayload {
  std::string path, docker_layer = numbers(2'000'000), other_layer = std::string(9'000'000, 'b');
  Digest docker_manifest, quay_manifest, layer, other;

  explicit TinyPayload(const TemporaryFolder& folder, const std::string& first_registry = "docker.io")
      : path(folder / "tiny.payload") {
    auto writer = writer::PayloadWriter::create(path, {});
    REQUIRE(writer);
    const auto put = [&](std::string_view text, writer::Storage storage = writer::Storage::raw) {
      const auto object = (*writer)->add({"a text",
                                          [kept = std::string(text)]() -> Result<std::unique_ptr<base::Source>> {
                                            return std::make_unique<base::MemorySource>(base::as_bytes(kept));
                                          }},
                                         storage);
      REQUIRE(object);
      return *object;
    };
    format::Contents contents;
    contents.name = "tiny";
    const auto image = [&](std::string name, std::string_view layer_text, writer::Storage storage) {
      const auto config = put("{\"os\":\"linux\",\"name\":\"" + name + "\"}");
      const auto blob = put(layer_text, storage);
      const auto manifest = put("{\"manifest of\":\"" + name + "\"}");
      const std::string type = "application/vnd.oci.image.manifest.v1+json";
      contents.images.push_back(
          {std::move(name), manifest, type, {{Architecture::amd64, manifest, type, config, {blob}}}});
      contents.layers[blob.digest] = {1, 1};
      return std::pair(manifest.digest, blob.digest);
    };
    std::tie(docker_manifest, layer) =
        image(first_registry + "/library/hello:1.0", docker_layer, writer::Storage::automatic);
    std::tie(quay_manifest, other) = image("quay.io/library/hello:1.0", other_layer, writer::Storage::raw);
    REQUIRE((*writer)->finish(contents, {}, base::no_events()));
  }

  // Stores it complete, as on a registry host.
  void store(const std::string& target) const {
    const auto bytes = base::read_file(path, size_t{64} << 20);
    REQUIRE(bytes);
    auto store = host::PayloadStore::open(target, bytes->size());
    REQUIRE(store);
    REQUIRE((*store)->write(0, *bytes));
    REQUIRE((*store)->finish());
  }
};

// The same payload arriving on a registry host, as "arriving.payload" in the folder.
class ArrivingPayload {
 public:
  ArrivingPayload(const TemporaryFolder& folder, const TinyPayload& tiny) : path_(folder / "arriving.payload") {
    auto bytes = base::read_file(tiny.path, size_t{64} << 20);
    REQUIRE(bytes);
    bytes_ = std::move(*bytes);
    file_ = std::move(*base::OpenFile::open(tiny.path));
    reader_ = std::move(*format::PayloadReader::open(*file_));
  }
  const std::string& path() const { return path_; }
  std::vector<format::Frame> frames(const Digest& object) const {
    const auto frames = reader_->frames_of(std::span(&object, 1));
    REQUIRE(frames);
    return *frames;
  }
  void damage(const format::Frame& frame) { bytes_[frame.offset + (frame.stored_size / 2)] ^= std::byte{1}; }
  void metadata_comes() const {
    const auto store = open();
    for (const auto& range : reader_->skeleton()) write(*store, range.offset, range.size);
  }
  void comes(const format::Frame& frame) const { write(*open(), frame.offset, frame.stored_size); }
  void all_comes() const {
    const auto store = open();
    write(*store, 0, bytes_.size());
    REQUIRE(store->finish());
  }

 private:
  std::unique_ptr<host::PayloadStore> open() const {
    auto store = host::PayloadStore::open(path_, bytes_.size());
    REQUIRE(store);
    return std::move(*store);  // its destructor syncs the written pieces
  }
  void write(host::PayloadStore& store, uint64_t offset, uint64_t size) const {
    REQUIRE(store.write(offset, ByteView(bytes_).subspan(offset, size)));
  }

  std::string path_;
  Bytes bytes_;
  std::unique_ptr<base::OpenFile> file_;
  std::unique_ptr<format::PayloadReader> reader_;
};

// Listens on 127.0.0.1, with its own authority, certificate and key.
inline node::MirrorConfig with_certificates(const TemporaryFolder& folder) {
  const std::string pki = folder / "pki";
  REQUIRE(node::make_authority(pki, "test", base::system_clock()));
  node::MirrorConfig out;
  out.local_address = "127.0.0.1";
  out.ca = pki + "/ca.crt";
  for (const std::string usage : {"server", "client"}) {
    const auto key = node::make_key(pki, usage);
    REQUIRE(key);
    const std::vector<std::string> addresses =
        usage == "server" ? std::vector<std::string>{"127.0.0.1"} : std::vector<std::string>();
    const auto certificate = node::issue_certificate(pki, usage, *key, "node", addresses, base::system_clock());
    REQUIRE(certificate);
    REQUIRE(node::install_certificate(pki, usage, *certificate));
    (usage == "server" ? out.server : out.client) = node::pair_path(pki, usage);
  }
  return out;
}

inline http::TlsIdentity identity_of(const node::MirrorConfig& config, const std::string& own) {
  const auto authority = base::read_text_file(config.ca, 65536);
  REQUIRE(authority);
  auto pair = node::read_pair(own);
  REQUIRE(pair);
  return {*authority, std::move(pair->certificate), std::move(pair->key)};
}

// Time passes only while somebody waits; something happens at a chosen moment of waiting. Any thread.
class WaitedClock final : public Clock {
 public:
  WallTime now() const override { return WallTime{waited()}; }
  Duration monotonic() const override { return waited(); }
  void sleep(Duration duration) override {
    std::unique_lock lock(mutex_);
    waited_ += duration;
    if (++sleeps_ != at_) return;
    const auto then = std::move(then_);
    lock.unlock();
    then();
  }
  void at_sleep(int n, std::function<void()> then) {
    const std::lock_guard lock(mutex_);
    at_ = sleeps_ + n;
    then_ = std::move(then);
  }
  Duration waited() const {
    const std::lock_guard lock(mutex_);
    return waited_;
  }

 private:
  mutable std::mutex mutex_;
  Duration waited_{};
  int sleeps_ = 0, at_ = 0;
  std::function<void()> then_;
};

}  // namespace sealift::tests
