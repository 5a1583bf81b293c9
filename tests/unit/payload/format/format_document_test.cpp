// SPDX-License-Identifier: Apache-2.0
//
// FORMAT.md against the code: tables add up to the sizes of the structures, limits are the constants, the dump is the
// minimal payload. SEALIFT_ACCEPT=1 rewrites the dump.
#include <catch2/catch_test_macros.hpp>

#include <cstddef>
#include <cstdlib>
#include <map>

#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/format/records.h"
#include "tests/support/payload_builder.h"
#include "tests/support/source_tree.h"

using namespace sealift;
using namespace sealift::tests;

namespace {

const std::string kPath = tests::source_path("payload/FORMAT.md");

std::string document() {
  auto text = base::read_text_file(kPath, size_t{1} << 20);
  REQUIRE(text);
  return *text;
}

// "| a | b | c |" → {"a", "b", "c"}; nothing for other lines.
std::vector<std::string_view> cells(std::string_view line) {
  if (!line.starts_with('|')) return {};
  auto parts = base::split(line, '|');
  std::vector<std::string_view> out;
  for (size_t i = 1; i + 1 < parts.size(); ++i) out.push_back(base::trim(parts[i]));
  return out;
}

std::string dump(ByteView bytes) {
  std::string out;
  for (size_t at = 0; at < bytes.size(); at += 16) {
    const ByteView row = bytes.subspan(at, std::min<size_t>(16, bytes.size() - at));
    std::string hex;
    std::string text;
    for (size_t i = 0; i < 16; ++i) {
      hex += i < row.size() ? base::to_hex(row.subspan(i, 1)) + " " : "   ";
      if (i == 7) hex += " ";
      if (i < row.size()) {
        const auto c = std::to_integer<char>(row[i]);
        text += c >= 0x20 && c < 0x7f ? c : '.';
      }
    }
    out += base::format("{:05x}  {} |{}|\n", at, hex, text);
  }
  return out;
}

}  // namespace

TEST_CASE("the tables of FORMAT.md are the records, field by field") {
  namespace record = format::record;
  const std::map<std::string, std::vector<size_t>> offsets{
      {"header",
       {offsetof(record::Header, magic), offsetof(record::Header, major), offsetof(record::Header, minor),
        offsetof(record::Header, size), offsetof(record::Header, payload_size), offsetof(record::Header, reserved),
        offsetof(record::Header, checksum)}},
      {"trailer",
       {offsetof(record::Trailer, payload_size), offsetof(record::Trailer, metadata_offset),
        offsetof(record::Trailer, metadata_size), offsetof(record::Trailer, metadata_hash),
        offsetof(record::Trailer, signatures_size), offsetof(record::Trailer, reserved),
        offsetof(record::Trailer, size), offsetof(record::Trailer, major), offsetof(record::Trailer, minor),
        offsetof(record::Trailer, magic), offsetof(record::Trailer, checksum)}},
      {"metadata",
       {offsetof(record::Metadata, magic), offsetof(record::Metadata, major), offsetof(record::Metadata, minor),
        offsetof(record::Metadata, sections), offsetof(record::Metadata, offset),
        offsetof(record::Metadata, reserved)}},
      {"section",
       {offsetof(record::Section, type), offsetof(record::Section, flags), offsetof(record::Section, encoding),
        offsetof(record::Section, offset), offsetof(record::Section, size), offsetof(record::Section, plain_size),
        offsetof(record::Section, hash)}},
      {"index-header",
       {offsetof(record::IndexHeader, objects), offsetof(record::IndexHeader, pieces),
        offsetof(record::IndexHeader, frames), offsetof(record::IndexHeader, reserved)}},
      {"index-object",
       {offsetof(record::IndexObject, digest), offsetof(record::IndexObject, size),
        offsetof(record::IndexObject, first_piece), offsetof(record::IndexObject, piece_count)}},
      {"index-piece",
       {offsetof(record::IndexPiece, frame), offsetof(record::IndexPiece, offset), offsetof(record::IndexPiece, size)}},
      {"index-frame",
       {offsetof(record::IndexFrame, stored_hash), offsetof(record::IndexFrame, offset),
        offsetof(record::IndexFrame, stored_size), offsetof(record::IndexFrame, plain_size),
        offsetof(record::IndexFrame, encoding), offsetof(record::IndexFrame, reserved)}}};
  const std::string text = document();
  const auto lines = base::split(text, '\n');
  size_t tables = 0;
  for (size_t i = 0; i < lines.size(); ++i) {
    constexpr std::string_view kMark = "<!-- table: ";
    if (!lines[i].starts_with(kMark)) continue;
    INFO(lines[i]);
    std::vector<size_t> stated;
    for (size_t row = i + 3; row < lines.size() && lines[row].starts_with('|'); ++row)
      stated.push_back(base::parse_u64(cells(lines[row])[0]).value_or(SIZE_MAX));
    CHECK(stated == offsets.at(std::string(base::split_words(lines[i].substr(kMark.size()))[0])));
    ++tables;
  }
  CHECK(tables == offsets.size());
}

