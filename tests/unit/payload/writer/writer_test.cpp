// SPDX-License-Identifier: Apache-2.0
#include "payload/writer/writer.h"
#include "payload/base/format.h"

#include <catch2/catch_test_macros.hpp>

#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <mutex>
#include <random>
#include <set>

#include "payload/base/thread.h"
#include "payload/format/index.h"
#include "payload/format/layout.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/payload/writer/made_payload.h"

using namespace sealift;
using namespace sealift::tests;
using sealift::base::as_bytes;

TEST_CASE("what is written is read back, as artifact and as bare payload") {
  const TemporaryFolder folder;
  for (const bool artifact : {false, true}) {
    const std::string path = folder / (artifact ? "a.run" : "a.payload");
    const auto made = make(path, inputs(), {}, artifact);
    struct stat status{};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == (artifact ? 0755 : 0644));
    CHECK(static_cast<uint64_t>(status.st_size) == made.summary.file_size);
    const auto file = must(base::OpenFile::open(path));
    const auto reader = must(format::PayloadReader::open(*file));
    CHECK(reader->payload_offset() == (artifact ? format::kPayloadOffset : 0));
    CHECK(reader->identity() == made.summary.identity);
    CHECK(must(reader->verify(2, {}, {})).empty());
    for (const auto& input : inputs()) {
      const Digest digest = hash::sha256(input.bytes);
      INFO(input.path);
      CHECK(must(reader->read_all(digest, 100 * kMiB)) == input.bytes);
      if (!input.path.empty()) CHECK(must(reader->read_tree(input.path, 100 * kMiB)) == input.bytes);
      const auto info = reader->find(digest);
      REQUIRE(info);
      CHECK(info->size == input.bytes.size());
      if (input.storage == Storage::raw || input.path == "layer.tar.gz" || input.path == "bin/random") {
        REQUIRE(info->raw_offset);
        if (info->size >= format::kAlignedObjectSize && input.path != "bin/random")
          CHECK(*info->raw_offset % format::kAlignment == 0);
        Bytes in_place(input.bytes.size());
        must(file->read_at(reader->payload_offset() + *info->raw_offset, in_place));
        CHECK(in_place == input.bytes);
      }
    }
    CHECK(reader->contents().compressors.contains("zstd"));
  }
}

TEST_CASE("ranges of objects") {
  const TemporaryFolder folder;
  make(folder / "a.payload", inputs(), {}, false);
  const auto file = must(base::OpenFile::open(folder / "a.payload"));
  const auto reader = must(format::PayloadReader::open(*file));
  for (const auto& input : inputs()) {
    const Digest digest = hash::sha256(input.bytes);
    const uint64_t size = input.bytes.size();
    for (const uint64_t offset : {uint64_t{0}, size / 3, size / 2 + 1, uint64_t{8 * kMiB - 1}, size}) {
      for (const uint64_t count : {uint64_t{0}, uint64_t{1}, uint64_t{70000}, size / 2}) {
        if (offset > size || count > size - offset) continue;
        base::MemorySink sink(100 * kMiB);
        must(reader->read(digest, {offset, count}, sink));
        CHECK(std::ranges::equal(sink.data(), ByteView(input.bytes).subspan(offset, count)));
      }
    }
    base::MemorySink sink(100 * kMiB);
    CHECK(reader->read(digest, {size + 1, 0}, sink).error().code == ErrorCode::invalid_input);
    CHECK(reader->read(digest, {0, size + 1}, sink).error().code == ErrorCode::invalid_input);
  }
  base::MemorySink sink(1);
  CHECK(reader->read(Digest{}, {}, sink).error().code == ErrorCode::not_found);
}

TEST_CASE("the same bytes whatever the threads and the order of the calls") {
  const TemporaryFolder folder;
  Options options;
  options.threads = 1;
  make(folder / "first", inputs(), options, true);
  const auto expected = hash::sha256(file_bytes(folder / "first"));
  std::mt19937 random(7);
  for (const unsigned threads : {2U, 8U}) {
    options.threads = threads;
    auto shuffled = inputs();
    std::ranges::shuffle(shuffled, random);
    make(folder / "other", shuffled, options, true);
    CHECK(hash::sha256(file_bytes(folder / "other")) == expected);
  }
}

