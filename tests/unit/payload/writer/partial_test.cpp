// SPDX-License-Identifier: Apache-2.0
// What a writer leaves of announced objects, and what the next one makes of it.
#include "payload/writer/partial.h"

#include <catch2/catch_test_macros.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "tests/support/temporary_folder.h"
#include "tests/unit/payload/writer/made_payload.h"

using namespace sealift;
using namespace sealift::tests;
using namespace sealift::writer;

namespace {

struct Object {
  Bytes bytes;
  Digest digest = hash::sha256(bytes);
};

std::unique_ptr<PlacedPayload> placed(const std::string& path, const std::vector<Object>& objects) {
  auto payload_writer = must(PayloadWriter::create(path, {}));
  for (const auto& object : objects) payload_writer->reserve({object.digest, object.bytes.size()});
  auto partial = must(Partial::open(path, base::no_events()));
  return must(payload_writer->place({}, std::nullopt, base::no_events(), std::move(partial)));
}

// Gives the first `size` bytes, from where they are wanted, in small pieces, and breaks off there.
auto give(const Object& object, size_t size) {
  return [&object, size](base::Sink& sink, uint64_t begin) -> Result<void> {
    while (begin < size) {
      const auto count = std::min<size_t>(10'000, size - begin);
      SEALIFT_TRY(sink.write(ByteView(object.bytes).subspan(begin, count)));
      begin += count;
    }
    if (size < object.bytes.size()) return fail(ErrorCode::unreachable, "broke off");
    return {};
  };
}

uint64_t received(const std::string& path, const Object& object) {
  const auto list = Journal::read(Partial::list_of(path));
  REQUIRE(list);
  REQUIRE(list->blobs.contains(object.digest));
  return list->blobs.at(object.digest).received;
}

}  // namespace

TEST_CASE("what has come of an object is known at every moment, but for the last 256 KiB") {
  const TemporaryFolder folder;
  const Object object{noise(kMiB, 1)};
  const auto path = folder / "a";
  const auto payload = placed(path, {object});
  size_t given = 0;
  const auto done = payload->resume(object.digest, [&](base::Sink& sink, uint64_t) -> Result<void> {
    for (; given < object.bytes.size(); given += 16'384) {
      SEALIFT_TRY(sink.write(ByteView(object.bytes).subspan(given, 16'384)));
      const uint64_t noted = received(path, object);  // as after a SIGKILL
      if (noted > given + 16'384 || noted + 256 * 1024 <= given)
        return fail(ErrorCode::internal, "{} {}", noted, given);
    }
    return {};
  });
  if (!done) FAIL(done.error().text());
}

TEST_CASE("an object goes on where it broke off, and the payload is the one that is written at once") {
  const TemporaryFolder folder;
  const std::vector<Object> objects{{noise(9 * kMiB, 2)}, {noise(3 * kMiB, 3)}, {noise(70'000, 4)}};
  const auto path = folder / "a", whole_path = folder / "whole";
  const size_t cut = 8 * kMiB + 12'345;  // in the second frame
  {
    const auto payload = placed(path, objects);
    CHECK_FALSE(payload->resume(objects[0].digest, give(objects[0], cut)));
    must(payload->resume(objects[1].digest, give(objects[1], objects[1].bytes.size())));
  }
  CHECK(Partial::waiting_for(path) == cut + objects[1].bytes.size());
  {
    const auto payload = placed(path, objects);
    CHECK(payload->found(objects[0].digest) == cut);
    CHECK(must(payload->resume(objects[0].digest, [&](base::Sink& sink, uint64_t begin) {
            CHECK(begin == cut);
            return give(objects[0], objects[0].bytes.size())(sink, begin);
          })) == cut);
    must(payload->resume(objects[1].digest, [](base::Sink&, uint64_t) -> Result<void> {
      return fail(ErrorCode::internal, "nothing of it is missing");
    }));
    must(payload->resume(objects[2].digest, give(objects[2], objects[2].bytes.size())));
    must(payload->finish({}, base::no_events()));
  }
  {
    const auto payload = placed(whole_path, objects);
    for (const auto& object : objects) must(payload->resume(object.digest, give(object, object.bytes.size())));
    must(payload->finish({}, base::no_events()));
  }
  CHECK(hash::sha256(file_bytes(path)) == hash::sha256(file_bytes(whole_path)));
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 2);
}

TEST_CASE("around what is kept, nothing of the older file stays") {
  const TemporaryFolder folder;
  const std::vector<Object> objects{{noise(3 * kMiB, 5)}, {noise(2 * kMiB + 7, 6)}};
  const auto path = folder / "a";
  {
    const auto payload = placed(path, objects);
    for (const auto& object : objects) must(payload->resume(object.digest, give(object, object.bytes.size())));
  }
  auto list = *Journal::read(Partial::list_of(path));
  // rubbish in the gaps, behind the end and in what has not come
  const auto fd = must(base::open_file(Partial::path_of(path), O_RDWR));
  const Bytes rubbish(std::filesystem::file_size(Partial::path_of(path)) + 100'000, std::byte{0xAA});
  const Bytes kept = file_bytes(Partial::path_of(path));
  must(base::pwrite_all(fd.get(), 0, rubbish));
  const auto& first = list.blobs.at(objects[0].digest);
  must(base::pwrite_all(fd.get(), first.offset, ByteView(kept).subspan(first.offset, first.size)));
  list.blobs.at(objects[1].digest).received = 0;
  must(Journal::create(Partial::list_of(path), list.blobs));
  const auto payload = placed(path, objects);
  const auto now = file_bytes(Partial::path_of(path));
  REQUIRE(now.size() == first.offset + first.size);
  CHECK(std::ranges::all_of(ByteView(now).first(first.offset), [](std::byte b) { return b == std::byte{}; }));
  CHECK(std::ranges::equal(ByteView(now).subspan(first.offset), objects[0].bytes));
}

TEST_CASE("a list is read as far as it makes sense, however it was torn") {
  const TemporaryFolder folder;
  const auto path = folder / "list";
  const Object one{noise(10, 7)}, two{noise(11, 8)};
  const std::map<Digest, Remains> blobs{{one.digest, {65536, 10, 10}}, {two.digest, {131072, 11, 3}}};
  must(Journal::create(path, blobs)).note(two.digest, 5);
  const auto whole = must(base::read_text_file(path, 10'000));
  auto expected = blobs;
  expected.at(two.digest).received = 5;
  CHECK(Journal::read(path)->blobs == expected);
  CHECK(Journal::read(path)->process == static_cast<uint64_t>(::getpid()));
  for (size_t size = 0; size < whole.size(); size += size % 128 < 100 ? 7 : 1) {
    must(base::write_file_atomic(path, base::as_bytes(whole.substr(0, size)), 0600));
    const auto read = Journal::read(path);
    if (!read) continue;
    for (const auto& [digest, blob] : read->blobs) {
      CHECK(expected.at(digest).offset == blob.offset);
      CHECK(expected.at(digest).size == blob.size);
      CHECK(blob.received <= expected.at(digest).received);
    }
  }
  const auto reads = [&](const std::string& line) {
    must(base::write_file_atomic(path, base::as_bytes("sealift.partial 1 7\n" + line + "\n"), 0600));
    return !Journal::read(path)->blobs.empty();
  };
  const auto digest = one.digest.text();
  CHECK(reads(digest + " 1 2 2"));
  for (const auto* rest :
       {" 1 2 3", " 1 2", " 1 2 2 2", " -1 2 2", " 1 2 x", " 18446744073709551615 2 2", "0 1 2 2", ""})
    CHECK_FALSE(reads(digest + rest));
  must(base::write_file_atomic(path, base::as_bytes("sealift.partial 2 7\n" + digest + " 1 2 2\n"), 0600));
  CHECK_FALSE(Journal::read(path));
  CHECK_FALSE(Journal::read(folder / "nothing"));
}
