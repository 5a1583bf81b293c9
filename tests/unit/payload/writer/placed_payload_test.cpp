// SPDX-License-Identifier: Apache-2.0
// Objects that are announced to the writer and arrive once everything has its place.
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "payload/base/format.h"
#include "payload/base/thread.h"
#include "tests/support/payload_builder.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/payload/writer/made_payload.h"

using namespace sealift;
using namespace sealift::tests;

TEST_CASE("what is announced and comes later lies where it would lie if it had been there at once") {
  const TemporaryFolder folder;
  auto list = inputs();
  list.push_back({"", {}, Storage::raw});  // the tree's empty file once more
  list.push_back({"", prose(9 * kMiB, 21), Storage::raw});
  list.push_back({"same", prose(9 * kMiB, 21), Storage::automatic});
  list.push_back({"", prose(2000, 22), Storage::raw});
  const auto expected_path = folder / "expected", path = folder / "announced";
  make(expected_path, list, {}, true);
  auto payload_writer = must(PayloadWriter::create(path, {}));
  format::Contents contents;
  contents.name = "shop";
  std::map<Digest, ByteView> wanted;
  for (size_t i = list.size(); i-- > 0;) {
    const auto& input = list[i];
    const format::ObjectRef known{hash::sha256(input.bytes), input.bytes.size()};
    if (input.storage == Storage::raw) {
      if (payload_writer->reserve(known)) wanted[known.digest] = input.bytes;
      continue;
    }
    const auto reference = must(payload_writer->add(origin_of(input.bytes), input.storage));
    contents.tree[input.path] = {reference, 0644};
    if (input.path == "stub") contents.stubs = {{Architecture::amd64, reference}};
  }
  CHECK(wanted.size() == 6);
  const auto placed = must(payload_writer->place(contents, Architecture::amd64, base::no_events()));
  const std::vector<std::pair<Digest, ByteView>> jobs(wanted.begin(), wanted.end());
  base::parallel_for(jobs.size(), 4, [&](size_t i) {
    DrippingSource source(jobs[i].second);
    if (!placed->fill(jobs[i].first,
                      [&](base::Sink& sink) { return base::copy(source, sink).transform([](uint64_t) {}); }))
      std::abort();
  });
  for (const auto& [digest, bytes] : wanted) {
    const auto stored = placed->stored(digest);
    REQUIRE(stored);
    CHECK(std::ranges::equal(must(base::read_all(*stored, 100 * kMiB)), bytes));
  }
  CHECK_FALSE(placed->stored(hash::sha256(list[3].bytes)));  // shares a compressed frame with others
  must(placed->finish({}, base::no_events()));
  CHECK(hash::sha256(file_bytes(path)) == hash::sha256(file_bytes(expected_path)));

  SECTION("what a base has is not asked for") {
    const auto file = must(base::OpenFile::open(path));
    const auto reader = must(format::PayloadReader::open(*file));
    auto above = must(PayloadWriter::create(folder / "above", {}));
    must(above->add_base(*reader));
    for (const auto& [digest, bytes] : wanted) CHECK_FALSE(above->reserve({digest, bytes.size()}));
  }
}

TEST_CASE("announced bytes that are others, fewer or more, and those that never come, make no file") {
  const TemporaryFolder folder;
  const Bytes bytes = noise(9 * kMiB, 31);
  const Digest digest = hash::sha256(bytes);
  auto other = bytes;
  other.back() ^= std::byte{1};
  auto more = bytes;
  more.push_back(std::byte{1});
  const auto placed_with = [&] {
    auto payload_writer = must(PayloadWriter::create(folder / "a", {}));
    CHECK(payload_writer->reserve({digest, bytes.size()}));
    return must(payload_writer->place({}, std::nullopt, base::no_events()));
  };
  const auto give = [](ByteView data) { return [data](base::Sink& sink) { return sink.write(data); }; };
  for (const auto& [given, why] :
       {std::pair{ByteView(other), base::format("{} was expected", digest.text())},
        {ByteView(more), std::string("more bytes came than the 9437184")},
        {ByteView(bytes).first(bytes.size() - 1), std::string("9437183 bytes came of the 9437184")}}) {
    const auto placed = placed_with();
    const auto refused = placed->fill(digest, give(given));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::corrupt);
    CHECK(refused.error().what.contains(why));
    CHECK(placed->finish({}, base::no_events()).error().code == ErrorCode::internal);
  }
  const auto placed = placed_with();
  CHECK(placed->fill(Digest{}, give(bytes)).error().code == ErrorCode::internal);
  CHECK(placed->finish({}, base::no_events()).error().text().contains(digest.text()));
  must(placed->fill(digest, give(bytes)));
  CHECK(placed->fill(digest, give(bytes)).error().code == ErrorCode::internal);
  CHECK(folder.empty());
}

