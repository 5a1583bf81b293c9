// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include "payload/yaml/node.h"

using namespace sealift;
using namespace sealift::yaml;

namespace {

Node one(std::string_view text) {
  auto documents = parse(text, "x.yaml");
  INFO(text);
  if (!documents) FAIL(documents.error().text());
  REQUIRE(documents->size() == 1);
  return std::move(documents->front());
}

Error refused(std::string_view text, const Limits& limits = {}) {
  auto documents = parse(text, "x.yaml", limits);
  INFO(text);
  REQUIRE_FALSE(documents);
  return documents.error();
}

std::string text_at(const Node& node, std::string_view path) {
  const auto* found = node.at_path(path);
  return found == nullptr ? "(absent)" : found->as_string().value_or("(no text)");
}

}  // namespace

TEST_CASE("places are those of the key, from 1") {
  const Node node = one("a: 1\nb:\n  c: [x, y]\n");
  CHECK(node.find("a")->line == 1);
  CHECK(node.at_path("b/c")->line == 3);
  CHECK(node.at_path("b/c")->column == 3);
  CHECK(node.at_path("b/c")->items[1].column == 10);
}

TEST_CASE("several documents; empty ones are left out") {
  const auto documents = parse("---\na: 1\n---\n---\n# nothing\n---\nb: 2\n...\n", "x.yaml");
  REQUIRE(documents);
  REQUIRE(documents->size() == 2);
  CHECK(text_at((*documents)[1], "b") == "2");
  CHECK(parse("", "x.yaml")->empty());
  CHECK(parse("# only a comment\n", "x.yaml")->empty());
}

TEST_CASE("a duplicate key is refused with its place") {
  CHECK(refused("a: 1\nb: 2\na: 3\n").what == "x.yaml:3:1: the key \"a\" stands twice");
  CHECK(refused("x: {a: 1, \"a\": 3}\n").code == ErrorCode::invalid_input);
}

TEST_CASE("where the last of equal keys wins, it has the first one's position and its own place") {
  const auto documents = yaml::parse("a: 1\nb: 2\na: {c: 3}\n", "x.yaml", {}, yaml::DuplicateKeys::last_wins);
  REQUIRE(documents);
  const Node& node = documents->at(0);
  REQUIRE(node.members.size() == 2);
  CHECK(node.members[0].first == "a");
  CHECK(text_at(node, "a/c") == "3");
  CHECK(node.find("a")->line == 3);
}

TEST_CASE("a wrongly indented rest is refused, not taken for another document") {
  for (const std::string_view text : {"a: 1\n- b\n", "a: b\n}\n", "\"a\" b\n", "- a\nb: 1\n", "a: 1\n]\nb: 2\n"})
    CHECK(refused(text).code == ErrorCode::invalid_input);
}

TEST_CASE("merge keys: what stands in the mapping wins, then the first merged one") {
  const Node node = one("x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nz:\n  <<: [*x, *y]\n  a: 3\nw:\n  a: 4\n  <<: *y\n");
  CHECK(text_at(node, "z/a") == "3");
  CHECK(text_at(node, "z/b") == "1");
  CHECK(text_at(node, "z/c") == "2");
  CHECK(text_at(node, "w/b") == "2");
  CHECK(node.at_path("w/<<") == nullptr);
  CHECK(one("'<<': 1").find("<<") != nullptr);  // quoted: an ordinary key
  CHECK(refused("a: {<<: 7}\n").what.contains("wants a mapping"));
}

TEST_CASE("scalars know whether they were quoted") {
  const Node node = one("a: yes\nb: 'yes'\nc: |\n  yes\nd: 007\ne: !!str yes\nf: !!int 5\n");
  CHECK(node.find("a")->as_bool() == true);
  CHECK_FALSE(node.find("b")->as_bool());
  CHECK_FALSE(node.find("c")->as_bool());
  CHECK(node.find("c")->text == "yes\n");
  CHECK(node.find("d")->as_u64() == 7);
  CHECK_FALSE(node.find("e")->as_bool());
  CHECK(node.find("f")->as_u64() == 5);
}

TEST_CASE("the words of YAML 1.1 are booleans") {
  for (const std::string_view word : {"true", "True", "TRUE", "yes", "Yes", "on", "ON"})
    CHECK(one(word).as_bool() == true);
  for (const std::string_view word : {"false", "no", "No", "NO", "off", "Off"}) CHECK(one(word).as_bool() == false);
  for (const std::string_view word : {"y", "n", "1", "0", "truely"}) CHECK_FALSE(one(word).as_bool());
}

