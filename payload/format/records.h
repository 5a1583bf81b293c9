// SPDX-License-Identifier: Apache-2.0
//
// The structures of FORMAT.md byte for byte as in the file, nothing else: layout.h and index.h know what the numbers
// mean and check them. Internal to payload/format.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

#include "payload/base/bytes.h"
#include "payload/format/layout.h"
#include "payload/hash/digest.h"

namespace sealift::format::record {

// An unsigned integer as in the file: little-endian, unaligned.
template <std::unsigned_integral T>
class LittleEndian {
 public:
  constexpr LittleEndian() = default;
  constexpr LittleEndian(T value) {  // NOLINT(*-explicit-*): the same number in another order
    for (size_t i = 0; i < sizeof(T); ++i) bytes_[i] = static_cast<std::byte>((uint64_t{value} >> (8 * i)) & 0xff);
  }
  constexpr operator T() const {  // NOLINT(*-explicit-*)
    uint64_t value = 0;
    for (size_t i = sizeof(T); i-- > 0;) value = (value << 8) | std::to_integer<uint64_t>(bytes_[i]);
    return static_cast<T>(value);
  }

 private:
  std::array<std::byte, sizeof(T)> bytes_{};
};

using U8 = LittleEndian<uint8_t>;
using U16 = LittleEndian<uint16_t>;
using U32 = LittleEndian<uint32_t>;
using U64 = LittleEndian<uint64_t>;

template <size_t Size>
using Reserved = std::array<std::byte, Size>;  // zeros

struct Magic {
  std::array<std::byte, 8> bytes{};