TEST_CASE("an object that another payload has is taken over from there, and compared") {
  const TemporaryFolder folder;
  const Bytes large = noise(9 * kMiB + 5, 51), one_frame = noise(70'000, 52), compressed = prose(9 * kMiB, 53), empty;
  const auto other_path = folder / "other", whole_path = folder / "whole", path = folder / "a";
  make(other_path,
       {{"before", prose(3 * kMiB, 54), Storage::automatic},
        {"", large, Storage::raw},
        {"", one_frame, Storage::raw},
        {"", empty, Storage::raw},
        {"c", compressed, Storage::automatic}},
       {}, false);
  const auto place = [&](const std::string& to) {
    auto payload_writer = must(PayloadWriter::create(to, {}));
    for (const auto* bytes : {&large, &one_frame, &compressed, &empty})
      CHECK(payload_writer->reserve({hash::sha256(*bytes), bytes->size()}));
    return must(payload_writer->place({}, std::nullopt, base::no_events()));
  };
  const auto give = [](ByteView data) { return [data](base::Sink& sink) { return sink.write(data); }; };
  const auto whole = place(whole_path);
  for (const auto* bytes : {&large, &one_frame, &compressed, &empty})
    must(whole->fill(hash::sha256(*bytes), give(*bytes)));
  must(whole->finish({}, base::no_events()));

  auto other_bytes = file_bytes(other_path);
  const auto file = must(base::OpenFile::open(other_path));
  const auto other = must(format::PayloadReader::open(*file));
  const auto damage = [&](ByteView object) {
    auto bytes = other_bytes;
    bytes[other->payload_offset() + *other->find(hash::sha256(object))->raw_offset + object.size() / 2] ^= std::byte{1};
    return base::MemoryFile(std::move(bytes));
  };
  const auto placed = place(path);
  for (const auto* bytes : {&large, &one_frame}) {
    const auto damaged_file = damage(*bytes);
    const auto damaged = must(format::PayloadReader::open(damaged_file));
    CHECK(placed->take_over(hash::sha256(*bytes), *damaged).error().code == ErrorCode::corrupt);
  }
  for (const auto* bytes : {&large, &one_frame, &empty}) CHECK(must(placed->take_over(hash::sha256(*bytes), *other)));
  CHECK_FALSE(must(placed->take_over(hash::sha256(compressed), *other)));
  CHECK_FALSE(must(placed->take_over(Digest{}, *other)));
  must(placed->fill(hash::sha256(compressed), give(compressed)));
  must(placed->finish({}, base::no_events()));
  CHECK(hash::sha256(file_bytes(path)) == hash::sha256(file_bytes(whole_path)));
}

TEST_CASE("an object that another payload cuts into other frames is taken over with hashes of its own") {
  const TemporaryFolder folder;
  const Bytes large = noise(9 * kMiB + 5, 51);
  const format::ObjectRef object{hash::sha256(large), large.size()};
  PayloadBuilder builder;
  for (size_t at = 0; at < large.size(); at += 5 * kMiB) {
    const ByteView part = ByteView(large).subspan(at, std::min<size_t>(5 * kMiB, large.size() - at));
    builder.frames.push_back(
        {format::kHeaderSize + at, part.size(), part.size(), format::Encoding::raw, hash::sha256(part)});
  }
  builder.data = large;
  builder.add_object(object, 0, 0);
  const base::MemoryFile file(builder.build());
  const auto other = must(format::PayloadReader::open(file));
  const auto made = [&](const std::string& path, const auto& bring) {
    auto payload_writer = must(PayloadWriter::create(path, {}));
    CHECK(payload_writer->reserve(object));
    const auto placed = must(payload_writer->place({}, std::nullopt, base::no_events()));
    bring(*placed);
    must(placed->finish({}, base::no_events()));
    return file_bytes(path);
  };
  const auto filled = made(folder / "filled", [&](writer::PlacedPayload& placed) {
    must(placed.fill(object.digest, [&](base::Sink& sink) { return sink.write(large); }));
  });
  CHECK(made(folder / "taken",
             [&](writer::PlacedPayload& placed) { CHECK(must(placed.take_over(object.digest, *other))); }) == filled);
}

TEST_CASE("every byte is written once") {
  const TemporaryFolder folder;
  const auto written = [] {
    const auto text = must(base::read_text_file("/proc/self/io", 4096));
    const auto at = text.find("wchar: ");
    return std::stoull(text.substr(at + 7));
  };
  const Bytes announced = noise(40 * kMiB, 41), raw = noise(10 * kMiB, 42), large = prose(30 * kMiB, 43);
  std::vector<Bytes> small;
  for (uint32_t i = 0; i < 50; ++i) small.push_back(noise(200'000, 50 + i));
  const auto before = written();
  auto payload_writer = must(PayloadWriter::create(folder / "a", {}));
  payload_writer->reserve({hash::sha256(announced), announced.size()});
  must(payload_writer->add(origin_of(raw), Storage::raw));
  must(payload_writer->add(origin_of(large), Storage::automatic));
  for (const auto& bytes : small) must(payload_writer->add(origin_of(bytes), Storage::automatic));
  const auto placed = must(payload_writer->place({}, std::nullopt, base::no_events()));
  must(placed->fill(hash::sha256(announced), [&](base::Sink& sink) { return sink.write(announced); }));
  const auto summary = must(placed->finish({}, base::no_events()));
  CHECK(summary.file_size > 55 * kMiB);
  CHECK(static_cast<double>(written() - before) <= 1.05 * static_cast<double>(summary.file_size));
}
