// SPDX-License-Identifier: Apache-2.0
//
// The fixed structures of a payload: header, trailer, metadata with its section table, frames (FORMAT.md, sections 2 to
// 5). Encodes and decodes them, with every check that needs only their own bytes. Opens no files.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "payload/base/bytes.h"
#include "payload/base/error.h"
#include "payload/base/file.h"
#include "payload/hash/digest.h"

namespace sealift::format {

inline constexpr uint16_t kMajor = 1;
inline constexpr uint16_t kMinor = 0;

inline constexpr std::string_view kHeaderMagic = "SEALHEAD";
inline constexpr std::string_view kMetadataMagic = "SEALMETA";
inline constexpr std::string_view kTrailerMagic = "SEALTAIL";

inline constexpr base::FileOffset kPayloadOffset = base::FileOffset{16} << 20;  // of the payload in an artifact

inline constexpr size_t kHeaderSize = 64;
inline constexpr size_t kTrailerSize = 128;
inline constexpr size_t kMetadataHeaderSize = 32;
inline constexpr size_t kSectionEntrySize = 64;
inline constexpr size_t kIndexHeaderSize = 16;
inline constexpr size_t kIndexObjectSize = 48;
inline constexpr size_t kIndexPieceSize = 16;
inline constexpr size_t kIndexFrameSize = 56;

// Limits (FORMAT.md, section 9). A file beyond them is limit_exceeded; the writer refuses to make one.
inline constexpr uint64_t kMaxPayloadSize = uint64_t{1} << 46;    // 64 TiB
inline constexpr uint64_t kMaxMetadataSize = uint64_t{24} << 20;  // also of an index decoded
inline constexpr uint64_t kMaxSignaturesSize = uint64_t{1} << 20;
inline constexpr uint32_t kMaxSections = 64;
inline constexpr uint64_t kMaxContentsSize = uint64_t{16} << 20;  // plain
inline constexpr uint64_t kMaxFrameSize = uint64_t{8} << 20;      // plain and stored
inline constexpr uint32_t kMaxObjects = uint32_t{1} << 20;
inline constexpr uint32_t kMaxPieces = uint32_t{1} << 22;
inline constexpr uint32_t kMaxFrames = uint32_t{1} << 21;
// Raw objects of at least kAlignedObjectSize begin at multiples of kAlignment; padding is always shorter than that.
inline constexpr uint64_t kAlignment = uint64_t{64} << 10;
inline constexpr uint64_t kAlignedObjectSize = uint64_t{1} << 20;

// Never renumber. The reserved types have no code; FORMAT.md, section 8 describes them.
enum class SectionType : uint32_t {
  contents = 1,
  index = 2,
  parity = 3,         // reserved, optional
  metadata_copy = 4,  // reserved, optional
  volumes = 5,        // reserved, critical
  delta = 6,          // reserved, critical
};

// Never renumber; an unknown one is unsupported_version.
enum class Encoding : uint8_t { raw = 0, zstd = 1 };

struct ByteRange {
  uint64_t offset = 0;
  uint64_t size = UINT64_MAX;  // UINT64_MAX = to the end
};

// An independently readable stored piece of the data area.
struct Frame {
  base::FileOffset offset = 0;  // from the payload's beginning
  uint64_t stored_size = 0;     // bytes, at most kMaxFrameSize
  uint64_t plain_size = 0;      // bytes, at most kMaxFrameSize
  Encoding encoding = Encoding::raw;
  Digest stored_hash;  // of the stored bytes
};

// At offset 0 of the payload. Distinguishes a truncated payload from a file that never was one.
struct Header {
  uint64_t payload_size = 0;
  bool operator==(const Header&) const = default;
};

// The last 128 bytes.
struct Trailer {
  uint64_t payload_size = 0;
  base::FileOffset metadata_offset = 0;
  uint64_t metadata_size = 0;
  Digest metadata_hash;
  uint64_t signatures_size = 0;  // between metadata and trailer
  bool operator==(const Trailer&) const = default;
};

struct Section {
  SectionType type = SectionType::contents;
  bool critical = false;
  Encoding encoding = Encoding::raw;
  base::FileOffset offset = 0;  // from the payload's beginning
  uint64_t size = 0;            // stored
  uint64_t plain_size = 0;
  Digest hash;  // of the stored bytes
  bool operator==(const Section&) const = default;
};

Bytes encode(const Header& header);
Bytes encode(const Trailer& trailer);
// Metadata header and section table. `sections` in file order.
Bytes encode_section_table(base::FileOffset metadata_offset, const std::vector<Section>& sections);

// `bytes` are exactly kHeaderSize / kTrailerSize. Errors: not_a_payload (no magic),
// unsupported_version, corrupt, limit_exceeded.
Result<Header> parse_header(ByteView bytes);
Result<Trailer> parse_trailer(ByteView bytes);

// `metadata`: all of it; the caller has checked its hash. Ensures that contents and index exist once each, inside the
// metadata, and that sections outside it lie within the data area. The list includes unknown optional sections. Errors:
// unsupported_version (unknown critical section, flag or encoding), corrupt, truncated, limit_exceeded.
Result<std::vector<Section>> parse_section_table(ByteView metadata, const Trailer& trailer);

// The decoded bytes of a section inside the metadata, after checking its hash.
Result<Bytes> section_bytes(ByteView metadata, const Trailer& trailer, const Section& section, uint64_t plain_limit);

std::string_view name(SectionType type);  // "contents"; "unknown" for types without a name

}  // namespace sealift::format
