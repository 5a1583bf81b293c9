// SPDX-License-Identifier: Apache-2.0
#include "payload/codec/gzip.h"
#include "payload/base/format.h"

#include <catch2/catch_test_macros.hpp>

#include "tests/support/tar.h"

using namespace sealift;
using codec::GzipSource;

namespace {

// The text of squares() as gzip -9 compresses it: with dynamic codes, and references as far back as they go.
constexpr std::string_view kSquares =
    "1f8b0800000000000203edd2c94dc5401005c03b511002dec676401c90bec8ff8890df43b253a04ead59bba7a75e5fdf9fef1f6fafdf"
    "305d61bdc299c971c579bbe292f19af591ed474e2fd99ee975bfe23e673ebbb27b647cf6f61cdf5b52d6b7cc9fcdde225b73d733bfe5"
    "fc9134b97e4e3547e6b76c9f93e6e8a3fa989c9b323e927eb48cdcb3e4fcd47ca926551db966cff57bc7cb233ef6f55cef19f72ccdda"
    "2a5a55ab9c1eafe8abfacabeba5d6857daa576edb8f7b43dfeebf9f4f89371ffb3fe61ffb47fdc3f1f0f13f35d4c0555d472f7567ff5"
    "b83cbcd6ef79c39dc3e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8"
    "e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3e"
    "f8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f"
    "3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e083"
    "0f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0"
    "830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8"
    "e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3e"
    "f8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f"
    "3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0830f3ef8e0ff3ff83f00f68d32c26f0100";

std::string squares() {
  std::string out;
  for (int i = 0; i < 12'000; ++i) out += base::format("line {}\n", i * i % 97);
  return out;
}

std::string from_hex(std::string_view hex) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string out;
  for (size_t i = 0; i < hex.size(); i += 2) out += static_cast<char>(digit(hex[i]) * 16 + digit(hex[i + 1]));
  return out;
}

constexpr size_t kWhole = size_t{1} << 20;

// At most `piece` bytes at a time.
class Pieces final : public base::Source {
 public:
  Pieces(std::string_view data, size_t piece) : inner_(base::as_bytes(data)), piece_(piece) {}
  Result<size_t> read(std::span<std::byte> buffer) override {
    return inner_.read(buffer.first(std::min(piece_, buffer.size())));
  }

 private:
  base::MemorySource inner_;
  size_t piece_;
};

Result<std::string> plain_of(std::string_view stored, size_t piece = kWhole) {
  Pieces compressed(stored, piece);
  GzipSource source(compressed);
  SEALIFT_ASSIGN(const auto bytes, base::read_all(source, size_t{1} << 20));
  return std::string(base::as_text(bytes));
}

}  // namespace

TEST_CASE("a gzip stream gives its plain bytes, however it arrives") {
  const std::string stored = from_hex(kSquares);
  for (const size_t piece : {size_t{1}, size_t{2}, size_t{7}, size_t{100}, kWhole}) {
    INFO(piece);
    const auto plain = plain_of(stored, piece);
    REQUIRE(plain);
    CHECK(*plain == squares());
  }
  CHECK(*plain_of(tests::gzip("")) == "");
  const std::string large(200'000, 'x');
  CHECK(*plain_of(tests::gzip(large)) == large);
}

TEST_CASE("a gzip stream is read through a buffer of any size") {
  const std::string stored = from_hex(kSquares);
  for (const size_t size : {size_t{1}, size_t{3}, size_t{1000}}) {
    Pieces compressed(stored, 100);
    GzipSource source(compressed);
    std::string out;
    Bytes buffer(size);
    for (;;) {
      const auto count = source.read(buffer);
      REQUIRE(count);
      if (*count == 0) break;
      out += base::as_text(ByteView(buffer).first(*count));
    }
    CHECK(out == squares());
  }
}

TEST_CASE("several members are one stream; what follows them and is none is ignored") {
  const std::string first = tests::gzip("first"), second = from_hex(kSquares);
  for (const size_t piece : {size_t{1}, kWhole}) {
    INFO(piece);
    CHECK(*plain_of(first + second + first, piece) == "first" + squares() + "first");
    CHECK(*plain_of(first + std::string(512, '\0'), piece) == "first");
    CHECK(*plain_of(first + "\x1f", piece) == "first");
  }
  const auto damaged = plain_of(first + "\x1f\x8b\x07" + first);
  REQUIRE_FALSE(damaged);
  CHECK(damaged.error().code == ErrorCode::corrupt);
}

TEST_CASE("a gzip stream that is cut anywhere is truncated") {
  for (const std::string& stored :
       {tests::gzip("some text"), from_hex(kSquares), tests::gzip("a") + tests::gzip("b")}) {
    const size_t whole = tests::gzip("a").size();
    for (size_t length = 0; length < stored.size(); ++length) {
      if (stored.size() == 2 * whole && length >= whole && length <= whole + 1) continue;  // one whole member
      const auto read = plain_of(std::string_view(stored).substr(0, length));
      INFO("cut at " << length << " of " << stored.size());
      REQUIRE_FALSE(read);
      CHECK(read.error().code == ErrorCode::truncated);
    }
  }
}

TEST_CASE("each changed byte of a gzip stream's data, checksum or length is noticed if it changes the text") {
  const std::string good = from_hex(kSquares);
  for (size_t i = 10; i < good.size(); ++i) {
    std::string stored = good;
    stored[i] = static_cast<char>(stored[i] ^ 0x10);
    if (const auto read = plain_of(stored); read && (*read != squares() || i >= good.size() - 8))
      FAIL("byte " << i << " of " << good.size());
  }
}

TEST_CASE("a source that fails ends the stream with its own error") {
  class Broken final : public base::Source {
    Result<size_t> read(std::span<std::byte>) override { return fail(ErrorCode::unreachable, "the server is gone"); }
  } broken;
  GzipSource source(broken);
  Bytes buffer(10);
  const auto read = source.read(buffer);
  REQUIRE_FALSE(read);
  CHECK(read.error().code == ErrorCode::unreachable);
}
