// SPDX-License-Identifier: Apache-2.0
//
// tests/bad: each broken payload gives its error, and the files are what their generator makes.
#include <catch2/catch_test_macros.hpp>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>

#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/format/reader.h"
#include "tests/bad/corpus.h"
#include "tests/support/source_tree.h"

#include "tests/bad/corpus_contents.inc"

#include "tests/bad/corpus.inc"

using namespace sealift;
using namespace sealift::tests;

namespace {

const std::string kRoot = tests::source_path("tests/bad");

// Everything that opening and verifying finds; if that is nothing, reading is tried too. Empty for an intact file.
std::vector<std::string> findings(const Bytes& bytes) {
  const auto told = [](std::string_view place, const Error& error) {
    return base::format("{} | {} | {}", base::name(error.code), place, error.text());
  };
  const base::MemoryFile file(bytes);
  auto reader = format::PayloadReader::open(file);
  if (!reader) return {told("open", reader.error())};
  auto damage = (*reader)->verify(1, {}, {});
  if (!damage) return {told("verify", damage.error())};
  std::vector<std::string> out;
  for (const auto& found : *damage)
    out.push_back(told(base::format("verify: {} at {}", found.where, found.offset), found.error));
  for (const auto& object : (*reader)->objects()) {
    base::FunctionSink sink([](ByteView) { return Result<void>{}; });
    auto read = (*reader)->read(object.digest, {}, sink);
    if (!read && out.empty()) return {told("read: " + object.digest.text(), read.error())};
  }
  return out;
}

// name → expected findings, in the manifest's words
std::map<std::string, std::vector<std::string>> manifest() {
  const auto text = base::read_text_file(kRoot + "/manifest.txt", size_t{1} << 20);
  REQUIRE(text);
  std::map<std::string, std::vector<std::string>> out;
  for (const auto line : base::split(*text, '\n')) {
    if (line.empty()) continue;
    const size_t end = line.find(" | ");
    REQUIRE(end != std::string_view::npos);
    out[std::string(line.substr(0, end))].emplace_back(line.substr(end + 3));
  }
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
  }
  const auto listed = manifest();
  std::set<std::string> names;
  for (const auto& bad : list) {
    INFO(bad.name);
    CHECK(names.insert(bad.name + ".payload").second);
    CHECK(listed.contains(bad.name));
    const auto committed = base::read_file(kRoot + "/" + bad.name + ".payload", size_t{1} << 20);
    REQUIRE(committed);
    CHECK(*committed == bad.bytes);
  }
  CHECK(listed.size() == list.size());
  for (const auto& entry : std::filesystem::recursive_directory_iterator(kRoot)) {
    if (entry.path().extension() != ".payload") continue;
    INFO(entry.path());
    CHECK(names.contains(std::filesystem::relative(entry.path(), kRoot).string()));
  }
}

TEST_CASE("every broken payload gives what the manifest says: code, place and message, and nothing else") {
  const auto listed = manifest();
  for (const auto& [name, expected] : listed) {
    const auto bytes = base::read_file(kRoot + "/" + name + ".payload", size_t{1} << 20);
    REQUIRE(bytes);
    const auto found = findings(*bytes);
    INFO(name);
    for (const auto& line : found) UNSCOPED_INFO("found: " << line);
    CHECK(found == expected);
  }
  CHECK(listed.size() >= 130);
}

TEST_CASE("the payload that the corpus is made from is sound") { CHECK(findings(minimal_payload().build()).empty()); }
