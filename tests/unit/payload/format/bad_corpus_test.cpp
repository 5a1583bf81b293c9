// SPDX-License-Identifier: Apache-2.0
//
// tests/bad: each broken payload gives its error, and the files are what their generator makes.
#include <catch2/catch_test_macros.hpp>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>

#include "payload/base/file.h"
#include "payload/base/text.h"
#include "payload/format/reader.h"
#include "tests/bad/corpus.h"
#include "tests/bad/corpus_contents.inc"
#include "tests/bad/corpus.inc"

using namespace sealift;
using namespace sealift::tests;

namespace {

const std::string kRoot = SEALIFT_TEST_ROOT "/bad";

// The first error of opening, verifying and reading everything; nothing for a sound file.
std::optional<Error> first_error(const Bytes& bytes) {
  const base::MemoryFile file(bytes);
  auto reader = format::PayloadReader::open(file);
  if (!reader) return reader.error();
  auto damage = (*reader)->verify(1, {}, {});
  if (!damage) return damage.error();
  if (!damage->empty()) return damage->front().error;
  for (const auto& object : (*reader)->objects()) {
    base::FunctionSink sink([](ByteView) { return Result<void>{}; });
    if (auto read = (*reader)->read(object.digest, {}, sink); !read) return read.error();
  }
  return std::nullopt;
}

std::string manifest_text(const std::vector<BadPayload>& list) {
  std::string out;
  for (const auto& bad : list) out += std::format("{} {}\n", bad.name, base::name(bad.expected));
  return out;
}

}  // namespace

TEST_CASE("the committed corpus is what the generator makes") {
  const auto list = bad_payloads();
  if (std::getenv("SEALIFT_ACCEPT") != nullptr) {
    for (const auto& bad : list) {
      const std::string path = kRoot + "/" + bad.name + ".payload";
      REQUIRE(base::make_directories(path.substr(0, path.rfind('/')), 0755));
      REQUIRE(base::write_file_atomic(path, bad.bytes, 0644));
    }
    REQUIRE(base::write_file_atomic(kRoot + "/manifest.txt", base::as_bytes(manifest_text(list)), 0644));
  }
  CHECK(*base::read_text_file(kRoot + "/manifest.txt", size_t{1} << 20) == manifest_text(list));
  std::set<std::string> names;
  for (const auto& bad : list) {
    INFO(bad.name);
    CHECK(names.insert(bad.name + ".payload").second);
    const auto committed = base::read_file(kRoot + "/" + bad.name + ".payload", size_t{1} << 20);
    REQUIRE(committed);
    CHECK(*committed == bad.bytes);
  }
  for (const auto& entry : std::filesystem::recursive_directory_iterator(kRoot)) {
    if (entry.path().extension() != ".payload") continue;
    INFO(entry.path());
    CHECK(names.contains(std::filesystem::relative(entry.path(), kRoot).string()));
  }
}

TEST_CASE("every broken payload gives the error of the manifest") {
  const auto manifest = base::read_text_file(kRoot + "/manifest.txt", size_t{1} << 20);
  REQUIRE(manifest);
  size_t count = 0;
  for (const auto line : base::split(*manifest, '\n')) {
    if (line.empty()) continue;
    const auto words = base::split_words(line);
    REQUIRE(words.size() == 2);
    const auto bytes = base::read_file(kRoot + "/" + std::string(words[0]) + ".payload", size_t{1} << 20);
    REQUIRE(bytes);
    const auto error = first_error(*bytes);
    INFO(line);
    REQUIRE(error);
    INFO(error->text());
    CHECK(base::name(error->code) == words[1]);
    ++count;
  }
  CHECK(count >= 60);
}

TEST_CASE("the payload that the corpus is made from is sound") { CHECK_FALSE(first_error(minimal_payload().build())); }
