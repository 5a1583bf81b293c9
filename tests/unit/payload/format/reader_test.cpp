// SPDX-License-Identifier: Apache-2.0
#include "payload/format/reader.h"
#include "payload/base/format.h"

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <mutex>

#include "payload/base/thread.h"
#include "payload/codec/zstd.h"
#include "tests/support/payload_builder.h"

using namespace sealift;
using namespace sealift::tests;

namespace {

// Counts reads; bytes outside `data` (which is at the file's end) are zero, so that a file may be huge.
class CountingFile final : public base::RandomAccessFile {
 public:
  CountingFile(Bytes data, uint64_t size) : data_(std::move(data)), size_(size) {}
  base::ByteCount size() const override { return size_; }
  Result<void> read_at(base::FileOffset offset, std::span<std::byte> buffer) const override {
    const std::lock_guard lock(mutex_);
    ++reads_;
    bytes_ += buffer.size();
    if (offset > size_ || buffer.size() > size_ - offset) return fail(ErrorCode::truncated, "end");
    const uint64_t data_begin = size_ - data_.size();
    for (size_t i = 0; i < buffer.size(); ++i)
      buffer[i] = offset + i < data_begin ? std::byte{0} : data_[offset + i - data_begin];
    return {};
  }
  uint64_t reads() const { return reads_; }
  uint64_t bytes() const { return bytes_; }
  void reset() { reads_ = bytes_ = 0; }

 private:
  Bytes data_;
  uint64_t size_;
  mutable std::mutex mutex_;
  mutable uint64_t reads_ = 0, bytes_ = 0;
};

// A small text in a shared zstd frame, and an object of two pieces that overlaps others.
struct Shared {
  PayloadBuilder builder;
  std::vector<std::string> texts;
  std::string pieces_text;
};

Shared shared_payload() {
  Shared out;
  out.builder = minimal_payload();
  std::string plain;
  for (int i = 0; i < 50; ++i) {
    out.texts.push_back(std::string(static_cast<size_t>(i) + 1, static_cast<char>('a' + i % 26)));
    plain += out.texts.back();
  }
  // Two frames: objects may cross their boundary.
  for (const auto& part : {plain.substr(0, 600), plain.substr(600)}) {
    const Bytes stored = *codec::ZstdCompressor(3).compress(base::as_bytes(part));
    out.builder.frames.push_back({format::kHeaderSize + out.builder.data.size(), stored.size(), part.size(),
                                  format::Encoding::zstd, hash::sha256(stored)});
    out.builder.data.insert(out.builder.data.end(), stored.begin(), stored.end());
  }
  uint32_t offset = 0;
  for (const auto& text : out.texts) {
    const uint32_t frame = offset < 600 ? 1 : 2;
    out.builder.add_object({hash::sha256(base::as_bytes(text)), text.size()}, frame,
                           frame == 1 ? offset : offset - 600);
    offset += static_cast<uint32_t>(text.size());
  }
  out.pieces_text = "hello" + plain.substr(590, 20) + "site\n";
  out.builder.objects.push_back({hash::sha256(base::as_bytes(out.pieces_text)), out.pieces_text.size(), 0, 3});
  out.builder.pieces.push_back({0, 0, 5});
  out.builder.pieces.push_back({1, 590, 20});
  out.builder.pieces.push_back({0, 7, 5});
  return out;
}

std::unique_ptr<format::PayloadReader> open(const base::RandomAccessFile& file) {
  auto reader = format::PayloadReader::open(file);
  if (!reader) FAIL(reader.error().text());
  return std::move(*reader);
}

}  // namespace

TEST_CASE("opening costs two reads, whatever the size") {
  const Bytes bytes = minimal_payload().build();
  const CountingFile file(bytes, bytes.size());
  open(file);
  CHECK(file.reads() == 2);
  CHECK(file.bytes() < bytes.size());
}