  Magic() = default;
  explicit Magic(std::string_view text) {
    for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(text[i]);
  }
  bool operator==(const Magic&) const = default;
};

// Has the same layout in memory and in the file: reading and writing are plain copies.
template <class T>
concept Record = std::is_trivially_copyable_v<T> && std::is_standard_layout_v<T> && alignof(T) == 1;

// Next to each field its offset, as in the tables of FORMAT.md.
#define SEALIFT_AT(record, field, offset) static_assert(offsetof(record, field) == (offset))

struct Header {
  Magic magic;             //  0  kHeaderMagic
  U16 major;               //  8
  U16 minor;               // 10
  U32 size;                // 12  kHeaderSize
  U64 payload_size;        // 16
  Reserved<8> reserved{};  // 24
  Digest checksum;         // 32  of the 32 bytes before
};
SEALIFT_AT(Header, magic, 0);
SEALIFT_AT(Header, major, 8);
SEALIFT_AT(Header, minor, 10);
SEALIFT_AT(Header, size, 12);
SEALIFT_AT(Header, payload_size, 16);
SEALIFT_AT(Header, reserved, 24);
SEALIFT_AT(Header, checksum, 32);
static_assert(Record<Header> && sizeof(Header) == kHeaderSize);

// From `size` on, unchanged in every version.
struct Trailer {
  U64 payload_size;         //  0
  U64 metadata_offset;      //  8
  U64 metadata_size;        // 16
  Digest metadata_hash;     // 24
  U64 signatures_size;      // 56
  Reserved<16> reserved{};  // 64
  U32 size;                 // 80  kTrailerSize
  U16 major;                // 84
  U16 minor;                // 86
  Magic magic;              // 88  kTrailerMagic
  Digest checksum;          // 96  of the 96 bytes before
};
SEALIFT_AT(Trailer, payload_size, 0);
SEALIFT_AT(Trailer, metadata_offset, 8);
SEALIFT_AT(Trailer, metadata_size, 16);
SEALIFT_AT(Trailer, metadata_hash, 24);
SEALIFT_AT(Trailer, signatures_size, 56);
SEALIFT_AT(Trailer, reserved, 64);
SEALIFT_AT(Trailer, size, 80);
SEALIFT_AT(Trailer, major, 84);
SEALIFT_AT(Trailer, minor, 86);
SEALIFT_AT(Trailer, magic, 88);
SEALIFT_AT(Trailer, checksum, 96);
static_assert(Record<Trailer> && sizeof(Trailer) == kTrailerSize);

struct Metadata {
  Magic magic;             //  0  kMetadataMagic
  U16 major;               //  8
  U16 minor;               // 10
  U32 sections;            // 12  how many
  U64 offset;              // 16  of itself, as in the trailer
  Reserved<8> reserved{};  // 24
};
SEALIFT_AT(Metadata, magic, 0);
SEALIFT_AT(Metadata, major, 8);
SEALIFT_AT(Metadata, minor, 10);
SEALIFT_AT(Metadata, sections, 12);
SEALIFT_AT(Metadata, offset, 16);
SEALIFT_AT(Metadata, reserved, 24);
static_assert(Record<Metadata> && sizeof(Metadata) == kMetadataHeaderSize);

struct Section {
  U32 type;        //  0  SectionType
  U16 flags;       //  4  bit 0 = critical
  U16 encoding;    //  6  Encoding
  U64 offset;      //  8
  U64 size;        // 16  stored
  U64 plain_size;  // 24
  Digest hash;     // 32  of the stored bytes
};
SEALIFT_AT(Section, type, 0);
SEALIFT_AT(Section, flags, 4);
SEALIFT_AT(Section, encoding, 6);
SEALIFT_AT(Section, offset, 8);
SEALIFT_AT(Section, size, 16);
SEALIFT_AT(Section, plain_size, 24);
SEALIFT_AT(Section, hash, 32);
static_assert(Record<Section> && sizeof(Section) == kSectionEntrySize);

struct IndexHeader {
  U32 objects;   //  0  how many
  U32 pieces;    //  4
  U32 frames;    //  8
  U32 reserved;  // 12
};
SEALIFT_AT(IndexHeader, objects, 0);
SEALIFT_AT(IndexHeader, pieces, 4);
SEALIFT_AT(IndexHeader, frames, 8);
SEALIFT_AT(IndexHeader, reserved, 12);
static_assert(Record<IndexHeader> && sizeof(IndexHeader) == kIndexHeaderSize);

struct IndexObject {
  Digest digest;    //  0
  U64 size;         // 32
  U32 first_piece;  // 40
  U32 piece_count;  // 44
};
SEALIFT_AT(IndexObject, digest, 0);
SEALIFT_AT(IndexObject, size, 32);
SEALIFT_AT(IndexObject, first_piece, 40);
SEALIFT_AT(IndexObject, piece_count, 44);
static_assert(Record<IndexObject> && sizeof(IndexObject) == kIndexObjectSize);

struct IndexPiece {
  U32 frame;   // 0
  U32 offset;  // 4
  U64 size;    // 8
};
SEALIFT_AT(IndexPiece, frame, 0);
SEALIFT_AT(IndexPiece, offset, 4);
SEALIFT_AT(IndexPiece, size, 8);
static_assert(Record<IndexPiece> && sizeof(IndexPiece) == kIndexPieceSize);

struct IndexFrame {
  Digest stored_hash;      //  0
  U64 offset;              // 32
  U32 stored_size;         // 40
  U32 plain_size;          // 44
  U8 encoding;             // 48  Encoding
  Reserved<7> reserved{};  // 49
};
SEALIFT_AT(IndexFrame, stored_hash, 0);
SEALIFT_AT(IndexFrame, offset, 32);
SEALIFT_AT(IndexFrame, stored_size, 40);
SEALIFT_AT(IndexFrame, plain_size, 44);
SEALIFT_AT(IndexFrame, encoding, 48);
SEALIFT_AT(IndexFrame, reserved, 49);
static_assert(Record<IndexFrame> && sizeof(IndexFrame) == kIndexFrameSize);

#undef SEALIFT_AT

// `truncated` if too few bytes are left.
template <Record T>
Result<T> read(base::ByteReader& reader) {
  return reader.bytes(sizeof(T)).transform([](ByteView view) {
    T out;
    std::memcpy(&out, view.data(), sizeof(T));
    return out;
  });
}

template <Record T>
ByteView bytes_of(const T& record) {
  return std::as_bytes(std::span(&record, 1));
}

}  // namespace sealift::format::record