TEST_CASE("the tables of FORMAT.md add up to the structures") {
  const std::map<std::string, size_t> sizes{{"header", format::kHeaderSize},
                                            {"trailer", format::kTrailerSize},
                                            {"metadata", format::kMetadataHeaderSize},
                                            {"section", format::kSectionEntrySize},
                                            {"index-header", format::kIndexHeaderSize},
                                            {"index-object", format::kIndexObjectSize},
                                            {"index-piece", format::kIndexPieceSize},
                                            {"index-frame", format::kIndexFrameSize}};
  const std::string text = document();
  const auto lines = base::split(text, '\n');
  size_t tables = 0;
  for (size_t i = 0; i < lines.size(); ++i) {
    constexpr std::string_view kMark = "<!-- table: ";
    if (!lines[i].starts_with(kMark)) continue;
    const auto words = base::split_words(lines[i].substr(kMark.size()));
    INFO(lines[i]);
    REQUIRE(words.size() == 3);
    REQUIRE(sizes.contains(std::string(words[0])));
    CHECK(base::parse_u64(words[1]) == sizes.at(std::string(words[0])));
    uint64_t expected = 0;
    for (size_t row = i + 3; row < lines.size() && lines[row].starts_with('|'); ++row) {
      const auto row_cells = cells(lines[row]);
      REQUIRE(row_cells.size() == 3);
      CHECK(base::parse_u64(row_cells[0]) == expected);
      expected += base::parse_u64(row_cells[1]).value_or(0);
    }
    CHECK(expected == sizes.at(std::string(words[0])));
    ++tables;
  }
  CHECK(tables == sizes.size());
}

TEST_CASE("the limits of FORMAT.md are the constants") {
  const std::map<std::string, uint64_t> limits{{"kMaxPayloadSize", format::kMaxPayloadSize},
                                               {"kMaxMetadataSize", format::kMaxMetadataSize},
                                               {"kMaxSignaturesSize", format::kMaxSignaturesSize},
                                               {"kMaxSections", format::kMaxSections},
                                               {"kMaxContentsSize", format::kMaxContentsSize},
                                               {"kMaxFrameSize", format::kMaxFrameSize},
                                               {"kMaxObjects", format::kMaxObjects},
                                               {"kMaxPieces", format::kMaxPieces},
                                               {"kMaxFrames", format::kMaxFrames},
                                               {"kAlignment", format::kAlignment},
                                               {"kAlignedObjectSize", format::kAlignedObjectSize}};
  const std::string text = document();
  size_t found = 0;
  for (const auto line : base::split(text, '\n')) {
    const auto row = cells(line);
    if (row.size() != 3 || !row[0].starts_with("`k")) continue;
    const std::string constant(row[0].substr(1, row[0].size() - 2));
    INFO(constant);
    REQUIRE(limits.contains(constant));
    CHECK(base::parse_u64(row[1]) == limits.at(constant));
    ++found;
  }
  CHECK(found == limits.size());
}

TEST_CASE("section types and encodings of FORMAT.md are those of the code") {
  const std::string text = document();
  for (const auto type :
       {format::SectionType::contents, format::SectionType::index, format::SectionType::parity,
        format::SectionType::metadata_copy, format::SectionType::volumes, format::SectionType::delta}) {
    CHECK(text.contains(base::format("\n| {} | {} |", static_cast<uint32_t>(type), format::name(type))));
  }
  CHECK(text.contains(base::format("\n| {} | raw", static_cast<unsigned>(format::Encoding::raw))));
  CHECK(text.contains(base::format("\n| {} | one zstd frame", static_cast<unsigned>(format::Encoding::zstd))));
}

TEST_CASE("the dump in FORMAT.md is the minimal payload") {
  std::string text = document();
  constexpr std::string_view kBegin = "<!-- dump -->\n```\n";
  const auto begin = text.find(kBegin);
  REQUIRE(begin != std::string::npos);
  const auto end = text.find("```\n", begin + kBegin.size());
  REQUIRE(end != std::string::npos);
  const std::string expected = dump(minimal_payload().build());
  if (std::getenv("SEALIFT_ACCEPT") != nullptr) {
    text.replace(begin + kBegin.size(), end - begin - kBegin.size(), expected);
    REQUIRE(base::write_file_atomic(kPath, base::as_bytes(text), 0644));
    return;
  }
  CHECK(text.substr(begin + kBegin.size(), end - begin - kBegin.size()) == expected);
}
