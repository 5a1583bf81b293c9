// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include <filesystem>
#include <fstream>

#include "payload/base/file.h"
#include "runtime/host/payload_store.h"
#include "tests/support/own_namespaces.h"
#include "tests/support/temporary_folder.h"

using namespace sealift;
using host::PayloadStore;
using host::read_stored_pieces;

namespace {

constexpr uint64_t kTotal = 300;
constexpr size_t kHeader = 24, kRecord = 16;

struct Place {
  tests::TemporaryFolder folder;
  std::string payload = folder / "p.payload", state = payload + ".state";

  void put(uint64_t offset, uint64_t size, uint64_t total = kTotal) const {
    auto store = PayloadStore::open(payload, total);
    REQUIRE(store);
    REQUIRE((*store)->write(offset, Bytes(size, std::byte{7})));
    REQUIRE((*store)->sync());
  }
  std::map<uint64_t, uint64_t> pieces() const {
    const auto read = read_stored_pieces(payload);
    INFO((read ? "" : read.error().text()));
    REQUIRE(read);
    return read->pieces;
  }
  std::string state_bytes() const { return *base::read_text_file(state, 4096); }
  void set_state(std::string_view bytes) const { std::ofstream(state, std::ios::trunc | std::ios::binary) << bytes; }
};

using Pieces = std::map<uint64_t, uint64_t>;

}  // namespace

TEST_CASE("a payload with a hole is not finished, and can be completed") {
  const Place place;
  auto store = PayloadStore::open(place.payload, kTotal);
  REQUIRE(store);
  REQUIRE((*store)->write(0, Bytes(100)));
  REQUIRE((*store)->write(101, Bytes(199)));
  const auto finished = (*store)->finish();
  REQUIRE_FALSE(finished);
  CHECK(finished.error().code == ErrorCode::truncated);
  CHECK_FALSE(read_stored_pieces(place.payload)->complete);
  REQUIRE((*store)->write(100, Bytes(1)));
  REQUIRE((*store)->finish());
  const auto there = read_stored_pieces(place.payload);
  CHECK(there->complete);
  CHECK(there->covers(0, kTotal));
  CHECK_FALSE(there->covers(1, kTotal));
  CHECK((std::filesystem::status(place.payload).permissions() & std::filesystem::perms::mask) ==
        std::filesystem::perms{0400});
}

TEST_CASE("a state without its file, or beside another file, says nothing") {
  const Place place;
  place.put(0, 100);
  REQUIRE(place.pieces() == Pieces{{0, 100}});
  SECTION("gone") { std::filesystem::remove(place.payload); }
  SECTION("shorter") { std::filesystem::resize_file(place.payload, kTotal - 1); }
  SECTION("longer") { std::filesystem::resize_file(place.payload, kTotal + 1); }
  CHECK(place.pieces().empty());
  place.put(100, 50);  // starts over: the earlier bytes are not there
  CHECK(place.pieces() == Pieces{{100, 50}});
}

TEST_CASE("a payload of another size under the same name begins anew") {
  const Place place;
  place.put(0, 100);
  place.put(10, 5, kTotal + 1);
  CHECK(place.pieces() == Pieces{{10, 5}});
  CHECK(std::filesystem::file_size(place.payload) == kTotal + 1);
}

TEST_CASE("a state that is cut at any byte keeps its whole records, and takes more") {
  const Place place;
  for (const uint64_t offset : {0U, 100U, 200U}) place.put(offset, 50);
  const std::string whole = place.state_bytes();
  REQUIRE(whole.size() == kHeader + 3 * kRecord);
  for (size_t cut = 0; cut <= whole.size(); ++cut) {
    INFO("cut at " << cut);
    place.set_state(std::string_view(whole).substr(0, cut));
    Pieces kept;
    for (size_t i = 0; kHeader + (i + 1) * kRecord <= cut; ++i) kept[i * 100] = 50;
    CHECK(place.pieces() == kept);
    place.put(250, 50);
    kept[250] = 50;
    CHECK(place.pieces() == kept);
  }
}

TEST_CASE("a state that can't be is refused") {
  const Place place;
  place.put(0, 100);
  std::string bytes = place.state_bytes();
  const auto code = [&] {
    place.set_state(bytes);
    const auto read = read_stored_pieces(place.payload);
    REQUIRE_FALSE(read);
    CHECK(read.error().what.contains(place.state));
    return read.error().code;
  };
  SECTION("another kind of file") {
    bytes[0] = 'X';
    CHECK(code() == ErrorCode::corrupt);
  }
  SECTION("of a newer version") {
    bytes[8] = 2;
    CHECK(code() == ErrorCode::unsupported_version);
  }
  SECTION("bytes beyond the payload") {
    bytes[kHeader + 8] = static_cast<char>(0xff);
    bytes[kHeader + 9] = 1;
    CHECK(code() == ErrorCode::corrupt);
  }
}

TEST_CASE("what arrived counts as stored only after a sync") {
  const Place place;
  auto store = PayloadStore::open(place.payload, kTotal);
  REQUIRE(store);
  REQUIRE((*store)->write(0, Bytes(100)));
  REQUIRE((*store)->sync());
  CHECK(place.pieces() == Pieces{{0, 100}});
  REQUIRE((*store)->write(100, Bytes(100)));
  store->reset();  // an orderly end is a sync
  CHECK(place.pieces() == Pieces{{0, 100}, {100, 100}});
}

TEST_CASE("a disk that gets full in the middle: what is there stays there, and the rest goes on once there is room") {
  const tests::TemporaryFolder folder;
  const std::string payload = folder / "p.payload";
  constexpr size_t kPiece = size_t{128} << 10, kPieces = 16;
  bool mounted = false, room = false;
  std::vector<Error> errors;
  Pieces when_full;
  Result<void> finished = fail(ErrorCode::internal, "not reached");
  std::optional<Bytes> bytes;
  tests::in_own_mounts([&] {
    mounted = ::mount("none", folder.path().c_str(), "tmpfs", 0, "size=1m") == 0;
    if (!mounted) return;
    const auto fill = [&]() -> Result<void> {
      SEALIFT_ASSIGN(const auto there, read_stored_pieces(payload));
      SEALIFT_ASSIGN(const auto store, PayloadStore::open(payload, kPieces * kPiece));
      for (size_t i = 0; i < kPieces; ++i) {
        if (there.pieces.contains(i * kPiece)) continue;
        SEALIFT_TRY(store->write(i * kPiece, Bytes(kPiece, static_cast<std::byte>(i))));
        SEALIFT_TRY(store->sync());
      }
      return store->finish();
    };
    if (auto full = fill(); !full) errors.push_back(full.error());
    if (const auto there = read_stored_pieces(payload)) when_full = there->pieces;
    room = ::mount("none", folder.path().c_str(), "tmpfs", MS_REMOUNT, "size=8m") == 0;
    finished = fill();
    if (auto all = base::read_file(payload, 2 * kPieces * kPiece)) bytes = std::move(*all);
  });
  REQUIRE((mounted && room));
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].code == ErrorCode::no_space);
  CHECK((!when_full.empty() && when_full.size() < kPieces));
  for (const auto& [offset, size] : when_full) CHECK((offset % kPiece == 0 && size == kPiece));
  if (!finished) FAIL(finished.error().text());
  REQUIRE(bytes);
  REQUIRE(bytes->size() == kPieces * kPiece);
  for (size_t i = 0; i < kPieces; ++i)
    CHECK(((*bytes)[i * kPiece] == static_cast<std::byte>(i) &&
           (*bytes)[(i + 1) * kPiece - 1] == static_cast<std::byte>(i)));
}
