// SPDX-License-Identifier: Apache-2.0
//
// Trailer, section table and index from hostile bytes. Hashes are corrected first, since the parsers are behind them.
// The first byte selects how the rest is used.
#include <cstdlib>

#include "payload/format/index.h"
#include "payload/format/reader.h"
#include "tests/support/payload_builder.h"

using namespace sealift;
using namespace sealift::tests;

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

// Opens, verifies and reads what can be read; the reader's results must be consistent.
void use(const Bytes& bytes) {
  const base::MemoryFile file(bytes);
  auto reader = format::PayloadReader::open(file);
  if (!reader) return;
  static_cast<void>((*reader)->verify(1, {}, {}));
  uint64_t covered = 0;
  for (const auto& range : (*reader)->skeleton()) covered += range.size;
  for (const auto& frame : (*reader)->all_frames()) covered += frame.stored_size;
  require(covered == (*reader)->payload_size());
  size_t reads = 0;
  for (const auto& object : (*reader)->objects()) {
    if (object.size > (1 << 20) || ++reads > 50) continue;
    base::MemorySink sink(1 << 20);
    const auto read = (*reader)->read(object.digest, {}, sink);
    require(!read || (sink.data().size() == object.size && hash::sha256(sink.data()) == object.digest));
    if (object.raw_offset) require(*object.raw_offset + object.size <= (*reader)->payload_size());
  }
}

void index(ByteView bytes) {
  auto parsed = format::Index::parse(bytes, uint64_t{1} << 40);
  if (!parsed) return;
  require(std::ranges::equal(parsed->encode(), bytes));
  for (const auto& object : parsed->objects()) {
    require(parsed->find(object.digest) == &object);
    uint64_t size = 0;
    for (const auto& piece : parsed->pieces(object)) {
      const auto run = parsed->frames_of(piece);
      require(run.begin < run.end && run.end <= parsed->frames().size());
      size += piece.size;
    }
    require(size == object.size);
    static_cast<void>(parsed->raw_offset(object));
  }
}

void table(ByteView bytes) {
  format::Trailer trailer;
  trailer.metadata_offset = 1000;
  trailer.metadata_size = bytes.size();
  auto sections = format::parse_section_table(bytes, trailer);
  if (!sections) return;
  for (const auto& section : *sections) static_cast<void>(format::section_bytes(bytes, trailer, section, 1 << 20));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const ByteView bytes = std::as_bytes(std::span(data, size)).subspan(1);
  Bytes copy(bytes.begin(), bytes.end());
  auto builder = minimal_payload();
  switch (data[0] % 6) {
    case 0: use(copy); break;
    case 1:
      if (copy.size() >= 32) PayloadBuilder::reseal(copy);
      if (auto trailer = format::parse_trailer(copy)) require(format::encode(*trailer).size() == format::kTrailerSize);
      static_cast<void>(format::parse_header(copy));
      break;
    case 2: table(copy); break;
    case 3: index(copy); break;
    case 4:
      builder.edit_index = [&](Bytes& old) { old = copy; };
      use(builder.build());
      break;
    default:
      builder.edit_table = [&](Bytes& old) {
        for (size_t i = 0; i < copy.size() && i < old.size(); ++i) old[i] ^= copy[i];
      };
      use(builder.build());
      break;
  }
  return 0;
}
