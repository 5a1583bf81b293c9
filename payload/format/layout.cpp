// SPDX-License-Identifier: Apache-2.0
#include "payload/format/layout.h"

#include <algorithm>

#include "payload/base/checked.h"
#include "payload/codec/zstd.h"

namespace sealift::format {
namespace {

constexpr uint16_t kCriticalFlag = 1;
constexpr size_t kDigestSize = 32;
// The end of every trailer of whatever version: trailer size, major, minor, magic, then the hash of all before it.
constexpr size_t kTrailerReserved = 16;
constexpr size_t kHashedTrailer = kTrailerSize - kDigestSize;
constexpr size_t kHashedHeader = kHeaderSize - kDigestSize;

Result<Digest> read_digest(base::ByteReader& reader) {
  SEALIFT_ASSIGN(const ByteView bytes, reader.bytes(kDigestSize));
  Digest digest;
  std::ranges::copy(bytes, digest.bytes.begin());
  return digest;
}

bool all_zero(ByteView bytes) {
  return std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{0}; });
}

// Reserved bytes are zero in the versions that this code knows; a newer minor version may give them a meaning that
// older readers can do without.
Result<void> check_reserved(ByteView bytes, uint16_t minor, std::string_view where) {
  if (minor <= kMinor && !all_zero(bytes)) return fail(ErrorCode::corrupt, "reserved bytes of the {} are not zero", where);
  return {};
}

Result<void> check_major(uint16_t major, uint16_t minor, std::string_view where) {
  if (major == kMajor) return {};
  return fail(ErrorCode::unsupported_version,
              "the {} says format {}.{}, this program reads format {}.x; use the program of the version that made the file",
              where, major, minor, kMajor);
}

Result<void> check_hash(ByteView bytes, size_t hashed, std::string_view where) {
  const Digest digest = hash::sha256(bytes.first(hashed));
  if (!std::ranges::equal(digest.bytes, bytes.subspan(hashed, kDigestSize))) {
    return fail(ErrorCode::corrupt, "the {}'s checksum does not hold", where);
  }
  return {};
}

bool has_magic(ByteView bytes, std::string_view magic) { return base::as_text(bytes) == magic; }

bool is_known(SectionType type) { return type == SectionType::contents || type == SectionType::index; }

Result<Section> parse_entry(base::ByteReader& reader) {
  Section section;
  SEALIFT_ASSIGN(const uint32_t type, reader.u32());
  SEALIFT_ASSIGN(const uint16_t flags, reader.u16());
  SEALIFT_ASSIGN(const uint16_t encoding, reader.u16());
  SEALIFT_ASSIGN(section.offset, reader.u64());
  SEALIFT_ASSIGN(section.size, reader.u64());
  SEALIFT_ASSIGN(section.plain_size, reader.u64());
  SEALIFT_ASSIGN(section.hash, read_digest(reader));
  section.type = static_cast<SectionType>(type);
  section.critical = (flags & kCriticalFlag) != 0;
  if ((flags & ~unsigned{kCriticalFlag}) != 0) {
    return fail(ErrorCode::unsupported_version, "section {} has flags {:#06x} that this program does not know", type, flags);
  }
  if (section.critical && !is_known(section.type)) {
    return fail(ErrorCode::unsupported_version, "the payload needs a program that knows its section type {}", type);
  }
  const bool encoding_known = encoding == static_cast<uint16_t>(Encoding::raw) || encoding == static_cast<uint16_t>(Encoding::zstd);
  if (is_known(section.type) && !encoding_known) {
    return fail(ErrorCode::unsupported_version, "section {} has encoding {} that this program does not know", type, encoding);
  }
  section.encoding = static_cast<Encoding>(encoding & 0xffU);
  return section;
}

// Sections of the metadata follow each other in the table's order and fill it; the others lie among the data.
Result<void> check_places(const std::vector<Section>& sections, const Trailer& trailer, uint64_t table_end) {
  uint64_t expected = table_end;
  const uint64_t end = trailer.metadata_offset + trailer.metadata_size;
  for (const auto& section : sections) {
    if (section.offset < trailer.metadata_offset) {
      if (is_known(section.type)) return fail(ErrorCode::corrupt, "section {} at payload offset {} lies outside the metadata", name(section.type), section.offset);
      // An empty section overlaps nothing: where it lies must be looked at here.
      if (section.offset < kHeaderSize || !base::range_within(section.offset, section.size, trailer.metadata_offset)) {
        return fail(ErrorCode::corrupt, "section {} at payload offset {} ({} bytes) lies outside the data area", name(section.type), section.offset, section.size);
      }
      continue;
    }
    if (section.offset != expected) {
      return fail(ErrorCode::corrupt, "section {} begins at payload offset {}, what stands before it ends at {}", name(section.type), section.offset, expected);
    }
    if (!base::range_within(section.offset, section.size, end)) {
      return fail(ErrorCode::corrupt, "section {} at payload offset {} ({} bytes) reaches beyond the metadata", name(section.type), section.offset, section.size);
    }
    expected = section.offset + section.size;
  }
  if (expected != end) return fail(ErrorCode::corrupt, "the sections end at payload offset {}, the metadata at {}", expected, end);
  return {};
}

}  // namespace

