// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include "payload/base/format.h"
#include "payload/yaml/node.h"
#include "payload/yaml/split.h"

using namespace sealift;
using namespace sealift::yaml;

namespace {

// "3:v" for each document: the line of its key `k` and what that says; "!" and the sentence for a refused one.
std::vector<std::string> read(std::string_view text, const Limits& limits = {},
                              std::vector<std::string>* warnings = nullptr) {
  std::vector<std::string> out;
  const auto done = for_each_document(
      text, "x.yaml", limits,
      [&](Result<Node> document) -> Result<void> {
        if (!document) {
          out.push_back("!" + document.error().what);
          return {};
        }
        const auto* k = document->find("k");
        out.push_back(k == nullptr ? "-" : base::format("{}:{}", k->line, k->as_string().value_or("")));
        return {};
      },
      warnings);
  if (!done) FAIL(done.error().text());
  return out;
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("a stream is read document by document, with places of the whole text") {
  CHECK(read("k: a\n---\nk: b\n--- # note\n\nk: c") == Lines{"1:a", "3:b", "6:c"});
  CHECK(read("---\n# only a comment\n---\n---\nk: a\n...\n---\n") == Lines{"5:a"});
  CHECK(read("--- {k: a}\n--- \r\nk: b\r\n") == Lines{"1:a", "3:b"});
  CHECK(read("\xef\xbb\xbf---\nk: a\n") == Lines{"2:a"});
  CHECK(read("").empty());
  CHECK(read("# nothing\n").empty());
}

TEST_CASE("dashes that are text end no document") {
  CHECK(read("k: a\nb: |\n  x\n  ---\n  y\n---\nk: c\n") == Lines{"1:a", "7:c"});
  CHECK(read("---k: a\n") == Lines{"-"});
}

TEST_CASE("directives belong to the document that follows") {
  CHECK(read("%YAML 1.2\n# note\n---\nk: a\n---\nk: b\n") == Lines{"4:a", "6:b"});
}

TEST_CASE("a document that can't be read is told with its place, and the others are read") {
  CHECK(read("k: a\n---\nb: 1\nk: [\n---\nk: c\n").size() == 3);
  const auto lines = read("k: a\n---\nb: 1\n\x01: 2\n---\nk: c\n");
  REQUIRE(lines.size() == 3);
  CHECK(lines[1] == "!x.yaml:4:1: a control character (0x01) stands here");
  CHECK(lines[2] == "6:c");
}

TEST_CASE("limits hold for each document, not for the stream") {
  CHECK(read("k: aaaa\n---\nk: bbbb\n---\nk: cccc\n", {.bytes = 13}) == Lines{"1:aaaa", "3:bbbb", "5:cccc"});
  CHECK(read("k: aaaa\n---\nk: bbbbbbbbbbbbbbb\n", {.bytes = 13})[1].starts_with("!x.yaml: 23 bytes"));
}

TEST_CASE("the last of equal keys wins, with a warning") {
  std::vector<std::string> warnings;
  CHECK(read("k: a\n---\nk: a\nb: {c: 1, c: 2}\nk: b\n", {}, &warnings) == Lines{"1:a", "5:b"});
  CHECK(warnings == Lines{"x.yaml:4:11: the key \"c\" stands twice; the last one counts",
                          "x.yaml:5:1: the key \"k\" stands twice; the last one counts"});
}

TEST_CASE("a visitor's error ends the reading") {
  int seen = 0;
  const auto done = for_each_document("k: a\n---\nk: b\n", "x.yaml", {}, [&](Result<Node>) -> Result<void> {
    ++seen;
    return fail(ErrorCode::cancelled, "enough");
  });
  REQUIRE_FALSE(done);
  CHECK(done.error().what == "enough");
  CHECK(seen == 1);
}

TEST_CASE("merge keys may be marked as such, as Go's writer does; the mark means nothing else") {
  CHECK(read("a: &a {k: x}\n!!merge <<: *a\n") == Lines{"1:x"});
  CHECK(read("a: !!merge b\n")[0].contains("the tag tag:yaml.org,2002:merge is not known"));
}

TEST_CASE("what YAML 1.1 reads otherwise stays as it is written") {
  std::vector<Node> documents;
  const auto keep = [&](Result<Node> document) -> Result<void> {
    SEALIFT_ASSIGN(auto node, std::move(document));
    documents.push_back(std::move(node));
    return {};
  };
  const auto done = for_each_document("mode: 0755\nmatch: =\non: x\na: &a {k: 1}\nb: *a\n", "x.yaml", {}, keep);
  if (!done) FAIL(done.error().text());
  REQUIRE(documents.size() == 1);
  CHECK(documents[0].find("mode")->text == "0755");
  CHECK(documents[0].find("match")->text == "=");
  CHECK(documents[0].find("on")->text == "x");
  CHECK(documents[0].at_path("b/k")->text == "1");
}

TEST_CASE("a stream's documents as they are written, without those that say nothing") {
  const auto texts =
      split_documents("\xef\xbb\xbf# first\na: 1\n---\n# nothing\n--- \nb: |\n  ---\n---\n%YAML 1.1\n---\nc: 3");
  REQUIRE(texts.size() == 3);
  CHECK(texts[0] == "# first\na: 1\n");
  CHECK(texts[1] == "--- \nb: |\n  ---\n");
  CHECK(texts[2].ends_with("---\nc: 3"));
  CHECK(split_documents("").empty());
  CHECK(split_documents("---\n---\n").empty());
}
