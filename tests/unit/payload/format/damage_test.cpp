// SPDX-License-Identifier: Apache-2.0
//
// What happens to a payload in transit: flipped bits, missing ends, missing beginnings. No damage may go unnoticed.
#include <catch2/catch_test_macros.hpp>

#include "payload/format/reader.h"
#include "tests/support/payload_builder.h"

using namespace sealift;
using namespace sealift::tests;

namespace {

// True if opening or verifying finds something; also reads everything, which must not crash.
bool noticed(const base::RandomAccessFile& file) {
  auto reader = format::PayloadReader::open(file);
  if (!reader) return true;
  auto damage = (*reader)->verify(1, {}, {});
  REQUIRE(damage);
  for (const auto& object : (*reader)->objects()) {
    base::FunctionSink sink([](ByteView) { return Result<void>{}; });
    static_cast<void>((*reader)->read(object.digest, {}, sink));
  }
  return !damage->empty();
}

ErrorCode error_of(const base::RandomAccessFile& file) {
  auto reader = format::PayloadReader::open(file);
  return reader ? ErrorCode::internal : reader.error().code;
}

PayloadBuilder with_stub(std::string_view stub) {
  auto builder = minimal_payload();
  const auto reference = builder.add_raw(stub);
  auto contents = format::parse_contents(builder.contents);
  REQUIRE(contents);
  contents->stubs = {{Architecture::arm64, reference}};
  builder.contents = format::to_json(*contents);
  return builder;
}

// A whole file in memory with one byte changed on reading: no copy per flip.
class FlippedFile final : public base::RandomAccessFile {
 public:
  FlippedFile(const Bytes& data, size_t at, std::byte mask) : data_(&data), at_(at), mask_(mask) {}
  base::ByteCount size() const override { return data_->size(); }
  Result<void> read_at(base::FileOffset offset, std::span<std::byte> buffer) const override {
    if (offset > data_->size() || buffer.size() > data_->size() - offset) return fail(ErrorCode::truncated, "end");
    std::ranges::copy(ByteView(*data_).subspan(offset, buffer.size()), buffer.begin());
    if (at_ >= offset && at_ - offset < buffer.size()) buffer[at_ - offset] ^= mask_;
    return {};
  }

 private:
  const Bytes* data_;
  size_t at_;
  std::byte mask_;
};

}  // namespace

TEST_CASE("every flipped bit of a minimal payload is noticed") {
  const Bytes bytes = minimal_payload().build();
  REQUIRE_FALSE(noticed(base::MemoryFile(bytes)));
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      if (!noticed(FlippedFile(bytes, at, static_cast<std::byte>(1U << bit)))) FAIL("bit " << bit << " of byte " << at);
    }
  }
}

TEST_CASE("every changed byte of an artifact's stub is noticed, and those of its padding") {
  const std::string stub(300, 's');
  const Bytes bytes = with_head(stub, with_stub(stub).build());
  REQUIRE_FALSE(noticed(base::MemoryFile(bytes)));
  std::vector<size_t> places;
  for (size_t i = 0; i < stub.size() + 20; ++i) places.push_back(i);
  for (size_t i = 0; i < 200; ++i) places.push_back(stub.size() + i * 83777);
  for (size_t i = 0; i < 20; ++i) places.push_back(format::kPayloadOffset - 1 - i);
  for (size_t i = format::kPayloadOffset; i < bytes.size(); ++i) places.push_back(i);
  for (const size_t at : places) {
    if (!noticed(FlippedFile(bytes, at, std::byte{0xff}))) FAIL("byte " << at);
  }
}

TEST_CASE("a payload cut at any length says so") {
  const Bytes bytes = minimal_payload().build();
  for (size_t length = 0; length < bytes.size(); ++length) {
    const ErrorCode code =
        error_of(base::MemoryFile(Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length))));
    INFO(length);
    CHECK(code == (length < format::kHeaderSize ? ErrorCode::not_a_payload : ErrorCode::truncated));
  }
}

TEST_CASE("an artifact cut within its payload says so, one cut before it is none") {
  const std::string stub(300, 's');
  const Bytes bytes = with_head(stub, with_stub(stub).build());
  for (size_t length = format::kPayloadOffset; length < bytes.size(); length += 7) {
    Bytes cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length));
    const ErrorCode code = error_of(base::MemoryFile(std::move(cut)));
    INFO(length);
    CHECK(code ==
          (length < format::kPayloadOffset + format::kHeaderSize ? ErrorCode::not_a_payload : ErrorCode::truncated));
  }
  CHECK(error_of(base::MemoryFile(Bytes(bytes.begin(), bytes.begin() + 5000))) == ErrorCode::not_a_payload);
}

TEST_CASE("bytes missing or added in front, or added behind") {
  const Bytes bytes = minimal_payload().build();
  CHECK(error_of(base::MemoryFile(Bytes(bytes.begin() + 1, bytes.end()))) == ErrorCode::truncated);
  Bytes shifted(1);
  shifted.insert(shifted.end(), bytes.begin(), bytes.end());
  CHECK(error_of(base::MemoryFile(shifted)) == ErrorCode::corrupt);
  Bytes longer = bytes;
  longer.push_back(std::byte{0});
  CHECK(error_of(base::MemoryFile(longer)) == ErrorCode::truncated);
}

TEST_CASE("an artifact whose head is another program than its stub") {
  const std::string stub(300, 's');
  const base::MemoryFile file(with_head(std::string(300, 't'), with_stub(stub).build()));
  auto reader = format::PayloadReader::open(file);
  REQUIRE(reader);
  auto damage = (*reader)->verify(2, {}, {});
  REQUIRE(damage);
  REQUIRE(damage->size() == 1);
  CHECK(damage->front().where == "head");
}

TEST_CASE("damage names the object and the offset, and the rest can still be read") {
  auto builder = minimal_payload();
  const auto image_layer = builder.add_raw("a layer");
  auto contents = format::parse_contents(builder.contents);
  REQUIRE(contents);
  contents->images.push_back({"registry.example/app:1",
                              image_layer,
                              "x",
                              {{Architecture::amd64, image_layer, "m", image_layer, {image_layer}}}});
  contents->images.back().root = contents->tree["hello.txt"].object;
  contents->images.back().platforms[0].manifest = contents->images.back().root;
  contents->images.back().platforms[0].config = contents->images.back().root;
  builder.contents = format::to_json(*contents);
  Bytes bytes = builder.build();
  const uint64_t offset = builder.frames.back().offset;
  bytes[offset] ^= std::byte{1};
  const base::MemoryFile file(bytes);
  auto reader = format::PayloadReader::open(file);
  REQUIRE(reader);
  auto damage = (*reader)->verify(2, {}, {});
  REQUIRE(damage);
  REQUIRE(damage->size() == 1);
  CHECK(damage->front().where == "a layer of image registry.example/app:1");
  CHECK(damage->front().offset == offset);
  CHECK(damage->front().error.code == ErrorCode::corrupt);
  const auto read = (*reader)->read_all(image_layer.digest, 100);
  REQUIRE_FALSE(read);
  CHECK(read.error().code == ErrorCode::corrupt);
  CHECK(read.error().text().find(image_layer.digest.hex()) != std::string::npos);
  CHECK((*reader)->read_tree("hello.txt", 100));
}