std::string_view name(SectionType type) {
  switch (type) {
    case SectionType::contents: return "contents";
    case SectionType::index: return "index";
    case SectionType::parity: return "parity";
    case SectionType::metadata_copy: return "metadata copy";
    case SectionType::volumes: return "volumes";
    case SectionType::delta: return "delta";
  }
  return "unknown";
}

Bytes encode(const Header& header) {
  base::ByteWriter out;
  out.bytes(base::as_bytes(kHeaderMagic));
  out.u16(kMajor);
  out.u16(kMinor);
  out.u32(kHeaderSize);
  out.u64(header.payload_size);
  out.zeros(8);
  const Digest digest = hash::sha256(out.data());
  out.bytes(digest.bytes);
  return out.take();
}

Bytes encode(const Trailer& trailer) {
  base::ByteWriter out;
  out.u64(trailer.payload_size);
  out.u64(trailer.metadata_offset);
  out.u64(trailer.metadata_size);
  out.bytes(trailer.metadata_hash.bytes);
  out.u64(trailer.signatures_size);
  out.zeros(kTrailerReserved);
  out.u32(kTrailerSize);
  out.u16(kMajor);
  out.u16(kMinor);
  out.bytes(base::as_bytes(kTrailerMagic));
  const Digest digest = hash::sha256(out.data());
  out.bytes(digest.bytes);
  return out.take();
}

Bytes encode_section_table(base::FileOffset metadata_offset, const std::vector<Section>& sections) {
  base::ByteWriter out;
  out.bytes(base::as_bytes(kMetadataMagic));
  out.u16(kMajor);
  out.u16(kMinor);
  out.u32(static_cast<uint32_t>(sections.size()));
  out.u64(metadata_offset);
  out.zeros(8);
  for (const auto& section : sections) {
    out.u32(static_cast<uint32_t>(section.type));
    out.u16(section.critical ? kCriticalFlag : uint16_t{0});
    out.u16(static_cast<uint16_t>(section.encoding));
    out.u64(section.offset);
    out.u64(section.size);
    out.u64(section.plain_size);
    out.bytes(section.hash.bytes);
  }
  return out.take();
}

Result<Header> parse_header(ByteView bytes) {
  base::ByteReader reader(bytes);
  SEALIFT_ASSIGN(const ByteView magic, reader.bytes(kHeaderMagic.size()));
  if (!has_magic(magic, kHeaderMagic)) return fail(ErrorCode::not_a_payload, "no payload header");
  SEALIFT_ASSIGN(const uint16_t major, reader.u16());
  SEALIFT_ASSIGN(const uint16_t minor, reader.u16());
  SEALIFT_TRY(check_major(major, minor, "header"));
  SEALIFT_ASSIGN(const uint32_t size, reader.u32());
  Header header;
  SEALIFT_ASSIGN(header.payload_size, reader.u64());
  SEALIFT_ASSIGN(const ByteView reserved, reader.bytes(8));
  if (bytes.size() != kHeaderSize) return fail(ErrorCode::truncated, "a header of {} bytes", bytes.size());
  SEALIFT_TRY(check_hash(bytes, kHashedHeader, "header"));
  if (size != kHeaderSize) return fail(ErrorCode::corrupt, "the header says it has {} bytes", size);
  SEALIFT_TRY(check_reserved(reserved, minor, "header"));
  return header;
}

