// SPDX-License-Identifier: Apache-2.0
// Payloads that come in runs of frames: whole, resumed, taken from elsewhere, and not as the metadata says.
#include "payload/writer/received.h"
#include "payload/base/format.h"

#include <fcntl.h>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <set>

#include "payload/format/layout.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/payload/writer/made_payload.h"

using namespace sealift;
using namespace sealift::tests;
using writer::Partial;
using writer::ReceivedPayload;
using writer::Run;

namespace {

// Quick to pack, and of every form: shared frames, an own compressed one, a raw object of three frames, small raw ones.
const std::vector<Input>& few_inputs() {
  static const std::vector<Input> list = [] {
    std::vector<Input> out;
    out.push_back({"stub", prose(kMiB / 2, 1), Storage::automatic});
    for (uint32_t i = 0; i < 40; ++i)
      out.push_back({base::format("charts/c{}/values.yaml", i), noise(30'000 + i * 101, 100 + i), Storage::automatic});
    out.push_back({"", noise(17 * kMiB + 11, 4), Storage::raw});
    out.push_back({"", noise(2 * kMiB, 5), Storage::raw});
    out.push_back({"", noise(5000, 6), Storage::raw});
    return out;
  }();
  return list;
}

// An artifact, and what of it travels.
struct Sent {
  std::string path;
  std::unique_ptr<base::OpenFile> file;
  std::unique_ptr<format::PayloadReader> reader;
  format::Trailer trailer;
  Bytes metadata;
  std::vector<Run> runs;
  std::vector<Bytes> bytes;   // of the runs
  std::vector<size_t> first;  // numbers of their first frames

  // Runs of at most `most` frames that lie side by side.
  Sent(const TemporaryFolder& folder, size_t most, const std::vector<Input>& list = few_inputs(),
       const std::string& name = "sent") {
    path = folder / name;
    make(path, list, {}, true);
    file = must(base::OpenFile::open(path));
    reader = must(format::PayloadReader::open(*file));
    Bytes end(format::kTrailerSize);
    must(file->read_at(file->size() - end.size(), end));
    trailer = must(format::parse_trailer(end));
    metadata.resize(trailer.metadata_size);
    must(file->read_at(reader->payload_offset() + trailer.metadata_offset, metadata));
    const auto& frames = reader->index().frames();
    for (size_t i = 0; i < frames.size();) {
      Bytes run;
      first.push_back(i);
      for (size_t n = 0; n < most && i < frames.size(); ++n, ++i) {
        if (n != 0 && frames[i - 1].offset + frames[i - 1].stored_size != frames[i].offset) break;
        Bytes frame(frames[i].stored_size);
        must(file->read_at(reader->payload_offset() + frames[i].offset, frame));
        run.insert(run.end(), frame.begin(), frame.end());
      }
      runs.push_back({hash::sha256(run), run.size()});
      bytes.push_back(std::move(run));
    }
  }

  Result<std::unique_ptr<ReceivedPayload>> receive(const std::string& output, std::vector<Run> given) const {
    SEALIFT_ASSIGN(auto partial, Partial::open(output, base::no_events()));
    return ReceivedPayload::create(output, metadata, trailer.metadata_offset, Architecture::amd64, std::move(given),
                                   std::move(partial));
  }
  Result<std::unique_ptr<ReceivedPayload>> receive(const std::string& output) const { return receive(output, runs); }

  // All bytes from `begin` on, in small pieces.
  auto give(size_t run) const {
    return [this, run](base::Sink& sink, uint64_t begin) -> Result<void> {
      DrippingSource source(ByteView(bytes[run]).subspan(begin));
      return base::copy(source, sink).transform([](uint64_t) {});
    };
  }
};

}  // namespace

TEST_CASE("runs in any order make the file that was sent") {
  const TemporaryFolder folder;
  for (const size_t most : {size_t{1}, size_t{3}, size_t{1000}}) {
    const Sent sent(folder, most);
    const auto path = folder / "received";
    const auto received = must(sent.receive(path));
    CHECK(received->reader().identity() == sent.reader->identity());
    for (size_t i = sent.runs.size(); i-- > 0;) CHECK(must(received->resume(i, sent.give(i), {})) == 0);
    CHECK_FALSE(std::filesystem::exists(path));
    must(received->finish());
    CHECK(hash::sha256(file_bytes(path)) == hash::sha256(file_bytes(sent.path)));
    CHECK((std::filesystem::status(path).permissions() & std::filesystem::perms::owner_exec) !=
          std::filesystem::perms::none);
    CHECK_FALSE(std::filesystem::exists(Partial::path_of(path)));
    std::filesystem::remove(path);
  }
}

TEST_CASE("a run that has not come keeps the file from its name") {
  const TemporaryFolder folder;
  const Sent sent(folder, 3);
  const auto received = must(sent.receive(folder / "received"));
  for (size_t i = 1; i < sent.runs.size(); ++i) must(received->resume(i, sent.give(i), {}));
  CHECK(received->finish().error().code == ErrorCode::internal);
  CHECK_FALSE(std::filesystem::exists(folder / "received"));
}

TEST_CASE("what has come of a run is not asked for again, as far as it is right") {
  const TemporaryFolder folder;
  const Sent sent(folder, 1000);
  const auto path = folder / "received";
  // the longest: several frames
  const size_t run = static_cast<size_t>(std::ranges::max_element(sent.runs, {}, &Run::size) - sent.runs.begin());
  const uint64_t part = sent.runs[run].size * 2 / 3;
  {
    const auto received = must(sent.receive(path));
    const auto broken = received->resume(run,
                                         [&](base::Sink& sink, uint64_t) -> Result<void> {
                                           SEALIFT_TRY(sink.write(ByteView(sent.bytes[run]).first(part)));
                                           return fail(ErrorCode::unreachable, "the line is dead");
                                         },
                                         {});
    CHECK(broken.error().code == ErrorCode::unreachable);
  }
  REQUIRE(std::filesystem::exists(Partial::path_of(path)));
  SECTION("as it was") {
    const auto received = must(sent.receive(path));
    const uint64_t begin = must(received->resume(run, sent.give(run), {}));
    CHECK(begin <= part);
    CHECK(part - begin < kMiB);  // also in the midst of a frame
    for (size_t i = 0; i < sent.runs.size(); ++i) {
      if (i != run) must(received->resume(i, sent.give(i), {}));
    }
    must(received->finish());
  }
  SECTION("the frame that was begun has changed meanwhile") {
    {
      const auto fd = must(base::open_file(Partial::path_of(path), O_RDWR));
      const uint64_t begin = format::kPayloadOffset + sent.reader->index().frames()[sent.first[run]].offset;
      std::array<std::byte, 1> byte{};
      const uint64_t at = begin + part - (2 * kMiB / 3);
      must(base::pread_exact(fd.get(), at, byte));
      byte[0] ^= std::byte{1};
      must(base::pwrite_all(fd.get(), at, byte));
    }
    const auto received = must(sent.receive(path));
    const uint64_t begin = must(received->resume(run, sent.give(run), {}));
    CHECK(begin < part - (2 * kMiB / 3));
    for (size_t i = 0; i < sent.runs.size(); ++i) {
      if (i != run) must(received->resume(i, sent.give(i), {}));
    }
    must(received->finish());
  }
  SECTION("changed meanwhile") {
    {
      const auto fd = must(base::open_file(Partial::path_of(path), O_RDWR));
      const uint64_t offset = format::kPayloadOffset + sent.reader->index().frames()[sent.first[run]].offset;
      must(base::pwrite_all(fd.get(), offset, ByteView(Bytes{~sent.bytes[run][0]})));
    }
    const auto received = must(sent.receive(path));
    for (size_t i = 0; i < sent.runs.size(); ++i) CHECK(must(received->resume(i, sent.give(i), {})) == 0);
    must(received->finish());
  }
  CHECK(hash::sha256(file_bytes(path)) == hash::sha256(file_bytes(sent.path)));
}

TEST_CASE("a frame that is not what the metadata says ends the run") {
  const TemporaryFolder folder;
  const Sent sent(folder, 2);
  const auto received = must(sent.receive(folder / "received"));
  for (const size_t run : {size_t{0}, sent.runs.size() - 1}) {
    auto changed = sent.bytes[run];
    changed.back() ^= std::byte{1};
    const auto give = [](Bytes bytes) {
      return [bytes = std::move(bytes)](base::Sink& sink, uint64_t begin) {
        return sink.write(ByteView(bytes).subspan(begin));
      };
    };
    CHECK(received->resume(run, give(changed), {}).error().code == ErrorCode::corrupt);
    changed.back() ^= std::byte{1};
    auto shorter = changed;
    shorter.pop_back();
    CHECK(received->resume(run, give(shorter), {}).error().code == ErrorCode::corrupt);
    changed.push_back(std::byte{0});
    CHECK(received->resume(run, give(changed), {}).error().code == ErrorCode::corrupt);
  }
}

TEST_CASE("runs that do not fit the metadata are refused before anything comes") {
  const TemporaryFolder folder;
  const Sent sent(folder, 2);
  const auto refused = [&](std::vector<Run> runs) {
    const auto received = sent.receive(folder / "received", std::move(runs));
    REQUIRE_FALSE(received);
    CHECK(received.error().code == ErrorCode::corrupt);
    CHECK_FALSE(std::filesystem::exists(Partial::path_of(folder / "received")));
  };
  auto runs = sent.runs;
  runs.pop_back();
  refused(runs);
  runs = sent.runs;
  runs.push_back({hash::sha256(ByteView(sent.metadata)), 1});
  refused(runs);
  runs = sent.runs;
  runs.front().size -= 1;
  refused(runs);
  runs = sent.runs;
  runs[1].digest = runs[0].digest;
  refused(runs);
  // a run across a gap: everything in one
  uint64_t all = 0;
  for (const auto& run : sent.runs) all += run.size;
  refused({{sent.runs[0].digest, all}});
  refused({});
}

TEST_CASE("frames that are here already are taken from there") {
  const TemporaryFolder folder;
  auto older = few_inputs();
  older[4].bytes[0] ^= std::byte{1};  // one file was another
  older.erase(older.begin() + 42);    // and one raw object was not there
  const Sent before(folder, 1, older, "before");
  const Sent sent(folder, 1);
  const auto path = folder / "received";
  const auto received = must(sent.receive(path));
  received->offer(*before.reader);
  std::set<Digest> known;
  for (const auto& frame : before.reader->index().frames()) known.insert(frame.stored_hash);
  size_t taken = 0;
  for (size_t i = 0; i < sent.runs.size(); ++i) {
    const bool is_here = must(received->take_over(i, {}));
    CHECK(is_here == known.contains(sent.runs[i].digest));
    taken += is_here ? 1U : 0U;
    if (!is_here) must(received->resume(i, sent.give(i), {}));
  }
  CHECK(taken >= 4);
  CHECK(taken < sent.runs.size());
  must(received->finish());
  CHECK(hash::sha256(file_bytes(path)) == hash::sha256(file_bytes(sent.path)));
}

TEST_CASE("damaged frames elsewhere are not taken") {
  const TemporaryFolder folder;
  const Sent sent(folder, 1);
  const Sent before(folder, 1, few_inputs(), "before");
  {
    const auto fd = must(base::open_file(before.path, O_RDWR));
    for (const auto& frame : before.reader->index().frames()) {
      std::array<std::byte, 1> byte{};
      const uint64_t at = format::kPayloadOffset + frame.offset + (frame.stored_size / 2);
      must(base::pread_exact(fd.get(), at, byte));
      byte[0] ^= std::byte{1};
      must(base::pwrite_all(fd.get(), at, byte));
    }
  }
  const auto path = folder / "received";
  const auto received = must(sent.receive(path));
  received->offer(*before.reader);
  for (size_t i = 0; i < sent.runs.size(); ++i) {
    CHECK_FALSE(must(received->take_over(i, {})));
    CHECK(must(received->resume(i, sent.give(i), {})) == 0);
  }
  must(received->finish());
  CHECK(hash::sha256(file_bytes(path)) == hash::sha256(file_bytes(sent.path)));
}
