// SPDX-License-Identifier: Apache-2.0
#include "payload/base/bytes.h"

#include <catch2/catch_test_macros.hpp>

#include <limits>

#include "payload/base/checked.h"
#include "payload/base/stream.h"

using namespace sealift;
using namespace sealift::base;

TEST_CASE("what the writer writes the reader reads, little-endian") {
  ByteWriter out;
  out.u8(0x01);
  out.u16(0x0302);
  out.u32(0x07060504);
  out.u64(0x0f0e0d0c0b0a0908);
  out.text("abc");
  out.zeros(2);
  const Bytes data = out.take();
  REQUIRE(data.size() == 15 + 4 + 3 + 2);
  for (size_t i = 0; i < 15; ++i) CHECK(std::to_integer<size_t>(data[i]) == i + 1);
  ByteReader in(data);
  CHECK(*in.u8() == 0x01);
  CHECK(*in.u16() == 0x0302);
  CHECK(*in.u32() == 0x07060504);
  CHECK(*in.u64() == 0x0f0e0d0c0b0a0908);
  CHECK(*in.text(3) == "abc");
  CHECK(in.expect_end().error().code == ErrorCode::corrupt);
  CHECK(in.bytes(2)->size() == 2);
  CHECK(in.expect_end());
}

TEST_CASE("no read passes the end, and a failed read moves nothing") {
  const Bytes data = to_bytes("abc");
  ByteReader in(data);
  CHECK(in.u32().error().code == ErrorCode::truncated);
  CHECK(in.bytes(std::numeric_limits<size_t>::max()).error().code == ErrorCode::truncated);
  CHECK(in.position() == 0);
  auto sub = in.sub(2);
  REQUIRE(sub);
  CHECK(sub->bytes(2)->size() == 2);
  CHECK(sub->u8().error().code == ErrorCode::truncated);
  CHECK(in.left() == 1);
}

TEST_CASE("texts are bounded by their limit before their length is believed") {
  ByteWriter out;
  out.u32(0xffffffff);
  ByteReader in(out.data());
  CHECK(in.text(100).error().code == ErrorCode::limit_exceeded);
  ByteWriter cut;
  cut.u32(4);
  cut.u8('a');
  ByteReader cut_reader(cut.data());
  CHECK(cut_reader.text(100).error().code == ErrorCode::truncated);
}

TEST_CASE("checked arithmetic") {
  constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();
  CHECK(*checked_add(uint64_t{1}, uint64_t{2}) == 3);
  CHECK(checked_add(kMax, uint64_t{1}).error().code == ErrorCode::limit_exceeded);
  CHECK(range_within(0, 0, 0));
  CHECK(range_within(5, 5, 10));
  CHECK_FALSE(range_within(5, 6, 10));
  CHECK_FALSE(range_within(11, 0, 10));
  CHECK_FALSE(range_within(5, kMax, 10));
}

TEST_CASE("streams in memory") {
  const Bytes data = to_bytes(std::string(600000, 'x'));
  MemorySource source(data);
  MemorySink sink(data.size());
  CHECK(*copy(source, sink) == data.size());
  CHECK(sink.data() == data);
  MemorySource again(data);
  CHECK(read_all(again, data.size() - 1).error().code == ErrorCode::limit_exceeded);
  MemorySource third(data);
  FunctionSink refusing([](ByteView) { return fail(ErrorCode::no_space, "full"); });
  CHECK(copy(third, refusing).error().code == ErrorCode::no_space);
}
