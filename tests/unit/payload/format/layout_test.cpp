// SPDX-License-Identifier: Apache-2.0
#include "payload/format/layout.h"
#include "payload/base/format.h"

#include <catch2/catch_test_macros.hpp>

#include "payload/hash/digest.h"

using namespace sealift;
using namespace sealift::format;

namespace {

// A trailer whose payload size fits these values.
Trailer trailer_of(uint64_t metadata_offset, uint64_t metadata_size, uint64_t signatures_size) {
  Trailer trailer;
  trailer.metadata_offset = metadata_offset;
  trailer.metadata_size = metadata_size;
  trailer.signatures_size = signatures_size;
  trailer.payload_size = metadata_offset + metadata_size + signatures_size + kTrailerSize;
  return trailer;
}

std::string refusal(const Trailer& trailer) {
  const auto parsed = parse_trailer(encode(trailer));
  return parsed ? "accepted" : base::format("{}: {}", base::name(parsed.error().code), parsed.error().text());
}

}  // namespace

TEST_CASE("a trailer is read back as it was written") {
  auto trailer = trailer_of(4096, 5000, 70);
  trailer.metadata_hash = hash::sha256(base::as_bytes("x"));
  const auto parsed = parse_trailer(encode(trailer));
  REQUIRE(parsed);
  CHECK(*parsed == trailer);
}

TEST_CASE("the trailer's limits hold to the byte") {
  CHECK(refusal(trailer_of(64, 1000, kMaxSignaturesSize)) == "accepted");
  CHECK(refusal(trailer_of(64, 1000, kMaxSignaturesSize + 1)) ==
        "limit_exceeded: signatures of 1048577 bytes, at most 1048576 are allowed");
  CHECK(refusal(trailer_of(64, kMaxMetadataSize, 0)) == "accepted");
  CHECK(refusal(trailer_of(64, kMaxMetadataSize + 1, 0)) ==
        "limit_exceeded: metadata of 25165825 bytes, at most 25165824 are allowed");
  CHECK(refusal(trailer_of(kMaxPayloadSize - 1000 - kTrailerSize, 1000, 0)) == "accepted");
  CHECK(refusal(trailer_of(kMaxPayloadSize - 999 - kTrailerSize, 1000, 0)) ==
        "limit_exceeded: a payload of 70368744177665 bytes, at most 70368744177664 are allowed");
  CHECK(refusal(trailer_of(kHeaderSize, 1000, 0)) == "accepted");
  CHECK(refusal(trailer_of(kHeaderSize - 1, 1000, 0)) ==
        "corrupt: the trailer's metadata at payload offset 63 begins within the header");
}

TEST_CASE("a header is read back as it was written") {
  const auto parsed = parse_header(encode(Header{123456789}));
  REQUIRE(parsed);
  CHECK(*parsed == Header{123456789});
}

TEST_CASE("a section lies in the data area to the byte, an empty one, too") {
  // Contents and index empty in the metadata, one section of another type in the data area [64, 1000).
  const auto table = [](uint64_t offset, uint64_t size) {
    constexpr uint64_t kEnd = 1000 + kMetadataHeaderSize + 3 * kSectionEntrySize;
    const Bytes metadata =
        encode_section_table(1000, {{SectionType::parity, false, Encoding::raw, offset, size, size, {}},
                                    {SectionType::contents, true, Encoding::raw, kEnd, 0, 0, {}},
                                    {SectionType::index, true, Encoding::raw, kEnd, 0, 0, {}}});
    const auto parsed = parse_section_table(metadata, trailer_of(1000, metadata.size(), 0));
    return parsed ? std::string("accepted") : parsed.error().text();
  };
  CHECK(table(64, 936) == "accepted");
  CHECK(table(64, 0) == "accepted");
  CHECK(table(999, 1) == "accepted");
  CHECK(table(63, 0) == "section parity at payload offset 63 (0 bytes) lies outside the data area");
  CHECK(table(0, 0) == "section parity at payload offset 0 (0 bytes) lies outside the data area");
  CHECK(table(64, 937) == "section parity at payload offset 64 (937 bytes) lies outside the data area");
  CHECK(table(999, UINT64_MAX) ==
        "section parity at payload offset 999 (18446744073709551615 bytes) lies outside the data area");
}