Result<Trailer> parse_trailer(ByteView bytes) {
  if (bytes.size() != kTrailerSize) return fail(ErrorCode::truncated, "a trailer of {} bytes", bytes.size());
  base::ByteReader reader(bytes);
  Trailer trailer;
  SEALIFT_ASSIGN(trailer.payload_size, reader.u64());
  SEALIFT_ASSIGN(trailer.metadata_offset, reader.u64());
  SEALIFT_ASSIGN(trailer.metadata_size, reader.u64());
  SEALIFT_ASSIGN(trailer.metadata_hash, read_digest(reader));
  SEALIFT_ASSIGN(trailer.signatures_size, reader.u64());
  SEALIFT_ASSIGN(const ByteView reserved, reader.bytes(kTrailerReserved));
  SEALIFT_ASSIGN(const uint32_t size, reader.u32());
  SEALIFT_ASSIGN(const uint16_t major, reader.u16());
  SEALIFT_ASSIGN(const uint16_t minor, reader.u16());
  SEALIFT_ASSIGN(const ByteView magic, reader.bytes(kTrailerMagic.size()));
  if (!has_magic(magic, kTrailerMagic)) return fail(ErrorCode::not_a_payload, "no payload trailer");
  SEALIFT_TRY(check_major(major, minor, "trailer"));
  SEALIFT_TRY(check_hash(bytes, kHashedTrailer, "trailer"));
  if (size != kTrailerSize) return fail(ErrorCode::corrupt, "the trailer says it has {} bytes", size);
  SEALIFT_TRY(check_reserved(reserved, minor, "trailer"));
  if (trailer.payload_size > kMaxPayloadSize) {
    return fail(ErrorCode::limit_exceeded, "a payload of {} bytes, at most {} are allowed", trailer.payload_size, kMaxPayloadSize);
  }
  if (trailer.metadata_size > kMaxMetadataSize) {
    return fail(ErrorCode::limit_exceeded, "metadata of {} bytes, at most {} are allowed", trailer.metadata_size, kMaxMetadataSize);
  }
  if (trailer.signatures_size > kMaxSignaturesSize) {
    return fail(ErrorCode::limit_exceeded, "signatures of {} bytes, at most {} are allowed", trailer.signatures_size, kMaxSignaturesSize);
  }
  auto end = base::checked_add(trailer.metadata_offset, trailer.metadata_size + trailer.signatures_size + kTrailerSize);  // within their limits
  if (!end) return fail_while(std::move(end).error(), "adding up the trailer's sizes");
  if (trailer.metadata_offset < kHeaderSize) {
    return fail(ErrorCode::corrupt, "the trailer's metadata at payload offset {} begins within the header", trailer.metadata_offset);
  }
  if (*end != trailer.payload_size) {
    return fail(ErrorCode::corrupt, "the trailer's metadata at {}+{} and {} bytes of signatures do not fill a payload of {} bytes",
                trailer.metadata_offset, trailer.metadata_size, trailer.signatures_size, trailer.payload_size);
  }
  return trailer;
}

Result<std::vector<Section>> parse_section_table(ByteView metadata, const Trailer& trailer) {
  base::ByteReader reader(metadata);
  SEALIFT_ASSIGN(const ByteView magic, reader.bytes(kMetadataMagic.size()));
  if (!has_magic(magic, kMetadataMagic)) return fail(ErrorCode::corrupt, "the metadata does not begin with its magic");
  SEALIFT_ASSIGN(const uint16_t major, reader.u16());
  SEALIFT_ASSIGN(const uint16_t minor, reader.u16());
  SEALIFT_TRY(check_major(major, minor, "metadata"));
  SEALIFT_ASSIGN(const uint32_t count, reader.u32());
  SEALIFT_ASSIGN(const uint64_t offset, reader.u64());
  SEALIFT_ASSIGN(const ByteView reserved, reader.bytes(8));
  SEALIFT_TRY(check_reserved(reserved, minor, "metadata"));
  if (offset != trailer.metadata_offset) {
    return fail(ErrorCode::corrupt, "the metadata was made for offset {}, it lies at {}", offset, trailer.metadata_offset);
  }
  if (count > kMaxSections) return fail(ErrorCode::limit_exceeded, "{} sections, at most {} are allowed", count, kMaxSections);
  std::vector<Section> sections;
  for (uint32_t i = 0; i < count; ++i) {
    SEALIFT_ASSIGN(auto section, parse_entry(reader));
    sections.push_back(section);
  }
  for (const auto type : {SectionType::contents, SectionType::index}) {
    if (std::ranges::count(sections, type, &Section::type) != 1) {
      return fail(ErrorCode::corrupt, "the payload must have one section {}", name(type));
    }
  }
  SEALIFT_TRY(check_places(sections, trailer, trailer.metadata_offset + reader.position()));
  return sections;
}

Result<Bytes> section_bytes(ByteView metadata, const Trailer& trailer, const Section& section, uint64_t plain_limit) {
  if (section.offset < trailer.metadata_offset ||
      !base::range_within(section.offset - trailer.metadata_offset, section.size, metadata.size())) {
    return fail(ErrorCode::corrupt, "section {} lies outside the metadata", name(section.type));
  }
  const ByteView stored = metadata.subspan(static_cast<size_t>(section.offset - trailer.metadata_offset), static_cast<size_t>(section.size));
  if (hash::sha256(stored) != section.hash) return fail(ErrorCode::corrupt, "the hash of section {} does not hold", name(section.type));
  if (section.plain_size > plain_limit) {
    return fail(ErrorCode::limit_exceeded, "section {} has {} bytes, at most {} are allowed", name(section.type), section.plain_size, plain_limit);
  }
  if (section.encoding == Encoding::zstd) {
    auto plain = codec::zstd_decompress(stored, static_cast<size_t>(section.plain_size));
    if (!plain) return fail_while(std::move(plain).error(), std::format("decoding section {}", name(section.type)));
    return plain;
  }
  if (section.plain_size != section.size) return fail(ErrorCode::corrupt, "section {} is raw but has two sizes, {} and {}", name(section.type), section.size, section.plain_size);
  return Bytes(stored.begin(), stored.end());
}

}  // namespace sealift::format
