// SPDX-License-Identifier: Apache-2.0
// Archives that somebody has made to harm: each is refused with the error that it must give, no
// file outside is read or written, and no byte of wrong content is handed on as right.
#include "tests/unit/packer/sources/hostile.h"

#include "payload/base/format.h"
#include "payload/codec/zstd.h"

using namespace sealift;
using namespace sealift::tests::hostile;
using tests::gzip;
using tests::StoredImage;
using tests::tar;
using tests::tar_entry;
using tests::TarEntry;

TEST_CASE("the images that the hostile ones are made of are good") {
  const tests::TemporaryFolder folder;
  for (const auto& spec : {archive(folder, Image().entries()), layout(folder, Image())}) {
    const auto done = take_in(spec);
    if (!done) FAIL(done.error().text());
  }
  const auto done = take_in(archive(folder, Saved().entries()));
  if (!done) FAIL(done.error().text());
}

TEST_CASE("archives that reach out of themselves") {
  const auto blob = Image().path_of(Image().layer);
  check({
      {"a name with ..", [](const auto& f) { return archive(f, Image().with({"../etc/passwd", "x"})); },
       ErrorCode::invalid_input, "an entry that does not lie in it"},
      {"a name with .. in the middle", [](const auto& f) { return archive(f, Image().with({"blobs/../../x", "x"})); },
       ErrorCode::invalid_input, "does not lie in it"},
      {"an absolute name", [](const auto& f) { return archive(f, Image().with({"/etc/passwd", "x"})); },
       ErrorCode::invalid_input, "must be relative"},
      {"a name with a line break", [](const auto& f) { return archive(f, Image().with({"blobs/a\nb", "x"})); },
       ErrorCode::invalid_input, "control character"},
      {"a name with an escape sequence", [](const auto& f) { return archive(f, Image().with({"blobs/\x1b[2J", "x"})); },
       ErrorCode::invalid_input, "control character"},
      {"a blob that is a link to a file outside",
       [&](const auto& f) { return archive(f, Image().instead(blob, {blob, "", '2', "../../../../etc/passwd"})); },
       ErrorCode::corrupt, "leads out of the archive"},
      {"a blob that is a link to an absolute path",
       [&](const auto& f) { return archive(f, Image().instead(blob, {blob, "", '2', "/etc/passwd"})); },
       ErrorCode::corrupt, "leads out of the archive"},
      {"a blob that is a hard link to a file outside",
       [&](const auto& f) { return archive(f, Image().instead(blob, {blob, "", '1', "../../etc/passwd"})); },
       ErrorCode::corrupt, "leads out of the archive"},
      {"a link to itself",
       [&](const auto& f) { return archive(f, Image().instead(blob, {blob, "", '2', blob.substr(13)})); },
       ErrorCode::corrupt, "through more than 8 others"},
      {"a link to nothing", [&](const auto& f) { return archive(f, Image().instead(blob, {blob, "", '2', "none"})); },
       ErrorCode::corrupt, "which is not there"},
      {"an index that is a link outside",
       [](const auto& f) {
         return archive(f, Image().instead("index.json", {"index.json", "", '2', "../index.json"}));
       },
       ErrorCode::corrupt, "leads out of the archive"},
      {"a blob that is a named pipe", [&](const auto& f) { return archive(f, Image().instead(blob, {blob, "", '6'})); },
       ErrorCode::corrupt, "not a regular file"},
      {"two indexes", [](const auto& f) { return archive(f, Image().with({"index.json", "{}"})); },
       ErrorCode::invalid_input, "index.json twice"},
      {"paths of a docker archive",
       [](const auto& f) {
         Saved saved;
         saved.describe("c.json", R"(["../../etc/passwd"])");
         return archive(f, saved.entries());
       },
       ErrorCode::invalid_input, "is not a path in the archive"},
      {"a folder's docker part that names a file outside",
       [](const auto& f) {
         Saved saved;
         saved.describe("/etc/passwd", "[]");
         return layout(f, saved);
       },
       ErrorCode::invalid_input, "is not a path in the archive"},
  });
}

TEST_CASE("archives that are larger or smaller than they say") {
  const auto bomb = [] {
    codec::ZstdCompressor compressor(3);
    const auto frame = compressor.compress(Bytes(size_t{16} << 20));
    REQUIRE(frame);
    std::string out;
    for (int i = 0; i < 40; ++i) out += base::as_text(*frame);
    return out;
  };
  const auto many = [](int count) {
    std::string out;
    for (int i = 0; i < count; ++i) out += tar_entry({base::format("blobs/{}", i), ""});
    return out + std::string(1024, '\0');
  };
  check({
      {"1 KB that claims 1 TB",
       [](const auto& f) { return archive(f, std::vector<TarEntry>{{"index.json", "{}", '0', "", kTiB}}); },
       ErrorCode::truncated, "1.0 TiB"},
      {"1 KB, compressed, that claims 1 TB",
       [](const auto& f) { return archive(f, gzip(tar({{"index.json", "{}", '0', "", kTiB}}))); }, ErrorCode::truncated,
       "1.0 TiB"},
      {"a size beyond all numbers",
       [](const auto& f) { return archive(f, std::vector<TarEntry>{{"index.json", "{}", '0', "", UINT64_MAX}}); },
       ErrorCode::invalid_input, "can't be read as a tar archive"},
      {"a bomb", [&](const auto& f) { return archive(f, bomb()); }, ErrorCode::limit_exceeded, "grows from"},
      {"100,000 entries", [&](const auto& f) { return archive(f, many(100'000)); }, ErrorCode::limit_exceeded,
       "more than 50000 entries"},
      {"a gzip stream that is cut off",
       [](const auto& f) { return archive(f, gzip(tar(Image().entries())).substr(0, 3'000)); },
       ErrorCode::invalid_input, "truncated gzip"},
      {"an archive that is cut off in a blob",
       [](const auto& f) { return archive(f, tar({{"blobs/a", std::string(10'000, 'x')}}).substr(0, 4'000)); },
       ErrorCode::truncated, "ends within blobs/a"},
      {"an archive that is cut off in a header",
       [](const auto& f) { return archive(f, tar_entry({"a", "x"}) + std::string(300, 'x')); },
       ErrorCode::invalid_input, "can't be read as a tar archive"},
      {"a header whose checksum is wrong",
       [](const auto& f) {
         std::string text = tar(Image().entries());
         text[1] ^= 1;
         return archive(f, text);
       },
       ErrorCode::invalid_input, "can't be read as a tar archive"},
      {"noise", [](const auto& f) { return archive(f, std::string(5'000, '\x9c')); }, ErrorCode::invalid_input,
       "can't be read as a tar archive"},
      {"nothing", [](const auto& f) { return archive(f, std::string()); }, ErrorCode::invalid_input, "holds no images"},
      {"an index of 5 MiB",
       [](const auto& f) {
         Image image;
         image.files["index.json"] += std::string(size_t{5} << 20, ' ');
         return layout(f, image);
       },
       ErrorCode::limit_exceeded, "at most"},
  });
}
