// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/adopt.h"

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>

#include "payload/base/file.h"
#include "payload/format/reader.h"
#include "runtime/host/payload_store.h"
#include "tests/support/payload_builder.h"
#include "tests/support/temporary_folder.h"

using namespace sealift;

namespace {

// Two versions of an artifact; each object is one frame.
struct Versions {
  tests::TemporaryFolder folder;
  std::string former = folder / "a.payload", now = folder / "b.payload";
  Bytes former_bytes = payload({"kept", "gone"}), now_bytes = payload({"new", "kept", "also new"});

  static Bytes payload(const std::vector<std::string>& objects) {
    tests::PayloadBuilder builder;
    format::Contents contents;
    contents.name = "shop";
    for (const auto& object : objects) contents.tree["files/" + object] = {builder.add_raw(object), 0644};
    builder.contents = format::to_json(contents);
    return builder.build();
  }

  void store(const std::string& path, const Bytes& bytes, bool with_frames) const {
    const base::MemoryFile file(bytes);
    const auto reader = format::PayloadReader::open(file);
    REQUIRE(reader);
    auto out = host::PayloadStore::open(path, bytes.size());
    REQUIRE(out);
    const auto put = [&](uint64_t offset, uint64_t size) {
      REQUIRE((*out)->write(offset, ByteView(bytes).subspan(offset, size)));
    };
    for (const auto& range : (*reader)->skeleton()) put(range.offset, range.size);
    if (!with_frames) return;
    for (const auto& frame : (*reader)->all_frames()) put(frame.offset, frame.stored_size);
    REQUIRE((*out)->finish());
  }
  format::Frame frame_of(std::string_view object) const {
    const base::MemoryFile file(now_bytes);
    return (*format::PayloadReader::open(file))
        ->frames_of(std::vector{hash::sha256(base::as_bytes(object))})
        .value()
        .front();
  }
  std::set<uint64_t> all() const {
    return {frame_of("new").offset, frame_of("kept").offset, frame_of("also new").offset};
  }
  bool has(std::string_view object) const {
    const auto frame = frame_of(object);
    return host::read_stored_pieces(now)->covers(frame.offset, frame.stored_size);
  }
};

}  // namespace

TEST_CASE("adopting: what the former version has is copied, once, and nothing else") {
  const Versions here;
  here.store(here.former, here.former_bytes, true);
  here.store(here.now, here.now_bytes, false);
  const auto copied = node::adopt_frames(here.now, here.all());
  if (!copied) FAIL(copied.error().text());
  CHECK(*copied == 4);
  CHECK(here.has("kept"));
  CHECK_FALSE(here.has("new"));
  CHECK_FALSE(here.has("also new"));
  const auto text = base::read_file(here.now, here.now_bytes.size());
  REQUIRE(text);
  const auto frame = here.frame_of("kept");
  CHECK(base::as_text(ByteView(*text).subspan(frame.offset, frame.stored_size)) == "kept");
  CHECK(*node::adopt_frames(here.now, here.all()) == 0);
}

TEST_CASE("adopting: only what is wanted, and while another process fills the same payload") {
  const Versions here;
  here.store(here.former, here.former_bytes, true);
  here.store(here.now, here.now_bytes, false);
  CHECK(*node::adopt_frames(here.now, {here.frame_of("new").offset}) == 0);
  auto filling = host::PayloadStore::open(here.now, here.now_bytes.size());
  REQUIRE(filling);
  CHECK(*node::adopt_frames(here.now, here.all()) == 4);
  for (const auto* object : {"new", "also new"}) {
    const auto frame = here.frame_of(object);
    REQUIRE((*filling)->write(frame.offset, ByteView(here.now_bytes).subspan(frame.offset, frame.stored_size)));
  }
  REQUIRE((*filling)->finish());
  CHECK(host::read_stored_pieces(here.now)->complete);
  CHECK(*base::read_file(here.now, here.now_bytes.size()) == here.now_bytes);
}

TEST_CASE("adopting: damaged bytes, and payloads that can't be read, are passed over") {
  const Versions here;
  here.store(here.former, here.former_bytes, true);
  here.store(here.now, here.now_bytes, false);
  std::ofstream(here.folder / "0.payload") << "no payload";
  {
    const base::MemoryFile file(here.former_bytes);
    const auto frames =
        (*format::PayloadReader::open(file))->frames_of(std::vector{hash::sha256(base::as_bytes("kept"))});
    std::filesystem::permissions(here.former, std::filesystem::perms::owner_all);
    std::fstream out(here.former, std::ios::in | std::ios::out | std::ios::binary);
    out.seekp(static_cast<std::streamoff>(frames->front().offset));
    out.put('K');
  }
  const auto copied = node::adopt_frames(here.now, here.all());
  REQUIRE(copied);
  CHECK(*copied == 0);
  CHECK_FALSE(here.has("kept"));
}

TEST_CASE("adopting: a list of offsets is read strictly") {
  CHECK(*node::offsets_of("64\n4096\n") == std::set<uint64_t>{64, 4096});
  CHECK(node::offsets_of("")->empty());
  for (const auto* bad : {"64\nabc\n", "-1\n", "64 \n"})
    CHECK(node::offsets_of(bad).error().code == ErrorCode::protocol);
}
