// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include "packer/sources/image_source.h"
#include "payload/codec/zstd.h"

using namespace sealift;

namespace {

constexpr const char* kPlain = "application/vnd.oci.image.layer.v1.tar";
constexpr const char* kGzip = "application/vnd.oci.image.layer.v1.tar+gzip";
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

}  // namespace

TEST_CASE("a layer is measured in bytes and inodes; links have none of the first") {
  const std::string layer = tar({{"etc/", "", '5'}, {"etc/a", std::string(1000, 'a')}, {"etc/b", "", '1'}, {"etc/c", "", '2'}, {"etc/.wh.old", ""}});
  for (const auto& [bytes, type] : {std::pair{layer, kPlain}, {zstd(layer), kZstd}}) {
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
  for (const auto& [bytes, type] : {std::pair{layer.substr(0, 50'000), kPlain}, {packed.substr(0, packed.size() - 3), kZstd}, {packed, kGzip}, {packed, kPlain}}) {
    const auto info = measure(bytes, type);
    REQUIRE_FALSE(info);
    CHECK(info.error().code == ErrorCode::invalid_input);
  }
  const auto unknown = measure(layer, "application/vnd.oci.image.layer.v1.tar+brotli");
  REQUIRE_FALSE(unknown);
}
