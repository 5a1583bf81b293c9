// SPDX-License-Identifier: Apache-2.0
#include "packer/registry/blobs.h"
#include "payload/base/format.h"

#include <catch2/catch_test_macros.hpp>
#include <set>

#include "tests/support/temporary_folder.h"
#include "tests/unit/payload/writer/made_payload.h"

using namespace sealift;
using namespace sealift::tests;
using registry::Blob;

namespace {

struct Opened {
  std::unique_ptr<base::OpenFile> file;
  std::unique_ptr<format::PayloadReader> reader;
};

Opened pack(const std::string& path, const std::vector<Input>& list) {
  make(path, list, {}, false);
  Opened out;
  out.file = must(base::OpenFile::open(path));
  out.reader = must(format::PayloadReader::open(*out.file));
  return out;
}

Bytes stored(const format::PayloadReader& reader, const Blob& blob) {
  Bytes out(blob.size);
  must(reader.file().read_at(blob.offset, out));
  return out;
}

std::vector<Input> many_files(size_t count, uint32_t seed = 0) {
  std::vector<Input> out;
  for (size_t i = 0; i < count; ++i)
    out.push_back({base::format("files/{:05}", i), noise(20'000, seed + static_cast<uint32_t>(i)), Storage::automatic});
  return out;
}

}  // namespace

TEST_CASE("blobs hold every frame once, in the order of the file, without gaps") {
  const TemporaryFolder folder;
  const auto payload = pack(folder / "payload", inputs());
  const auto& frames = payload.reader->index().frames();
  size_t next = 0;
  std::set<Digest> digests;
  for (const auto& blob : registry::cut_into_blobs(payload.reader->index())) {
    REQUIRE(blob.frames.begin == next);
    REQUIRE(blob.frames.end > next);
    CHECK(blob.offset == frames[next].offset);
    CHECK(blob.offset + blob.size == frames[blob.frames.end - 1].offset + frames[blob.frames.end - 1].stored_size);
    uint64_t size = 0;
    for (; next < blob.frames.end; ++next) size += frames[next].stored_size;
    CHECK(size == blob.size);
    const Digest digest = hash::sha256(stored(*payload.reader, blob));
    if (blob.digest) CHECK(*blob.digest == digest);
    CHECK(digests.insert(digest).second);
  }
  CHECK(next == frames.size());
}

TEST_CASE("a layer is a blob with its own digest; a large compressed file has one too") {
  const TemporaryFolder folder;
  auto list = inputs();
  Bytes program(9 * kMiB);  // half of each byte is random
  const Bytes random = noise(program.size(), 70);
  std::ranges::transform(random, program.begin(), [](std::byte b) { return b & std::byte{0x0f}; });
  list.push_back({"bin/kubelet-2", program, Storage::automatic});
  const auto payload = pack(folder / "payload", list);
  const auto blobs = registry::cut_into_blobs(payload.reader->index());
  const auto blob_of = [&](const Bytes& bytes) {
    return std::ranges::find(blobs, std::optional(hash::sha256(bytes)), &Blob::digest);
  };
  for (const auto& input : inputs()) {
    if (input.storage != Storage::raw || input.bytes.size() < kMiB) continue;
    REQUIRE(blob_of(input.bytes) != blobs.end());
    CHECK(blob_of(input.bytes)->size == input.bytes.size());
  }
  const auto* object = payload.reader->index().find(hash::sha256(program));
  const auto run = payload.reader->index().frames_of(payload.reader->index().pieces(*object).front());
  CHECK(std::ranges::any_of(blobs, [&](const Blob& blob) {
    return blob.frames.begin == run.begin && blob.frames.end == run.end && !blob.digest;
  }));
}

TEST_CASE("files that came, went or changed change few blobs") {
  const TemporaryFolder folder;
  const auto digests = [&](const std::string& name, const std::vector<Input>& list) {
    const auto payload = pack(folder / name, list);
    std::set<Digest> out;
    for (const auto& blob : registry::cut_into_blobs(payload.reader->index())) {
      CHECK(blob.size <= 9 * kMiB);
      out.insert(hash::sha256(stored(*payload.reader, blob)));
    }
    return out;
  };
  auto list = many_files(1500);
  const auto before = digests("before", list);
  CHECK(before.size() > 10);
  list[700].bytes = noise(25'000, 99'999);
  list.erase(list.begin() + 20);
  list.insert(list.begin() + 300, {"files/00300-more", noise(20'000, 88'888), Storage::automatic});
  const auto after = digests("after", list);
  size_t fresh = 0;
  for (const auto& digest : after) fresh += before.contains(digest) ? 0U : 1U;
  CHECK(fresh <= 6);
  CHECK(fresh >= 1);
}

TEST_CASE("what lies in front does not change the blobs behind it") {
  const TemporaryFolder folder;
  auto list = inputs();
  const auto digests = [&](const std::string& name) {
    const auto payload = pack(folder / name, list);
    std::set<Digest> out;
    for (const auto& blob : registry::cut_into_blobs(payload.reader->index())) {
      if (blob.digest) out.insert(*blob.digest);
    }
    return out;
  };
  const auto before = digests("before");
  list.push_back({"a/first", prose(3 * kMiB + 77, 60), Storage::automatic});
  CHECK(digests("after") == before);
}
