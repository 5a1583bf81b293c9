// SPDX-License-Identifier: Apache-2.0
#include "payload/format/layout.h"

#include <algorithm>

#include "payload/base/checked.h"
#include "payload/base/format.h"
#include "payload/codec/zstd.h"
#include "payload/format/records.h"

namespace sealift::format {
namespace {

constexpr uint16_t kCriticalFlag = 1;

bool all_zero(ByteView bytes) {
  return std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{0}; });
}

// Reserved bytes are zero in the versions that this code knows; a newer minor version may give them a meaning that
// older readers can ignore.
Result<void> check_reserved(ByteView bytes, uint16_t minor, std::string_view where) {
  if (minor <= kMinor && !all_zero(bytes))
    return fail(ErrorCode::corrupt, "reserved bytes of the {} are not zero", where);
  return {};
}

Result<void> check_major(uint16_t major, uint16_t minor, std::string_view where) {
  if (major == kMajor) return {};
  return fail(
      ErrorCode::unsupported_version,
      "the {} says format {}.{}, this program reads format {}.x; use the program of the version that made the file",
      where, major, minor, kMajor);
}

// The checksum at a record's end covers all bytes before it.
template <class T>
Digest checksum_of(const T& stored) {
  return hash::sha256(record::bytes_of(stored).first(offsetof(T, checksum)));
}

template <class T>
Result<void> check_checksum(const T& stored, std::string_view where) {
  if (checksum_of(stored) != stored.checksum)
    return fail(ErrorCode::corrupt, "the {} is damaged: its checksum does not match", where);
  return {};
}

template <class T>
Bytes encode_with_checksum(T stored) {
  stored.checksum = checksum_of(stored);
  const ByteView bytes = record::bytes_of(stored);
  return Bytes(bytes.begin(), bytes.end());
}

bool is_known(SectionType type) { return type == SectionType::contents || type == SectionType::index; }

Result<Section> parse_entry(const record::Section& stored) {
  const uint32_t type = stored.type;
  const uint16_t flags = stored.flags, encoding = stored.encoding;
  const Section section{static_cast<SectionType>(type),
                        (flags & kCriticalFlag) != 0,
                        static_cast<Encoding>(encoding & 0xffU),
                        stored.offset,
                        stored.size,
                        stored.plain_size,
                        stored.hash};
  if ((flags & ~unsigned{kCriticalFlag}) != 0) {
    return fail(ErrorCode::unsupported_version, "section {} has flags {:#06x} that this program does not know", type,
                flags);
  }
  if (section.critical && !is_known(section.type)) {
    return fail(ErrorCode::unsupported_version, "the payload needs a program that knows its section type {}", type);
  }
  const bool encoding_known =
      encoding == static_cast<uint16_t>(Encoding::raw) || encoding == static_cast<uint16_t>(Encoding::zstd);
  if (is_known(section.type) && !encoding_known) {
    return fail(ErrorCode::unsupported_version, "section {} has encoding {} that this program does not know", type,
                encoding);
  }
  return section;
}

// Sections in the metadata follow each other in the table's order and fill it; the others lie in the data area.
Result<void> check_places(const std::vector<Section>& sections, const Trailer& trailer, uint64_t table_end) {
  uint64_t expected = table_end;
  const uint64_t end = trailer.metadata_offset + trailer.metadata_size;
  for (const auto& section : sections) {
    if (section.offset < trailer.metadata_offset) {
      if (is_known(section.type))
        return fail(ErrorCode::corrupt, "section {} at payload offset {} lies outside the metadata", name(section.type),
                    section.offset);
      // An empty section overlaps nothing, so its position is checked here.
      if (section.offset < kHeaderSize || !base::range_within(section.offset, section.size, trailer.metadata_offset)) {
        return fail(ErrorCode::corrupt, "section {} at payload offset {} ({} bytes) lies outside the data area",
                    name(section.type), section.offset, section.size);
      }
      continue;
    }
    if (section.offset != expected) {
      return fail(ErrorCode::corrupt, "section {} begins at payload offset {}, what stands before it ends at {}",
                  name(section.type), section.offset, expected);
    }
    if (!base::range_within(section.offset, section.size, end)) {
      return fail(ErrorCode::corrupt, "section {} at payload offset {} ({} bytes) reaches beyond the metadata",
                  name(section.type), section.offset, section.size);
    }
    expected = section.offset + section.size;
  }
  if (expected != end)
    return fail(ErrorCode::corrupt, "the sections end at payload offset {}, the metadata at {}", expected, end);
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
  return encode_with_checksum(
      record::Header{record::Magic(kHeaderMagic), kMajor, kMinor, uint32_t{kHeaderSize}, header.payload_size, {}, {}});
}

Bytes encode(const Trailer& trailer) {
  return encode_with_checksum(record::Trailer{trailer.payload_size,
                                              trailer.metadata_offset,
                                              trailer.metadata_size,
                                              trailer.metadata_hash,
                                              trailer.signatures_size,
                                              {},
                                              uint32_t{kTrailerSize},
                                              kMajor,
                                              kMinor,
                                              record::Magic(kTrailerMagic),
                                              {}});
}

Bytes encode_section_table(base::FileOffset metadata_offset, const std::vector<Section>& sections) {
  base::ByteWriter out;
  out.bytes(record::bytes_of(record::Metadata{
      record::Magic(kMetadataMagic), kMajor, kMinor, static_cast<uint32_t>(sections.size()), metadata_offset, {}}));
  for (const auto& section : sections) {
    out.bytes(record::bytes_of(record::Section{static_cast<uint32_t>(section.type),
                                               section.critical ? kCriticalFlag : uint16_t{0},
                                               uint16_t{static_cast<uint8_t>(section.encoding)}, section.offset,
                                               section.size, section.plain_size, section.hash}));
  }
  return out.take();
}