TEST_CASE("opening 20 GB of layers reads less than 4 MiB") {
  // 2500 raw frames of 8 MiB in 300 objects, like an artifact with many images. Only the metadata exists in memory.
  std::vector<format::IndexObject> objects;
  std::vector<format::IndexPiece> pieces;
  std::vector<format::Frame> frames;
  uint64_t offset = format::kHeaderSize;
  for (uint32_t i = 0; i < 2500; ++i) {
    frames.push_back({offset, format::kMaxFrameSize, format::kMaxFrameSize, format::Encoding::raw,
                      hash::sha256(base::as_bytes(std::to_string(i)))});
    offset += format::kMaxFrameSize;
  }
  std::map<Digest, format::IndexPiece> by_digest;
  for (uint32_t i = 0; i < 250; ++i)
    by_digest[hash::sha256(base::as_bytes("o" + std::to_string(i)))] = {i * 10, 0, 10 * format::kMaxFrameSize};
  for (const auto& [digest, piece] : by_digest) {
    objects.push_back({digest, piece.size, static_cast<uint32_t>(pieces.size()), 1});
    pieces.push_back(piece);
  }
  const Bytes index = format::Index(objects, pieces, frames).encode();
  const Bytes contents = base::to_bytes(format::to_json({}));
  const uint64_t contents_offset = offset + format::kMetadataHeaderSize + 2 * format::kSectionEntrySize;
  Bytes tail = format::encode_section_table(
      offset, {{format::SectionType::contents, true, format::Encoding::raw, contents_offset, contents.size(),
                contents.size(), hash::sha256(contents)},
               {format::SectionType::index, true, format::Encoding::raw, contents_offset + contents.size(),
                index.size(), index.size(), hash::sha256(index)}});
  tail.insert(tail.end(), contents.begin(), contents.end());
  tail.insert(tail.end(), index.begin(), index.end());
  format::Trailer trailer;
  trailer.metadata_offset = offset;
  trailer.metadata_size = tail.size();
  trailer.metadata_hash = hash::sha256(tail);
  trailer.payload_size = offset + tail.size() + format::kTrailerSize;
  const Bytes end = format::encode(trailer);
  tail.insert(tail.end(), end.begin(), end.end());
  const CountingFile file(std::move(tail), format::kPayloadOffset + trailer.payload_size);
  const auto reader = open(file);
  CHECK(reader->payload_size() > 20'000'000'000);
  CHECK(reader->objects().size() == 250);
  CHECK(reader->all_frames().size() == 2500);
  CHECK(file.reads() == 2);
  CHECK(file.bytes() < 256 << 10);
  CHECK(reader->find(by_digest.begin()->first)->raw_offset ==
        format::kHeaderSize + by_digest.begin()->second.frame * format::kMaxFrameSize);
}

TEST_CASE("objects in shared frames, across frames, and of several pieces") {
  const auto shared = shared_payload();
  const base::MemoryFile file(shared.builder.build());
  const auto reader = open(file);
  CHECK(reader->verify(2, {}, {})->empty());
  std::vector<std::string> all = shared.texts;
  all.push_back(shared.pieces_text);
  for (const auto& text : all) {
    const Digest digest = hash::sha256(base::as_bytes(text));
    CHECK(base::as_text(*reader->read_all(digest, 1000)) == text);
    CHECK_FALSE(reader->find(digest)->raw_offset);
    for (size_t offset = 0; offset <= text.size(); ++offset) {
      for (size_t count = 0; count <= text.size() - offset; ++count) {
        base::MemorySink sink(1000);
        REQUIRE(reader->read(digest, {offset, count}, sink));
        if (base::as_text(sink.data()) != text.substr(offset, count)) FAIL(text << " " << offset << " " << count);
      }
    }
  }
  std::vector<Digest> digests;
  for (const auto& object : reader->objects()) digests.push_back(object.digest);
  CHECK(reader->verify_objects(digests, 2, {})->empty());
}

TEST_CASE("a shared small frame is decoded once for objects that are read one after the other") {
  const auto shared = shared_payload();
  const Bytes bytes = shared.builder.build();
  CountingFile file(bytes, bytes.size());
  const auto reader = open(file);
  file.reset();
  for (size_t i = 0; i < 20; ++i) REQUIRE(reader->read_all(hash::sha256(base::as_bytes(shared.texts[i])), 1000));
  CHECK(file.reads() == 1);
}

TEST_CASE("a whole object is compared with its name, whatever its frames' hashes say") {
  auto builder = minimal_payload();
  builder.add_raw("these bytes");
  const Digest name = builder.objects.back().digest = hash::sha256(base::as_bytes("other bytes"));
  const base::MemoryFile file(builder.build());
  const auto reader = open(file);
  CHECK(reader->verify(1, {}, {})->empty());  // each stored byte is as written
  const auto read = reader->read_all(name, 100);
  REQUIRE_FALSE(read);
  CHECK(read.error().code == ErrorCode::corrupt);
  CHECK(read.error().text() == "object " + name.text() + " does not have the bytes that its name says");
  const auto damage = reader->verify_objects(std::vector{name, builder.objects.front().digest}, 2, {});
  REQUIRE(damage);
  REQUIRE(damage->size() == 1);
  CHECK(damage->front().where == "object " + name.text());
  CHECK(damage->front().offset == builder.frames.back().offset);
}

TEST_CASE("a part of an object is read from frames whose hashes hold, and from no others") {
  for (const size_t damaged : {0U, 1U, 2U}) {  // the raw frame, and two zstd frames, which may or may not still decode
    const auto shared = shared_payload();
    Bytes bytes = shared.builder.build();
    const auto& frame = shared.builder.frames[damaged];
    bytes[frame.offset + frame.stored_size - 2] ^= std::byte{1};
    const base::MemoryFile file(std::move(bytes));
    const auto reader = open(file);
    const Digest digest =
        hash::sha256(base::as_bytes(shared.pieces_text));  // bytes 0-4: frame 0, 5-14: 1, 15-24: 2, 25-29: 0
    for (const auto& [offset, within] :
         {std::pair{1U, 0U}, std::pair{6U, 1U}, std::pair{16U, 2U}, std::pair{26U, 0U}}) {
      INFO("frame " << damaged << " is damaged, offset " << offset);
      for (int again = 0; again < 2; ++again) {  // rejected bytes are not cached as good
        base::MemorySink sink(100);
        const auto read = reader->read(digest, {offset, 3}, sink);
        if (within != damaged) {
          REQUIRE(read);
          CHECK(base::as_text(sink.data()) == shared.pieces_text.substr(offset, 3));
          continue;
        }
        REQUIRE_FALSE(read);
        CHECK(sink.data().empty());
        CHECK(read.error().code == ErrorCode::corrupt);
        CHECK(
            read.error().text() ==
            base::format(
                "the file is damaged at payload offset {} ({} bytes); copy it again, `verify` lists all damage (while reading object {})",
                frame.offset, frame.stored_size, digest.text()));
      }
    }
  }
}

TEST_CASE("an object is served in place only where its bytes lie raw and in one piece") {
  auto builder = minimal_payload();
  const auto object = [&](std::string_view text, std::vector<format::IndexPiece> pieces) {
    const Digest digest = hash::sha256(base::as_bytes(text));
    builder.objects.push_back({digest, text.size(), 0, static_cast<uint32_t>(pieces.size())});
    builder.pieces.insert(builder.pieces.end(), pieces.begin(), pieces.end());
    return digest;
  };
  builder.add_raw("first");   // frame 1
  builder.add_raw("second");  // frame 2, right after it
  builder.add_padding(1);
  builder.add_raw("third");  // frame 3, not contiguous
  const Bytes stored = *codec::ZstdCompressor(3).compress(base::as_bytes("fourth"));
  builder.frames.push_back(
      {format::kHeaderSize + builder.data.size(), stored.size(), 6, format::Encoding::zstd, hash::sha256(stored)});
  builder.data.insert(builder.data.end(), stored.begin(), stored.end());
  const Digest neighbours = object("rstsec", {{1, 2, 6}});
  const Digest with_gap = object("condthi", {{2, 2, 7}});
  const Digest with_zstd = object("irdfour", {{3, 2, 7}});
  const Digest compressed = object("fourth", {{4, 0, 6}});
  const Digest two_pieces = object("firstcond", {{1, 0, 5}, {2, 2, 4}});
  const base::MemoryFile file(builder.build());
  const auto reader = open(file);
  REQUIRE(reader->verify_objects(std::vector{neighbours, with_gap, with_zstd, compressed, two_pieces}, 1, {})->empty());
  REQUIRE(reader->find(neighbours)->raw_offset == builder.frames[1].offset + 2);
  Bytes in_place(6);
  REQUIRE(file.read_at(builder.frames[1].offset + 2, in_place));
  CHECK(base::as_text(in_place) == "rstsec");
  for (const auto& digest : {with_gap, with_zstd, compressed, two_pieces}) {
    INFO(digest.text());
    CHECK_FALSE(reader->find(digest)->raw_offset);
  }
}

TEST_CASE("padding is zero: bytes that only equal each other are not") {
  auto builder = minimal_payload();
  std::ranges::fill(builder.data.begin() + 12, builder.data.end(), std::byte{0x20});
  const base::MemoryFile file(builder.build());
  const auto damage = open(file)->verify(1, {}, {});
  REQUIRE(damage);
  REQUIRE(damage->size() == 1);
  CHECK(damage->front().where == "padding");
  CHECK(damage->front().offset == 76);
  CHECK(damage->front().error.text() == "the padding is not zero at file offset 76");
}

TEST_CASE("limits and absences of reads") {
  const base::MemoryFile file(minimal_payload().build());
  const auto reader = open(file);
  const Digest digest = hash::sha256(base::as_bytes("hello, site\n"));
  CHECK(reader->read_all(digest, 11).error().code == ErrorCode::limit_exceeded);
  CHECK(reader->read_all(Digest{}, 11).error().code == ErrorCode::not_found);
  CHECK(reader->read_tree("hello.text", 100).error().code == ErrorCode::not_found);
  CHECK(base::as_text(*reader->read_tree("hello.txt", 12)) == "hello, site\n");
  CHECK_FALSE(reader->find(Digest{}));
  base::FunctionSink full([](ByteView) { return fail(ErrorCode::no_space, "full"); });
  CHECK(reader->read(digest, {}, full).error().code == ErrorCode::no_space);
  CancelSource cancel;
  cancel.cancel();
  CHECK(reader->verify(2, {}, cancel.token()).error().code == ErrorCode::cancelled);
}

TEST_CASE("unknown optional sections and signatures are skipped, and belong to the skeleton") {
  auto builder = minimal_payload();
  builder.add_padding(32);
  const Bytes parity(16);
  builder.outside.push_back(
      {format::SectionType::parity, false, static_cast<format::Encoding>(9), 64 + 40, 16, 16, hash::sha256(parity)});
  builder.more_sections.push_back(
      {{static_cast<format::SectionType>(777), false, format::Encoding::raw, 0, 0, 3, {}}, base::to_bytes("abc")});
  builder.signatures = base::to_bytes("a signature of some kind");
  const base::MemoryFile file(builder.build());
  const auto reader = open(file);
  CHECK(reader->verify(1, {}, {})->empty());
  uint64_t covered = 0;
  for (const auto& range : reader->skeleton()) covered += range.size;
  for (const auto& frame : reader->all_frames()) covered += frame.stored_size;
  CHECK(covered == reader->payload_size());
}

TEST_CASE("a newer minor version is read") {
  auto builder = minimal_payload();
  builder.edit_trailer = [](Bytes& bytes) {
    PayloadBuilder::put(bytes, 86, uint16_t{7});
    PayloadBuilder::put(bytes, 64, uint64_t{1});  // a field unknown to this version
  };
  builder.edit_header = [](Bytes& bytes) { PayloadBuilder::put(bytes, 10, uint16_t{7}); };
  builder.edit_table = [](Bytes& bytes) { PayloadBuilder::put(bytes, 10, uint16_t{7}); };
  const base::MemoryFile file(builder.build());
  CHECK(open(file)->verify(1, {}, {})->empty());
}

TEST_CASE("one reader serves many threads") {
  const auto shared = shared_payload();
  const base::MemoryFile file(shared.builder.build());
  const auto reader = open(file);
  std::atomic<int> wrong{0};
  base::parallel_for(2000, 4, [&](size_t i) {
    const auto& text = shared.texts[i % shared.texts.size()];
    const auto bytes = reader->read_all(hash::sha256(base::as_bytes(text)), 1000);
    if (!bytes || base::as_text(*bytes) != text) ++wrong;
  });
  CHECK(wrong == 0);
}

TEST_CASE("verification tells how far it is, to the end") {
  const Bytes bytes = minimal_payload().build();
  const base::MemoryFile file(bytes);
  const auto reader = open(file);
  uint64_t last = 0;
  REQUIRE(reader->verify(3,
                         [&](format::VerifyProgress at) {
                           CHECK(at.done > last);
                           CHECK(at.total == bytes.size());
                           last = at.done;
                         },
                         {}));
  CHECK(last == bytes.size());
}

TEST_CASE("an object that would be decoded for hours is refused") {
  const std::string plain(size_t{8} << 20, 'x');
  const auto with_pieces = [&](uint32_t count, uint64_t each) {
    PayloadBuilder builder = minimal_payload();
    codec::ZstdCompressor compressor(1);
    const auto stored = compressor.compress(base::as_bytes(plain));
    REQUIRE(stored);
    builder.frames.push_back({format::kHeaderSize + builder.data.size(), stored->size(), plain.size(),
                              format::Encoding::zstd, hash::sha256(*stored)});
    builder.data.insert(builder.data.end(), stored->begin(), stored->end());
    builder.objects.push_back({hash::sha256(base::as_bytes("any")), count * each, 0, count});
    for (uint32_t i = 0; i < count; ++i) builder.pieces.push_back({1, 0, each});
    const base::MemoryFile file(builder.build());
    const auto reader = format::PayloadReader::open(file);
    return reader ? std::string() : reader.error().text();
  };
  CHECK(with_pieces(8, 1).empty());  // 64 MiB, whatever the size
  CHECK(with_pieces(9, 1).contains("object sha256:"));
  CHECK(with_pieces(9, 1).contains("has 9 bytes, and 75497472 would have to be decoded for them"));
  CHECK(with_pieces(1000, plain.size() / 64).empty());
  CHECK(with_pieces(1000, plain.size()).empty());
}

TEST_CASE("names come without what moves a terminal's cursor") {
  PayloadBuilder builder = minimal_payload();
  builder.contents = R"({"name":"a\u001b[2J","version":"1"})";
  const base::MemoryFile file(builder.build());
  const auto reader = format::PayloadReader::open(file);
  REQUIRE(reader);
  CHECK((*reader)->artifact_name() == "a\\x1b[2J 1");
}
