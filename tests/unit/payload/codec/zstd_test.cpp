// SPDX-License-Identifier: Apache-2.0
#include "payload/codec/zstd.h"
#include "payload/base/format.h"

#include <catch2/catch_test_macros.hpp>

using namespace sealift;
using codec::zstd_decompress;
using codec::ZstdCompressor;
using codec::ZstdSource;

namespace {

Bytes text(size_t size) {
  std::string out;
  for (size_t i = 0; out.size() < size; ++i) out += base::format("line {}\n", i % 977);
  out.resize(size);
  return base::to_bytes(out);
}

// Returns one byte at a time.
class OneByteSource final : public base::Source {
 public:
  explicit OneByteSource(ByteView data) : inner_(data) {}
  Result<size_t> read(std::span<std::byte> buffer) override { return inner_.read(buffer.first(1)); }

 private:
  base::MemorySource inner_;
};

}  // namespace

TEST_CASE("whole frames, there and back") {
  ZstdCompressor compressor(9);
  for (const size_t size : {size_t{0}, size_t{1}, size_t{1000}, size_t{3} << 20}) {
    const Bytes plain = text(size);
    const auto stored = compressor.compress(plain);
    REQUIRE(stored);
    CHECK(*zstd_decompress(*stored, size) == plain);
    CHECK(*compressor.compress(plain) == *stored);  // no state is left from the previous frame
    CHECK(*ZstdCompressor(9).compress(plain) == *stored);
  }
}

TEST_CASE("a frame must be exactly what was declared") {
  const Bytes plain = text(5000);
  const Bytes stored = *ZstdCompressor(3).compress(plain);
  CHECK(zstd_decompress(stored, 4999).error().code == ErrorCode::corrupt);
  CHECK(zstd_decompress(stored, 5001).error().code == ErrorCode::corrupt);
  CHECK(zstd_decompress({}, 0).error().code == ErrorCode::corrupt);
  CHECK(zstd_decompress(base::as_bytes("this is no frame"), 16).error().code == ErrorCode::corrupt);
  for (size_t length = 0; length < stored.size(); ++length) {
    if (zstd_decompress(ByteView(stored).first(length), 5000)) FAIL("cut at " << length);
  }
  Bytes two = stored;
  two.insert(two.end(), stored.begin(), stored.end());
  CHECK(zstd_decompress(two, 5000).error().code == ErrorCode::corrupt);
  CHECK(zstd_decompress(two, 10000).error().code == ErrorCode::corrupt);
  Bytes longer = stored;
  longer.push_back(std::byte{0});
  CHECK(zstd_decompress(longer, 5000).error().code == ErrorCode::corrupt);
  // zstd itself skips what has no output: an empty frame, a skippable one
  const Bytes empty = *ZstdCompressor(3).compress({});
  const Bytes skippable{std::byte{0x50}, std::byte{0x2a}, std::byte{0x4d}, std::byte{0x18}, std::byte{1},
                        std::byte{0},    std::byte{0},    std::byte{0},    std::byte{7}};
  for (const auto& behind : {empty, skippable}) {
    Bytes both = stored;
    both.insert(both.end(), behind.begin(), behind.end());
    const auto refused = zstd_decompress(both, 5000);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().what.contains("does not end where it should"));
  }
}

TEST_CASE("streams of several frames") {
  const Bytes plain = text(300000);
  ZstdCompressor compressor(3);
  Bytes stream = *compressor.compress(ByteView(plain).first(100000));
  const Bytes empty = *compressor.compress({});
  stream.insert(stream.end(), empty.begin(), empty.end());
  const Bytes rest = *compressor.compress(ByteView(plain).subspan(100000));
  stream.insert(stream.end(), rest.begin(), rest.end());

  base::MemorySource whole(stream);
  ZstdSource source(whole);
  CHECK(*base::read_all(source, plain.size()) == plain);

  OneByteSource slow(stream);
  ZstdSource slow_source(slow);
  CHECK(*base::read_all(slow_source, plain.size()) == plain);

  SECTION("into a small buffer") {
    base::MemorySource again(stream);
    ZstdSource small(again);
    Bytes out;
    std::array<std::byte, 3> buffer;
    for (;;) {
      const auto count = small.read(buffer);
      REQUIRE(count);
      if (*count == 0) break;
      out.insert(out.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(*count));
    }
    CHECK(out == plain);
  }
  SECTION("cut streams are truncated, whole frames are not") {
    const size_t first = compressor.compress(ByteView(plain).first(100000))->size();
    for (size_t length = 1; length < first; length += 13) {
      base::MemorySource cut(ByteView(stream).first(length));
      ZstdSource cut_source(cut);
      const auto read = base::read_all(cut_source, plain.size());
      REQUIRE_FALSE(read);
      CHECK(read.error().code == ErrorCode::truncated);
    }
    base::MemorySource one(ByteView(stream).first(first));
    ZstdSource one_source(one);
    CHECK(base::read_all(one_source, plain.size())->size() == 100000);
  }
}

TEST_CASE("a stream that is none, and an empty one") {
  const Bytes garbage = text(1000);
  base::MemorySource source(garbage);
  ZstdSource decoded(source);
  CHECK(base::read_all(decoded, 100000).error().code == ErrorCode::corrupt);
  base::MemorySource nothing({});
  ZstdSource empty(nothing);
  CHECK(base::read_all(empty, 0)->empty());
}

TEST_CASE("a stream with too large a window is refused") {
  // Frame header with a window descriptor of 2^31 bytes and no content size.
  const Bytes stream{std::byte{0x28}, std::byte{0xb5}, std::byte{0x2f}, std::byte{0xfd}, std::byte{0x00},
                     std::byte{0xa8}, std::byte{0x01}, std::byte{0x00}, std::byte{0x00}};
  base::MemorySource source(stream);
  ZstdSource decoded(source);
  CHECK(base::read_all(decoded, 10).error().code == ErrorCode::limit_exceeded);
}

TEST_CASE("the version is that of the library") { CHECK(codec::zstd_version().starts_with("1.")); }
