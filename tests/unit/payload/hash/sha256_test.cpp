// SPDX-License-Identifier: Apache-2.0
#include "payload/hash/digest.h"

#include <catch2/catch_test_macros.hpp>

#include <mbedtls/sha256.h>

#include <random>
#include <unordered_set>

#include "payload/hash/sha256_blocks.h"

using namespace sealift;
using hash::sha256;

namespace {

Bytes noise(size_t size) {
  std::mt19937 random(static_cast<uint32_t>(size) + 1);
  Bytes out(size);
  for (auto& b : out) b = static_cast<std::byte>(random() & 0xffU);
  return out;
}

Digest reference(ByteView data) {
  Digest digest;
  // NOLINTNEXTLINE(*-reinterpret-cast): mbedTLS's type of a byte
  REQUIRE(mbedtls_sha256(reinterpret_cast<const unsigned char*>(data.data()), data.size(),
                         reinterpret_cast<unsigned char*>(digest.bytes.data()), 0) == 0);
  return digest;
}

}  // namespace

TEST_CASE("the vectors of FIPS 180-4") {
  CHECK(sha256(base::as_bytes("")).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256(base::as_bytes("abc")).hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256(base::as_bytes("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")).hex() ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(sha256(base::as_bytes(std::string(1000000, 'a'))).hex() ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("every length up to several blocks is what mbedTLS says") {
  const Bytes data = noise(1500);
  for (size_t length = 0; length <= data.size(); ++length) {
    const ByteView part = ByteView(data).first(length);
    if (sha256(part) != reference(part)) FAIL("length " << length);
  }
}

TEST_CASE("every split of the input gives the same digest") {
  const Bytes data = noise(200);
  const Digest expected = reference(data);
  for (size_t first = 0; first <= data.size(); ++first) {
    for (size_t second = first; second <= data.size(); second += 3) {
      hash::Sha256 hasher;
      hasher.update(ByteView(data).first(first));
      hasher.update(ByteView(data).subspan(first, second - first));
      hasher.update(ByteView(data).subspan(second));
      if (hasher.finish() != expected) FAIL("split at " << first << " and " << second);
    }
  }
}

TEST_CASE("the accelerated and the portable blocks agree, aligned or not") {
  const auto accelerated = hash::sha256_blocks_accelerated();
  if (accelerated == nullptr) SKIP("this CPU has no SHA-256 instructions");
  const Bytes data = noise(64 * 40 + 16);
  for (size_t offset = 0; offset < 16; ++offset) {
    for (size_t count = 0; count <= 40; ++count) {
      std::array<uint32_t, 8> one{1, 2, 3, 4, 5, 6, 7, 8};
      auto two = one;
      accelerated(one, data.data() + offset, count);
      hash::sha256_blocks_portable(two, data.data() + offset, count);
      if (one != two) FAIL("offset " << offset << ", " << count << " blocks");
    }
  }
}

TEST_CASE("the portable blocks give the vector, too") {
  std::array<uint32_t, 8> state{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::byte, 64> block{std::byte{'a'}, std::byte{'b'}, std::byte{'c'}, std::byte{0x80}};
  block[63] = std::byte{24};
  hash::sha256_blocks_portable(state, block.data(), 1);
  CHECK(state == std::array<uint32_t, 8>{0xba7816bf, 0x8f01cfea, 0x414140de, 0x5dae2223, 0xb00361a3, 0x96177a9c,
                                         0xb410ff61, 0xf20015ad});
}

TEST_CASE("sources and file ranges") {
  const Bytes data = noise(3000001);
  base::MemorySource source(data);
  CHECK(*sha256(source) == reference(data));
  const base::MemoryFile file(data);
  CHECK(*sha256(file, 0, data.size()) == reference(data));
  CHECK(*sha256(file, 1234567, 1100000) == reference(ByteView(data).subspan(1234567, 1100000)));
  CHECK(*sha256(file, data.size(), 0) == reference({}));
  CHECK(sha256(file, 1, data.size()).error().code == ErrorCode::truncated);
}

TEST_CASE("the implementation has one of three names") {
  const auto name = hash::implementation();
  CHECK((name == "sha-ni" || name == "armv8-ce" || name == "portable"));
  CHECK((name == "portable") == (hash::sha256_blocks_accelerated() == nullptr));
}
