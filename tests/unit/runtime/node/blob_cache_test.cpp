// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/blob_cache.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>

#include "tests/support/temporary_folder.h"

using namespace sealift;
using node::BlobCache;
using node::KeptBlob;
using node::Question;

namespace {

constexpr uint64_t kMuch = uint64_t{1} << 30;

Question tag(const std::string& registry, const std::string& text) {
  return {registry, "team/app", Question::Kind::manifest, text};
}
Question layer(const std::string& registry, const Digest& digest) {
  return {registry, "team/app", Question::Kind::blob, digest.text()};
}
Digest digest_of(std::string_view text) { return hash::sha256(base::as_bytes(text)); }

Digest put(BlobCache& cache, std::string_view text, const std::string& registry = "a.example") {
  const auto digest = digest_of(text);
  const auto arriving = cache.begin(digest, text.size());
  REQUIRE(arriving);
  REQUIRE(arriving->write(base::as_bytes(text)));
  REQUIRE(arriving->keep());
  cache.name(layer(registry, digest), {digest, text.size(), "x"});
  return digest;
}

std::string text_of(BlobCache& cache, const Digest& digest) {
  const auto file = cache.open(digest);
  if (!file) return "none";
  Bytes bytes(file->size());
  REQUIRE(file->read_at(0, bytes));
  return std::string(base::as_text(bytes));
}

std::vector<std::string> files(const std::string& folder) {
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) out.push_back(entry.path().filename());
  std::ranges::sort(out);
  return out;
}

}  // namespace

TEST_CASE("a cache keeps whole blobs over a restart, with what they are called and what a tag last meant") {
  const tests::TemporaryFolder folder;
  Digest digest;
  {
    BlobCache cache(folder.path(), kMuch);
    CHECK_FALSE(cache.find(tag("a.example", "1.0")));
    digest = put(cache, "a manifest");
    cache.name(tag("a.example", "1.0"), {digest, 10, "application/x"});
    CHECK(cache.find(tag("a.example", "1.0")) == KeptBlob{digest, 10, "application/x"});
    CHECK(cache.used() == 10);
  }
  BlobCache cache(folder.path(), kMuch);
  CHECK(cache.used() == 10);
  CHECK(text_of(cache, digest) == "a manifest");
  CHECK(cache.find(tag("a.example", "1.0")) == KeptBlob{digest, 10, "application/x"});
  CHECK(cache.find(layer("a.example", digest)));
  cache.forget_name(tag("a.example", "1.0"));
  CHECK_FALSE(cache.find(tag("a.example", "1.0")));
  CHECK_FALSE(BlobCache(folder.path(), kMuch).find(tag("a.example", "1.0")));
}

TEST_CASE("a blob is given only under the names that it was got under") {
  const tests::TemporaryFolder folder;
  BlobCache cache(folder.path(), kMuch);
  const auto digest = put(cache, "a secret layer", "a.example");
  CHECK(cache.find(layer("a.example", digest)));
  CHECK_FALSE(cache.find(layer("b.example", digest)));
  auto other = layer("a.example", digest);
  other.repository = "team/other";
  CHECK_FALSE(cache.find(other));
  auto manifest = layer("a.example", digest);
  manifest.kind = Question::Kind::manifest;
  CHECK_FALSE(cache.find(manifest));
  // Docker's registry has several names.
  cache.name(layer("docker.io", digest), {digest, 14, "x"});
  CHECK(cache.find(layer("registry-1.docker.io", digest)));
}

