// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include "packer/sources/image_source.h"
#include "payload/codec/zstd.h"
#include "tests/support/tar.h"

using namespace sealift;
using tests::gzip;
using tests::tar;

namespace {

constexpr const char* kPlain = "application/vnd.oci.image.layer.v1.tar";
constexpr const char* kGzip = "application/vnd.oci.image.layer.v1.tar+gzip";
constexpr const char* kDockerPlain = "application/vnd.docker.image.rootfs.diff.tar";
constexpr const char* kDockerZstd = "application/vnd.docker.image.rootfs.diff.tar.zstd";
constexpr const char* kZstd = "application/vnd.oci.image.layer.v1.tar+zstd";

Result<format::LayerInfo> measure(const std::string& bytes, const char* type) {
  base::MemorySource source(base::as_bytes(bytes));
  return sources::measure_layer(source, type);
}

std::string zstd(const std::string& plain) {
  codec::ZstdCompressor compressor(3);
  const auto stored = compressor.compress(base::as_bytes(plain));
  REQUIRE(stored);
  return std::string(base::as_text(*stored));
}

}  // namespace

TEST_CASE("a layer is measured in bytes and inodes; links have none of the first") {
  const std::string layer = tar({{"etc/", "", '5'},
                                 {"etc/a", std::string(1000, 'a')},
                                 {"etc/b", "", '1'},
                                 {"etc/c", "", '2'},
                                 {"etc/.wh.old", ""}});
  const size_t half = layer.size() / 2;
  for (const auto& [bytes, type] : {std::pair{layer, kPlain},
                                    {zstd(layer), kZstd},
                                    {gzip(layer), kGzip},
                                    {gzip(layer), "application/vnd.docker.image.rootfs.diff.tar.gzip"},
                                    {zstd(layer), kDockerZstd},
                                    // labels that the first bytes correct, as in containerd
                                    {gzip(layer), kZstd},
                                    {zstd(layer), kGzip},
                                    {layer, kGzip},
                                    {layer, kZstd},
                                    {gzip(layer), kDockerPlain},
                                    {zstd(layer), kDockerPlain},
                                    {layer, kDockerPlain},
                                    // as written by parallel compressors: several members or frames
                                    {zstd(layer.substr(0, half)) + zstd(layer.substr(half)), kZstd},
                                    {gzip(layer.substr(0, half)) + gzip(layer.substr(half)), kGzip}}) {
    INFO(type << " " << bytes.size());
    const auto info = measure(bytes, type);
    if (!info) FAIL(info.error().text());
    CHECK(info->uncompressed_bytes == 1000);
    CHECK(info->files == 5);
  }
  const auto empty = measure(std::string(1024, '\0'), kPlain);
  REQUIRE(empty);
  CHECK(empty->files == 0);
}

TEST_CASE("a layer that is cut off, or is not what its type says, is refused") {
  const std::string layer = tar({{"a", std::string(100'000, 'x')}, {"b", "y"}});
  const std::string packed = zstd(layer);
  const std::string zipped = gzip(layer);
  for (const auto& [bytes, type] : {std::pair{layer.substr(0, 50'000), kPlain},
                                    {packed.substr(0, packed.size() - 3), kZstd},
                                    {packed, kPlain},
                                    {zipped.substr(0, 50'000), kGzip},
                                    {zipped.substr(0, 50'000), kDockerPlain},
                                    {zipped, kPlain},
                                    {"BZh91AY&SY" + layer, kGzip},
                                    {std::string("\x1f\x8b"), kGzip}}) {
    INFO(type << " " << bytes.size());
    const auto info = measure(bytes, type);
    REQUIRE_FALSE(info);
    CHECK(info.error().code == ErrorCode::invalid_input);
  }
  const auto unknown = measure(layer, "application/vnd.oci.image.layer.v1.tar+brotli");
  REQUIRE_FALSE(unknown);
}

TEST_CASE("a layer with a changed header is refused") {
  std::string layer = tar({{"a", "x"}, {"b", "y"}});
  layer[1024 + 2] = 'z';  // in the second name: its checksum no longer matches
  for (const auto& [bytes, type] : {std::pair{layer, kPlain}, {gzip(layer), kGzip}, {zstd(layer), kZstd}}) {
    const auto info = measure(bytes, type);
    REQUIRE_FALSE(info);
    CHECK(info.error().code == ErrorCode::invalid_input);
  }
}

TEST_CASE("long names and links are one entry each, whatever stands around them") {
  const std::string long_name = "usr/" + std::string(150, 'n');
  const auto info = measure(tar({{"././@LongLink", long_name + '\0', 'L'},
                                 {long_name.substr(0, 99), std::string(700, 'x')},
                                 {"PaxHeaders/b", "20 path=a/much/longer\n", 'x'},
                                 {"b", "y"},
                                 {"etc/fifo", "", '6'}}),
                            kPlain);
  if (!info) FAIL(info.error().text());
  CHECK(info->files == 3);
  CHECK(info->uncompressed_bytes == 701);
}

TEST_CASE("a hard link has no bytes of its own, though an archive may repeat its file's") {
  const auto info = measure(tar({{"a", std::string(700, 'x')},
                                 {"PaxHeaders/b", "20 path=a/much/longer\n", 'x'},
                                 {"b", std::string(700, 'x'), '1'},
                                 {"c", std::string(30, 'y')}}),
                            kPlain);
  if (!info) FAIL(info.error().text());
  CHECK(info->files == 3);
  CHECK(info->uncompressed_bytes == 730);
}

TEST_CASE("a source that fails ends the measuring with its own error") {
  class Broken final : public base::Source {
   public:
    Result<size_t> read(std::span<std::byte>) override {
      return fail(ErrorCode::corrupt, "other bytes than the digest says");
    }
  } broken;
  for (const char* type : {kPlain, kGzip, kZstd}) {
    const auto info = sources::measure_layer(broken, type);
    REQUIRE_FALSE(info);
    CHECK(info.error().code == ErrorCode::corrupt);
  }
}
