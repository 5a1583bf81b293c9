// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include "packer/sources/image_source.h"
#include "payload/codec/zstd.h"

using namespace sealift;

namespace {

constexpr const char* kPlain = "application/vnd.oci.image.layer.v1.tar";
constexpr const char* kGzip = "application/vnd.oci.image.layer.v1.tar+gzip";
constexpr const char* kDockerPlain = "application/vnd.docker.image.rootfs.diff.tar";
constexpr const char* kDockerZstd = "application/vnd.docker.image.rootfs.diff.tar.zstd";
constexpr const char* kZstd = "application/vnd.oci.image.layer.v1.tar+zstd";

struct Entry {
  std::string name;
  std::string data;
  char type = '0';  // 0 file, 1 hard link, 2 symbolic link, 5 folder
};

// A ustar archive.
std::string tar(const std::vector<Entry>& entries) {
  std::string out;
  for (const auto& entry : entries) {
    std::string header(512, '\0');
    const auto put = [&](size_t at, std::string_view text) { header.replace(at, text.size(), text); };
    put(0, entry.name);
    put(100, "0000644");
    put(108, "0000000");
    put(116, "0000000");
    put(124, std::format("{:011o}", entry.data.size()));
    put(136, "00000000000");
    header[156] = entry.type;
    if (entry.type == '1' || entry.type == '2') put(157, "target");
    put(257, "ustar");
    put(263, "00");
    put(148, "        ");
    unsigned sum = 0;
    for (const char c : header) sum += static_cast<unsigned char>(c);
    put(148, std::format("{:06o}", sum));
    header[154] = '\0';
    out += header + entry.data + std::string((512 - entry.data.size() % 512) % 512, '\0');
  }
  return out + std::string(1024, '\0');
}

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

uint32_t crc32(std::string_view text) {
  uint32_t out = ~0U;
  for (const char c : text) {
    out ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) out = (out >> 1) ^ ((out & 1U) != 0 ? 0xedb88320U : 0U);
  }
  return ~out;
}

// RFC 1952, with stored blocks.
std::string gzip(std::string_view plain) {
  std::string out("\x1f\x8b\x08\0\0\0\0\0\0\xff", 10);
  const auto number = [&](size_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) out += static_cast<char>((value >> (8 * i)) & 0xffU);
  };
  const uint32_t sum = crc32(plain);
  const size_t size = plain.size();
  do {
    const auto block = plain.substr(0, 60'000);
    plain.remove_prefix(block.size());
    out += static_cast<char>(plain.empty() ? 1 : 0);
    number(block.size(), 2);
    number(~block.size(), 2);
    out += block;
  } while (!plain.empty());
  number(sum, 4);
  number(size, 4);
  return out;
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