TEST_CASE("what is not whole is not there: while it arrives, when it is given up, and after a kill") {
  const tests::TemporaryFolder folder;
  const auto digest = digest_of("0123456789");
  {
    BlobCache cache(folder.path(), kMuch);
    cache.name(layer("a.example", digest), {digest, 10, "x"});
    {
      const auto arriving = cache.begin(digest, 10);
      REQUIRE(arriving);
      REQUIRE(arriving->write(base::as_bytes(std::string_view("01234"))));
      Bytes bytes(5);
      REQUIRE(arriving->read_at(0, bytes));
      CHECK(base::as_text(bytes) == "01234");
      CHECK(cache.used() == 10);
      CHECK_FALSE(cache.open(digest));
      CHECK_FALSE(cache.find(layer("a.example", digest)));
    }
    CHECK(cache.used() == 0);
    CHECK_FALSE(cache.open(digest));
  }
  // As a killed process leaves it: half a blob, half a name, a name without its blob, one that is another's.
  std::ofstream(folder / (digest.hex() + "-1.part")) << "01234";
  std::ofstream(folder / (digest.hex() + ".ref.part")) << "{";
  std::ofstream(folder / (digest.hex() + ".ref"))
      << "{\"name\":\"x\",\"digest\":\"" << digest.text() << "\",\"size\":10}";
  std::ofstream(folder / "something") << "else";
  BlobCache cache(folder.path(), kMuch);
  CHECK_FALSE(cache.open(digest));
  CHECK_FALSE(cache.find(layer("a.example", digest)));
  CHECK(files(folder.path()).empty());
}

TEST_CASE("the size limit holds, and what was not used for longest goes first, also after a restart") {
  const tests::TemporaryFolder folder;
  Digest a, b, c, d;
  const std::string x(40, 'x');
  {
    BlobCache cache(folder.path(), 130);
    a = put(cache, x + "a");
    b = put(cache, x + "b");
    c = put(cache, x + "c");
    CHECK(cache.open(a));  // used
    d = put(cache, x + "d");
    CHECK(cache.used() == 123);
    CHECK_FALSE(cache.open(b));
    CHECK_FALSE(cache.find(layer("a.example", b)));
    CHECK(cache.find(layer("a.example", a)));
    CHECK(cache.open(c));
    // Too large as a whole: nothing goes for it.
    CHECK_FALSE(cache.begin(digest_of("large"), 131));
    CHECK(cache.used() == 123);
    // What arrives counts.
    const auto arriving = cache.begin(digest_of("next"), 100);
    REQUIRE(arriving);
    CHECK(cache.used() == 100);
    CHECK_FALSE(cache.begin(digest_of("more"), 40));
  }
  {
    BlobCache cache(folder.path(), 130);
    a = put(cache, x + "a");
    b = put(cache, x + "b");
    c = put(cache, x + "c");
  }
  const auto stamp = [&](const Digest& digest, int age) {
    std::filesystem::last_write_time(folder / (digest.hex() + ".blob"),
                                     std::filesystem::file_time_type::clock::now() - std::chrono::hours(age));
  };
  stamp(a, 1);
  stamp(b, 3);
  stamp(c, 2);
  BlobCache smaller(folder.path(), 90);
  CHECK_FALSE(smaller.open(b));
  CHECK(smaller.open(a));
  CHECK(smaller.open(c));
  smaller.set_limit(50);
  CHECK(smaller.used() == 41);
  CHECK(smaller.open(c));
}

TEST_CASE("a blob that was cut or removed on the disk is not there") {
  const tests::TemporaryFolder folder;
  BlobCache cache(folder.path(), kMuch);
  const auto cut = put(cache, "0123456789"), gone = put(cache, "abcdefghij");
  std::filesystem::resize_file(folder / (cut.hex() + ".blob"), 5);
  std::filesystem::remove(folder / (gone.hex() + ".blob"));
  CHECK_FALSE(cache.open(cut));
  CHECK_FALSE(cache.open(gone));
  CHECK_FALSE(cache.find(layer("a.example", cut)));
  CHECK(cache.used() == 0);
  const auto dropped = put(cache, "klmnopqrst");
  cache.drop(dropped);
  CHECK_FALSE(cache.open(dropped));
  CHECK(files(folder.path()).empty());
}

TEST_CASE("a folder that can't be used keeps nothing, and says so") {
  BlobCache cache("/nonexistent/cache", kMuch);
  const auto digest = digest_of("x");
  CHECK_FALSE(cache.begin(digest, 1));
  cache.name(layer("a.example", digest), {digest, 1, "x"});
  CHECK_FALSE(cache.find(layer("a.example", digest)));
  CHECK_FALSE(cache.open(digest));
}