TEST_CASE("an object that is wanted raw is raw, whichever call came first") {
  const TemporaryFolder folder;
  const Bytes bytes = prose(3 * kMiB, 9);
  Digest first;
  for (const bool raw_first : {true, false}) {
    const std::string path = folder / "a";
    make(path,
         {{"a", bytes, raw_first ? Storage::raw : Storage::automatic},
          {"a", bytes, raw_first ? Storage::automatic : Storage::raw}},
         {}, false);
    const auto file = must(base::OpenFile::open(path));
    const auto reader = must(format::PayloadReader::open(*file));
    CHECK(reader->find(hash::sha256(bytes))->raw_offset.has_value());
    if (raw_first)
      first = reader->identity();
    else
      CHECK(reader->identity() == first);
  }
}

TEST_CASE("small files share frames, and each object is stored once") {
  const TemporaryFolder folder;
  std::vector<Input> list;
  for (uint32_t i = 0; i < 200; ++i) list.push_back({base::format("f{}", i), prose(2000, i % 100), Storage::automatic});
  const auto made = make(folder / "a", list, {}, false);
  CHECK(made.summary.objects == 100);
  CHECK(made.summary.frames == 1);
  CHECK(made.summary.stored_bytes < made.summary.plain_bytes / 2);
}

TEST_CASE("one small file more, or another one, changes few of the shared frames") {
  const TemporaryFolder folder;
  std::vector<Input> list;
  for (uint32_t i = 0; i < 1000; ++i)
    list.push_back({base::format("f{:04}", i), noise(1000 + i * 37 % 20'000, 300 + i), Storage::automatic});
  const auto frames_of = [&](const std::vector<Input>& files) {
    make(folder / "a", files, {}, false);
    const auto file = must(base::OpenFile::open(folder / "a"));
    const auto reader = must(format::PayloadReader::open(*file));
    std::set<Digest> out;
    for (const auto& frame : reader->all_frames()) out.insert(frame.stored_hash);
    return out;
  };
  const auto before = frames_of(list);
  CHECK(before.size() > 10);
  auto more = list;
  more.insert(more.begin(), {"a", noise(5000, 9), Storage::automatic});
  auto other = list;
  other[100].bytes = noise(15'000, 10);
  for (const auto& changed : {more, other}) {
    const auto after = frames_of(changed);
    const auto fresh = std::ranges::count_if(after, [&](const Digest& frame) { return !before.contains(frame); });
    INFO(fresh << " of " << after.size());
    CHECK(fresh >= 1);
    CHECK(fresh <= 4);
  }
}

TEST_CASE("a base is taken over frame by frame") {
  const TemporaryFolder folder;
  const auto base_made = make(folder / "base.run", inputs(), {}, true);
  const auto base_file = must(base::OpenFile::open(folder / "base.run"));
  const auto base = must(format::PayloadReader::open(*base_file));
  const Bytes extra = noise(3 * kMiB, 77);
  const auto made = make(folder / "app.run", {{"", extra, Storage::raw}, {"notes", prose(500, 78), Storage::automatic}},
                         {}, true, base.get());
  CHECK(made.summary.base_frames == base_made.summary.frames);
  CHECK(made.summary.frames == base_made.summary.frames + 2);

  const auto file = must(base::OpenFile::open(folder / "app.run"));
  const auto reader = must(format::PayloadReader::open(*file));
  CHECK(must(reader->verify(2, {}, {})).empty());
  REQUIRE(reader->contents().bases == std::vector{base->identity()});
  // Untouched frames: same places, same bytes.
  const auto base_frames = base->all_frames();
  const auto frames = reader->all_frames();
  for (size_t i = 0; i < base_frames.size(); ++i) {
    CHECK(frames[i].offset == base_frames[i].offset);
    CHECK(frames[i].stored_hash == base_frames[i].stored_hash);
  }
  for (const auto& input : inputs())
    CHECK(must(reader->read_all(hash::sha256(input.bytes), 100 * kMiB)) == input.bytes);
  CHECK(must(reader->read_all(hash::sha256(extra), 100 * kMiB)) == extra);

  SECTION("two bases that share objects") {
    auto payload_writer = must(PayloadWriter::create(folder / "both", {}));
    must(payload_writer->add_base(*base));
    must(payload_writer->add_base(*reader));
    const auto summary = must(payload_writer->finish(reader->contents(), std::nullopt, base::no_events()));
    CHECK(summary.frames == frames.size());
    CHECK(summary.objects == made.summary.objects);
  }
  SECTION("a base after objects is our own mistake") {
    auto payload_writer = must(PayloadWriter::create(folder / "x", {}));
    must(payload_writer->add(origin_of(extra), Storage::raw));
    CHECK(payload_writer->add_base(*base).error().code == ErrorCode::internal);
  }
}

TEST_CASE("frames and skeleton cover a payload exactly") {
  const TemporaryFolder folder;
  make(folder / "a.run", inputs(), {}, true);
  const auto file = must(base::OpenFile::open(folder / "a.run"));
  const auto reader = must(format::PayloadReader::open(*file));
  Bytes copy(reader->payload_size(), std::byte{0xee});
  std::map<uint64_t, uint64_t> covered;  // offset → size
  const auto move = [&](uint64_t offset, uint64_t size) {
    must(file->read_at(reader->payload_offset() + offset, std::span(copy).subspan(offset, size)));
    CHECK(covered.emplace(offset, size).second);
  };
  for (const auto& range : reader->skeleton()) move(range.offset, range.size);
  for (const auto& frame : reader->all_frames()) move(frame.offset, frame.stored_size);
  uint64_t end = 0;
  for (const auto& [offset, size] : covered) {
    REQUIRE(offset == end);
    end += size;
  }
  CHECK(end == reader->payload_size());
  const base::MemoryFile moved(std::move(copy));
  const auto again = must(format::PayloadReader::open(moved));
  CHECK(again->payload_offset() == 0);
  CHECK(again->identity() == reader->identity());
  CHECK(must(again->verify(2, {}, {})).empty());

  SECTION("frames of some objects, each once, in the order of the objects") {
    const auto& list = inputs();
    const std::vector<Digest> wanted{hash::sha256(list.back().bytes), hash::sha256(list[2].bytes),
                                     hash::sha256(list[3].bytes)};
    const auto frames = must(reader->frames_of(wanted));
    CHECK(frames.size() == 2);
    CHECK(frames.front().offset == *reader->find(wanted.front())->raw_offset);
    CHECK(reader->frames_of(std::vector{Digest{}}).error().code == ErrorCode::not_found);
  }
}

TEST_CASE("refusals of the writer leave nothing behind") {
  const TemporaryFolder folder;
  const Bytes bytes = prose(1000, 1);
  {
    auto payload_writer = must(PayloadWriter::create(folder / "a", {}));
    format::Contents contents;
    contents.tree["a"] = {{hash::sha256(bytes), 1000}, 0644};
    CHECK(payload_writer->finish(contents, std::nullopt, base::no_events()).error().code == ErrorCode::not_found);
  }
  {
    auto payload_writer = must(PayloadWriter::create(folder / "a", {}));
    const auto reference = must(payload_writer->add(origin_of(bytes), Storage::raw));
    format::Contents contents;
    CHECK(payload_writer->finish(contents, Architecture::arm64, base::no_events()).error().code ==
          ErrorCode::not_found);
    contents.tree["../a"] = {reference, 0644};
    CHECK(payload_writer->finish(contents, std::nullopt, base::no_events()).error().code == ErrorCode::invalid_input);
    contents.tree = {{"a\xff", {reference, 0644}}};
    CHECK(payload_writer->finish(contents, std::nullopt, base::no_events()).error().code == ErrorCode::invalid_input);
    contents.tree = {{"a", {{reference.digest, 1}, 0644}}};
    CHECK(payload_writer->finish(contents, std::nullopt, base::no_events()).error().code == ErrorCode::invalid_input);
  }
  Options options;
  options.zstd_level = 22;
  CHECK(PayloadWriter::create(folder / "a", options).error().code == ErrorCode::usage);
  CHECK(PayloadWriter::create(folder.path(), {}).error().code == ErrorCode::already_exists);
  CHECK(PayloadWriter::create(folder / "none/a", {}).error().code == ErrorCode::not_found);
  CHECK(folder.empty());
}

TEST_CASE("every object that contents names must have been packed, and is named if it was not") {
  const TemporaryFolder folder;
  const format::ObjectRef missing{hash::sha256(as_bytes("never packed")), 12};
  const std::string image = "registry.example/app:1";
  for (int kind = 0; kind < 6; ++kind) {
    auto payload_writer = must(PayloadWriter::create(folder / "a", {}));
    const Bytes bytes = prose(1000, 1);
    const auto packed = must(payload_writer->add(origin_of(bytes), Storage::automatic));
    format::Contents contents;
    contents.stubs = {{Architecture::amd64, packed}};
    contents.tree = {{"etc/a", {packed, 0644}}};
    contents.images = {{image, packed, "x", {{Architecture::amd64, packed, "m", packed, {packed, packed}}}}};
    auto& platform = contents.images[0].platforms[0];
    format::ObjectRef* const references[] = {&contents.stubs[0].object, &contents.tree["etc/a"].object,
                                             &contents.images[0].root,  &platform.manifest,
                                             &platform.config,          &platform.layers[1]};
    const std::string names[] = {"a stub", "etc/a", image, image, image, image};
    *references[kind] = missing;
    const auto done = payload_writer->finish(contents, std::nullopt, base::no_events());
    REQUIRE_FALSE(done);
    CHECK(done.error().code == ErrorCode::not_found);
    CHECK(done.error().text() ==
          base::format("{} names object {}, which was not packed", names[kind], missing.digest.text()));
  }
  CHECK(folder.empty());
}

TEST_CASE("compression is kept only if it saves at least 1/32") {
  const TemporaryFolder folder;
  for (const auto& [zeros, kept] :
       std::vector<std::pair<size_t, bool>>{{0, false}, {kMiB / 40, false}, {kMiB / 25, true}, {kMiB, true}}) {
    INFO(zeros << " bytes of a MiB are zero");
    Bytes bytes = noise(kMiB, 31);
    std::fill_n(bytes.begin(), zeros, std::byte{0});
    make(folder / "a", {{"a", bytes, Storage::automatic}}, {}, false);
    const auto file = must(base::OpenFile::open(folder / "a"));
    const auto reader = must(format::PayloadReader::open(*file));
    REQUIRE(reader->all_frames().size() == 1);
    const auto frame = reader->all_frames().front();
    CHECK(frame.encoding == (kept ? format::Encoding::zstd : format::Encoding::raw));
    CHECK(reader->find(hash::sha256(bytes))->raw_offset.has_value() != kept);
    if (kept)
      CHECK(frame.stored_size + frame.plain_size / 32 < frame.plain_size);
    else
      CHECK(frame.stored_size == frame.plain_size);
  }
}

TEST_CASE("what changes between its digest and its writing is noticed, and nothing is left") {
  const TemporaryFolder folder;
  const auto sizes = std::to_array<size_t>({100'000, kMiB, 9 * kMiB});  // shares a frame, has one, has two
  for (const size_t size : sizes) {
    for (const auto storage : {Storage::automatic, Storage::raw}) {
      for (const bool shorter : {false, true}) {
        INFO(size << (storage == Storage::raw ? " raw" : "") << (shorter ? " shorter" : ""));
        Bytes bytes = prose(size, 1);
        auto payload_writer = must(PayloadWriter::create(folder / "a", {}));
        must(payload_writer->add(origin_of(bytes), storage));
        if (shorter)
          bytes.pop_back();
        else
          bytes.back() ^= std::byte{1};
        const auto done = payload_writer->finish({}, std::nullopt, base::no_events());
        REQUIRE_FALSE(done);
        CHECK(done.error().code == ErrorCode::corrupt);
        CHECK(done.error().text() ==
              "the test's bytes has changed while it was packed; build again when nothing writes to it");
      }
    }
  }
  CHECK(folder.empty());
}

TEST_CASE("a file of a few bytes is read once, and packed as it was then") {
  const TemporaryFolder folder;
  auto payload_writer = must(PayloadWriter::create(folder / "a", {}));
  size_t opened = 0;
  const auto add = [&](ByteView bytes) {
    return must(payload_writer->add({"the test's bytes",
                                     [&opened, bytes]() -> Result<std::unique_ptr<base::Source>> {
                                       ++opened;
                                       return std::make_unique<base::MemorySource>(bytes);
                                     }},
                                    Storage::automatic));
  };
  Bytes first = prose(1000, 1), second = prose(60'000, 2);
  const auto references = {add(first), add(second), add(prose(1000, 1))};
  first.front() ^= std::byte{1};
  second.back() ^= std::byte{1};
  must(payload_writer->finish({}, std::nullopt, base::no_events()));
  CHECK(opened == 3);
  const auto file = must(base::OpenFile::open(folder / "a"));
  const auto reader = must(format::PayloadReader::open(*file));
  for (const auto& reference : references)
    CHECK(hash::sha256(must(reader->read_all(reference.digest, kMiB))) == reference.digest);
}

TEST_CASE("a file that only grows is packed as it was") {
  const TemporaryFolder folder;
  Bytes bytes = prose(9 * kMiB, 1);
  auto payload_writer = must(PayloadWriter::create(folder / "a", {}));
  const auto reference = must(payload_writer->add(origin_of(bytes), Storage::automatic));
  bytes.push_back(std::byte{1});
  must(payload_writer->finish({}, std::nullopt, base::no_events()));
  const auto file = must(base::OpenFile::open(folder / "a"));
  const auto reader = must(format::PayloadReader::open(*file));
  CHECK(hash::sha256(must(reader->read_all(reference.digest, 10 * kMiB))) == reference.digest);
}

TEST_CASE("objects may be added by several threads, the same ones too") {
  const TemporaryFolder folder;
  auto list = inputs();
  list.push_back({"same", prose(9 * kMiB, 21), Storage::automatic});
  list.push_back({"", prose(9 * kMiB, 21), Storage::raw});
  make(folder / "one", list, {}, false);
  auto payload_writer = must(PayloadWriter::create(folder / "several", {}));
  format::Contents contents;
  contents.name = "shop";
  std::mutex mutex;
  base::parallel_for(4 * list.size(), 4, [&](size_t i) {
    const auto& input = list[i % list.size()];
    const auto reference = payload_writer->add(origin_of(input.bytes), input.storage);
    if (!reference) std::abort();
    const std::lock_guard guard(mutex);
    if (!input.path.empty()) contents.tree[input.path] = {*reference, 0644};
    if (input.path == "stub") contents.stubs = {{Architecture::amd64, *reference}};
  });
  must(payload_writer->finish(contents, std::nullopt, base::no_events()));
  CHECK(hash::sha256(file_bytes(folder / "several")) == hash::sha256(file_bytes(folder / "one")));
}

TEST_CASE("a cancelled writer stops and leaves nothing") {
  const TemporaryFolder folder;
  CancelSource cancel;
  Options options;
  options.cancel = cancel.token();
  {
    auto payload_writer = must(PayloadWriter::create(folder / "a", options));
    const Bytes bytes = noise(kMiB, 1);
    cancel.cancel();
    CHECK(payload_writer->add(origin_of(bytes), Storage::raw).error().code == ErrorCode::cancelled);
    CHECK(payload_writer->finish({}, std::nullopt, base::no_events()).error().code == ErrorCode::cancelled);
  }
  CHECK(folder.empty());
}

TEST_CASE("a damaged base is noticed before the file gets its name") {
  const TemporaryFolder folder;
  make(folder / "base", {{"a", noise(2 * kMiB, 1), Storage::raw}}, {}, false);
  auto bytes = file_bytes(folder / "base");
  bytes[kMiB] ^= std::byte{1};
  const base::MemoryFile damaged(std::move(bytes));
  const auto base = must(format::PayloadReader::open(damaged));
  auto payload_writer = must(PayloadWriter::create(folder / "out", {}));
  must(payload_writer->add_base(*base));
  const auto done = payload_writer->finish(base->contents(), std::nullopt, base::no_events());
  REQUIRE_FALSE(done);
  CHECK(done.error().code == ErrorCode::corrupt);
  CHECK(done.error().text().contains("reading back what was written (file a)"));
  payload_writer.reset();
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), std::filesystem::directory_iterator()) ==
        1);  // the base
}

TEST_CASE("a source that fails is reported as it is, whenever it fails") {
  class Failing final : public base::Source {
    Result<size_t> read(std::span<std::byte>) override { return fail(ErrorCode::unreachable, "gone"); }
  };
  const TemporaryFolder folder;
  int opened = 0;
  const Bytes bytes = prose(9 * kMiB, 1);
  const auto failing_at = [&](int time) -> writer::Origin {
    opened = 0;
    return {"a source", [&opened, &bytes, time]() -> Result<std::unique_ptr<base::Source>> {
              if (++opened == time) return std::make_unique<Failing>();
              return std::make_unique<DrippingSource>(bytes);
            }};
  };
  for (const auto storage : {Storage::automatic, Storage::raw}) {
    auto payload_writer = must(PayloadWriter::create(folder / "a", {}));
    CHECK(payload_writer->add(failing_at(1), storage).error().code == ErrorCode::unreachable);
    must(payload_writer->add(failing_at(2), storage));
    CHECK(payload_writer->finish({}, std::nullopt, base::no_events()).error().code == ErrorCode::unreachable);
  }
  CHECK(folder.empty());
}
