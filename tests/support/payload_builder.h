// SPDX-License-Identifier: Apache-2.0
//
// Makes tiny payloads in memory, byte by byte, without the writer, so that any part can be made wrong while everything
// around it (hashes, sizes, offsets) stays right. For tests of readers.
#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "payload/base/bytes.h"
#include "payload/format/contents.h"
#include "payload/format/index.h"
#include "payload/format/layout.h"

namespace sealift::tests {

class PayloadBuilder {
 public:
  struct InlineSection {
    format::Section section;  // type, critical, encoding, plain_size; the rest is filled in
    Bytes bytes;
  };

  // The file's content; offsets count from the payload's beginning, so `data` begins at 64.
  Bytes data;
  std::vector<format::IndexObject> objects;
  std::vector<format::IndexPiece> pieces;
  std::vector<format::Frame> frames;
  std::string contents = "{}";
  std::vector<format::Section> outside;      // sections within the data area, complete
  std::vector<InlineSection> more_sections;  // after the index
  Bytes signatures;

  // Edits of finished parts, applied before the hashes that protect them are computed.
  std::function<void(Bytes&)> edit_index, edit_table, edit_header, edit_trailer;
  std::function<void(std::vector<InlineSection>&)> edit_sections;

  // Appends an object as one raw frame. Returns its reference for the contents.
  format::ObjectRef add_raw(std::string_view text) {
    const ByteView bytes = base::as_bytes(text);
    const format::ObjectRef reference{hash::sha256(bytes), bytes.size()};
    frames.push_back(
        {format::kHeaderSize + data.size(), bytes.size(), bytes.size(), format::Encoding::raw, reference.digest});
    data.insert(data.end(), bytes.begin(), bytes.end());
    add_object(reference, static_cast<uint32_t>(frames.size() - 1), 0);
    return reference;
  }
  void add_object(const format::ObjectRef& reference, uint32_t frame, uint32_t offset) {
    objects.push_back({reference.digest, reference.size, 0, reference.size == 0 ? 0U : 1U});
    if (reference.size != 0) pieces.push_back({frame, offset, reference.size});
  }
  void add_padding(size_t count) { data.resize(data.size() + count); }

  Bytes build() const {
    const uint64_t begin = format::kHeaderSize + data.size();
    std::vector<InlineSection> sections;
    const Bytes contents_bytes = base::to_bytes(contents);
    sections.push_back({{format::SectionType::contents, true, format::Encoding::raw, 0, 0, contents_bytes.size(), {}},
                        contents_bytes});
    Bytes index = encode_index();
    if (edit_index) edit_index(index);
    sections.push_back({{format::SectionType::index, true, format::Encoding::raw, 0, 0, index.size(), {}}, index});
    sections.insert(sections.end(), more_sections.begin(), more_sections.end());
    if (edit_sections) edit_sections(sections);
    uint64_t offset =
        begin + format::kMetadataHeaderSize + (sections.size() + outside.size()) * format::kSectionEntrySize;
    std::vector<format::Section> table = outside;
    for (auto& part : sections) {
      part.section.offset = offset;
      part.section.size = part.bytes.size();
      part.section.hash = hash::sha256(part.bytes);
      offset += part.bytes.size();
      table.push_back(part.section);
    }
    Bytes metadata = format::encode_section_table(begin, table);
    if (edit_table) edit_table(metadata);
    for (const auto& part : sections) metadata.insert(metadata.end(), part.bytes.begin(), part.bytes.end());

    format::Trailer trailer;
    trailer.metadata_offset = begin;
    trailer.metadata_size = metadata.size();
    trailer.metadata_hash = hash::sha256(metadata);
    trailer.signatures_size = signatures.size();
    trailer.payload_size = begin + metadata.size() + signatures.size() + format::kTrailerSize;
    Bytes trailer_bytes = format::encode(trailer);
    if (edit_trailer) edit_trailer(trailer_bytes);
    reseal(trailer_bytes);
    Bytes out = format::encode(format::Header{trailer.payload_size});
    if (edit_header) edit_header(out);
    reseal(out);
    for (const ByteView part : {ByteView(data), ByteView(metadata), ByteView(signatures), ByteView(trailer_bytes)}) {
      out.insert(out.end(), part.begin(), part.end());
    }
    return out;
  }

  // Recomputes the checksum in the last 32 bytes.
  static void reseal(Bytes& bytes) {
    const auto digest = hash::sha256(ByteView(bytes).first(bytes.size() - 32));
    std::ranges::copy(digest.bytes, bytes.end() - 32);
  }
  template <class T>
  static void put(Bytes& bytes, size_t offset, T value) {
    for (size_t i = 0; i < sizeof(T); ++i)
      bytes.at(offset + i) = static_cast<std::byte>((uint64_t{value} >> (8 * i)) & 0xffU);
  }

 private:
  // Objects in the order of their digests, with their pieces.
  Bytes encode_index() const {
    std::vector<std::pair<format::IndexObject, std::vector<format::IndexPiece>>> sorted;
    size_t piece = 0;
    for (const auto& object : objects) {
      sorted.emplace_back(object, std::vector<format::IndexPiece>(
                                      pieces.begin() + static_cast<std::ptrdiff_t>(piece),
                                      pieces.begin() + static_cast<std::ptrdiff_t>(piece + object.piece_count)));
      piece += object.piece_count;
    }
    std::ranges::sort(sorted, {}, [](const auto& entry) { return entry.first.digest; });
    std::vector<format::IndexObject> ordered;
    std::vector<format::IndexPiece> ordered_pieces;
    for (auto& [object, list] : sorted) {
      object.first_piece = static_cast<uint32_t>(ordered_pieces.size());
      ordered.push_back(object);
      ordered_pieces.insert(ordered_pieces.end(), list.begin(), list.end());
    }
    return format::Index(ordered, ordered_pieces, frames).encode();
  }
};

// One tree file, one raw frame, some padding: the smallest payload with every part.
inline PayloadBuilder minimal_payload() {
  PayloadBuilder builder;
  const auto reference = builder.add_raw("hello, site\n");
  builder.add_padding(20);
  format::Contents contents;
  contents.name = "minimal";
  contents.tree["hello.txt"] = {reference, 0644};
  builder.contents = format::to_json(contents);
  return builder;
}

// An artifact: this head, padded to the payload's offset, then the payload.
inline Bytes with_head(std::string_view head, const Bytes& payload) {
  Bytes out(format::kPayloadOffset);
  std::ranges::copy(base::as_bytes(head), out.begin());
  out.insert(out.end(), payload.begin(), payload.end());
  return out;
}

}  // namespace sealift::tests