Result<Header> parse_header(ByteView bytes) {
  base::ByteReader reader(bytes);
  SEALIFT_ASSIGN(const auto stored, record::read<record::Header>(reader));
  if (stored.magic != record::Magic(kHeaderMagic)) return fail(ErrorCode::not_a_payload, "no payload header");
  SEALIFT_TRY(check_major(stored.major, stored.minor, "header"));
  SEALIFT_TRY(check_checksum(stored, "header"));
  if (stored.size != kHeaderSize)
    return fail(ErrorCode::corrupt, "the header says it has {} bytes", uint32_t{stored.size});
  SEALIFT_TRY(check_reserved(stored.reserved, stored.minor, "header"));
  return Header{stored.payload_size};
}

Result<Trailer> parse_trailer(ByteView bytes) {
  base::ByteReader reader(bytes);
  SEALIFT_ASSIGN(const auto stored, record::read<record::Trailer>(reader));
  if (stored.magic != record::Magic(kTrailerMagic)) return fail(ErrorCode::not_a_payload, "no payload trailer");
  SEALIFT_TRY(check_major(stored.major, stored.minor, "trailer"));
  SEALIFT_TRY(check_checksum(stored, "trailer"));
  if (stored.size != kTrailerSize)
    return fail(ErrorCode::corrupt, "the trailer says it has {} bytes", uint32_t{stored.size});
  SEALIFT_TRY(check_reserved(stored.reserved, stored.minor, "trailer"));
  const Trailer trailer{stored.payload_size, stored.metadata_offset, stored.metadata_size, stored.metadata_hash,
                        stored.signatures_size};
  if (trailer.payload_size > kMaxPayloadSize) {
    return fail(ErrorCode::limit_exceeded, "a payload of {} bytes, at most {} are allowed", trailer.payload_size,
                kMaxPayloadSize);
  }
  if (trailer.metadata_size > kMaxMetadataSize) {
    return fail(ErrorCode::limit_exceeded, "metadata of {} bytes, at most {} are allowed", trailer.metadata_size,
                kMaxMetadataSize);
  }
  if (trailer.signatures_size > kMaxSignaturesSize) {
    return fail(ErrorCode::limit_exceeded, "signatures of {} bytes, at most {} are allowed", trailer.signatures_size,
                kMaxSignaturesSize);
  }
  auto end = base::checked_add(trailer.metadata_offset,
                               trailer.metadata_size + trailer.signatures_size + kTrailerSize);  // each is limited
  if (!end) return fail_while(std::move(end).error(), "adding up the trailer's sizes");
  if (trailer.metadata_offset < kHeaderSize) {
    return fail(ErrorCode::corrupt, "the trailer's metadata at payload offset {} begins within the header",
                trailer.metadata_offset);
  }
  if (*end != trailer.payload_size) {
    return fail(ErrorCode::corrupt,
                "the trailer's metadata at {}+{} and {} bytes of signatures do not fill a payload of {} bytes",
                trailer.metadata_offset, trailer.metadata_size, trailer.signatures_size, trailer.payload_size);
  }
  return trailer;
}

Result<std::vector<Section>> parse_section_table(ByteView metadata, const Trailer& trailer) {
  base::ByteReader reader(metadata);
  SEALIFT_ASSIGN(const auto header, record::read<record::Metadata>(reader));
  if (header.magic != record::Magic(kMetadataMagic))
    return fail(ErrorCode::corrupt, "the metadata does not begin with its magic");
  SEALIFT_TRY(check_major(header.major, header.minor, "metadata"));
  SEALIFT_TRY(check_reserved(header.reserved, header.minor, "metadata"));
  if (header.offset != trailer.metadata_offset) {
    return fail(ErrorCode::corrupt, "the metadata was made for offset {}, it lies at {}", uint64_t{header.offset},
                trailer.metadata_offset);
  }
  const uint32_t count = header.sections;
  if (count > kMaxSections)
    return fail(ErrorCode::limit_exceeded, "{} sections, at most {} are allowed", count, kMaxSections);
  std::vector<Section> sections;
  for (uint32_t i = 0; i < count; ++i) {
    SEALIFT_ASSIGN(const auto stored, record::read<record::Section>(reader));
    SEALIFT_ASSIGN(const auto section, parse_entry(stored));
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
  const ByteView stored = metadata.subspan(static_cast<size_t>(section.offset - trailer.metadata_offset),
                                           static_cast<size_t>(section.size));
  if (hash::sha256(stored) != section.hash)
    return fail(ErrorCode::corrupt, "section {} does not match its hash", name(section.type));
  if (section.plain_size > plain_limit) {
    return fail(ErrorCode::limit_exceeded, "section {} has {} bytes, at most {} are allowed", name(section.type),
                section.plain_size, plain_limit);
  }
  if (section.encoding == Encoding::zstd) {
    auto plain = codec::zstd_decompress(stored, static_cast<size_t>(section.plain_size));
    if (!plain) return fail_while(std::move(plain).error(), base::format("decoding section {}", name(section.type)));
    return plain;
  }
  if (section.plain_size != section.size)
    return fail(ErrorCode::corrupt, "section {} is raw but has two sizes, {} and {}", name(section.type), section.size,
                section.plain_size);
  return Bytes(stored.begin(), stored.end());
}

}  // namespace sealift::format