TEST_CASE("null") {
  const Node node = one("a:\nb: ~\nc: null\nd: ''\ne: 'null'\n");
  for (const char* key : {"a", "b", "c"}) CHECK(node.find(key)->is_null());
  for (const char* key : {"d", "e"}) CHECK_FALSE(node.find(key)->is_null());
  CHECK(refused("~: 1\n").what.contains("a key must be a word"));
}

TEST_CASE("escapes of double quotes give UTF-8") {
  CHECK(one(R"(a: "\N\_\xe9\u6f22\L")").find("a")->text == "\xc2\x85\xc2\xa0é漢\xe2\x80\xa8");
  CHECK(refused(R"(a: "\ud800")").code == ErrorCode::invalid_input);
}

TEST_CASE("tags that would change a value are refused") {
  for (const std::string_view text : {"a: !!binary aGk=", "a: !mine x", "a: !!set {x, y}", "a: !ruby/object [x]"})
    CHECK(refused(text).what.contains("the tag "));
}

TEST_CASE("line ends and byte order mark of another system") {
  const Node node =
      one("\xef\xbb\xbf"
          "a: b\r\nc: |\r\n  d\r\n  e\r\n");
  CHECK(text_at(node, "a") == "b");
  CHECK(text_at(node, "c") == "d\ne\n");
}

TEST_CASE("what is no text is refused with its place") {
  CHECK(refused("a: b\nc: \xff\n").what.starts_with("x.yaml:2:4: the text is not UTF-8"));
  CHECK(refused(std::string_view("a: \0b", 5)).what.starts_with("x.yaml:1:4: a control character"));
  CHECK(refused("\xff\xfe"
                "a\0")
            .code == ErrorCode::invalid_input);
  CHECK(text_at(one("a: grün 漢字\n"), "a") == "grün 漢字");
}

TEST_CASE("limits") {
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += "[";
  CHECK(refused(deep + std::string(100, ']')).code == ErrorCode::limit_exceeded);
  CHECK(parse(std::string(60, '[') + std::string(60, ']'), "x"));
  CHECK(parse(std::string(100'000, '['), "x").has_value() == false);
  CHECK(refused("a: 1\n", {.bytes = 3}).code == ErrorCode::limit_exceeded);
  CHECK(refused("[1, 2, 3]", {.nodes = 3}).code == ErrorCode::limit_exceeded);
  CHECK(refused(std::string(1001, 'k') + ": 1\n").code == ErrorCode::limit_exceeded);
}

TEST_CASE("aliases can't blow up: by number, by depth, by text") {
  std::string many = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 10; ++i) {
    many += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int k = 0; k < 10; ++k) many += (k == 0 ? "*a" : ",*a") + std::to_string(i - 1);
    many += "]\n";
  }
  CHECK(refused(many).code == ErrorCode::limit_exceeded);

  std::string deep = "a0: &a0 " + std::string(40, '[') + std::string(40, ']') + "\na1: " + std::string(40, '[') +
                     "*a0" + std::string(40, ']') + "\n";
  CHECK(refused(deep).what.contains("nested deeper"));

  std::string large = "a: &a " + std::string(1'000'000, 'x') + "\nb: [*a";
  for (int i = 0; i < 100; ++i) large += ", *a";
  CHECK(refused(large + "]\n").what.contains("after expansion"));

  CHECK(refused("a: &a [*a]\n").code == ErrorCode::invalid_input);
  CHECK(refused("a: *b\n").code == ErrorCode::invalid_input);
}

TEST_CASE("many keys are read in reasonable time") {
  std::string text;
  for (int i = 0; i < 90'000; ++i) text += "key" + std::to_string(i) + ": 1\n";
  CHECK(one(text).members.size() == 90'000);
}

TEST_CASE("merging of trees: mappings merge, all else replaces") {
  Node into = one("a: {x: 1, y: [1, 2]}\nb: 1\n");
  merge(into, one("a: {y: [3], z: 4}\nc: 5\n"));
  CHECK(same_value(into, one("c: 5\nb: 1\na: {x: 1, y: [3], z: 4}\n")));
  CHECK_FALSE(same_value(into, one("c: '5'\nb: 1\na: {x: 1, y: [3], z: 4}\n")));
}
