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

}  // namespace

TEST_CASE("the layout is stable") {
  const Node node = one("b: {d: [1, {e: x, f: []}], c: {}}\na: null\nlist: [[1, 2], [3]]\nt: \"l1\\nl2\\n\"\n");
  CHECK(to_yaml(node) == R"(b:
  d:
  - 1
  - e: x
    f: []
  c: {}
a: null
list:
- - 1
  - 2
- - 3
t: |
  l1
  l2
)");
}

TEST_CASE("a string that looks like something else keeps its quotes") {
  for (const std::string_view text :
       {"yes",  "no",   "on",  "Off", "true",  "null",     "~",          "",     "1",  "1.5", "0x1f",
        "1e3",  ".inf", "-1",  "+1",  "1_000", "12:30:45", "2024-01-01", "y",    "n",  "=",   "<<",
        "a: b", "a #b", "- a", "[a]", "{a",    "'a",       "\"a",        "a\tb", "*a", "&a",  "!a",
        "%a",   "@a",   "`a",  "?",   ":",     "-",        "---",        "...",  " a", "a ",  "a:"}) {
    const std::string yaml = to_yaml(Node::make_string(std::string(text)));
    INFO(yaml);
    CHECK(yaml.starts_with('"'));
    const Node back = one(yaml);
    CHECK(back.text == text);
    CHECK(back.quoted);
  }
  for (const std::string_view text : {"a", "flannel", "registry.k8s.io/pause", "cluster-admin", "/etc/x_y"})
    CHECK(to_yaml(Node::make_string(std::string(text))) == std::string(text) + "\n");
}

TEST_CASE("texts of all kinds come back as they were, in every position") {
  for (const std::string_view text : {"a\nb",
                                      "a\nb\n",
                                      "a\n\nb\n\n",
                                      "\na",
                                      "a\n\n\n",
                                      "\n",
                                      "\n\n",
                                      " a\nb",
                                      "a \nb",
                                      "a\n b\n",
                                      "a\tb\nc",
                                      "\ta\n",
                                      "a\r\nb",
                                      "# no comment\n---\n",
                                      "\x01 \x7f",
                                      "grün\n漢字\n",
                                      "a\xc2\x85"
                                      "b\nc",
                                      "a\xe2\x80\xa8"
                                      "b",
                                      "\xef\xbb\xbf"
                                      "a",
                                      "\\n",
                                      "'\"\\",
                                      "a: b\nc: d\n",
                                      "- x\n",
                                      "key: |\n  text\n",
                                      "x\n  ",
                                      "x\n ",
                                      "...\n",
                                      "%YAML\n"}) {
    Node node = Node::make_mapping();
    node.set("top", Node::make_string(std::string(text)));
    Node& list = node.set("list", Node::make_sequence());
    list.push_back(Node::make_string(std::string(text)));
    list.push_back(Node::make_mapping());
    list.items.back().set("in", Node::make_string(std::string(text)));
    list.push_back(Node::make_sequence());
    list.items.back().push_back(Node::make_string(std::string(text)));
    node.set("last", Node::make_string(std::string(text)));
    const std::string yaml = to_yaml(node);
    INFO(yaml);
    const Node back = one(yaml);
    CHECK(back.find("top")->text == text);
    CHECK(back.find("last")->text == text);
    CHECK(back.find("list")->items[0].text == text);
    CHECK(back.find("list")->items[1].find("in")->text == text);
    CHECK(back.find("list")->items[2].items[0].text == text);
    CHECK(to_yaml(back) == yaml);
    const Node alone = one(to_yaml(Node::make_string(std::string(text))));
    CHECK(alone.text == text);
  }
}

TEST_CASE("a plain scalar that came from elsewhere can't become structure") {
  for (const std::string_view text :
       {"a: b", "x\ny: z", "a #b", "[1", "{", "*a", "- a", "a:", "'", " a", "---", "a\n- b"}) {
    Node node = Node::make_mapping();
    node.set("k", Node::make_plain(std::string(text)));
    const Node back = one(to_yaml(node));
    CHECK(back.find("k")->text == text);
    CHECK(back.members.size() == 1);
  }
  CHECK(to_yaml(one("a: 1\nb: true\nc: 2024-01-01\nd: -5\ne: http://x/y?z=1\n")) ==
        "a: 1\nb: true\nc: 2024-01-01\nd: -5\ne: http://x/y?z=1\n");
}

TEST_CASE("keys") {
  Node node = Node::make_mapping();
  for (const char* key : {"a", "8080", "on", "a b", "node-role.kubernetes.io/worker", "", "k: v", "ü", "\"", "~"})
    node.set(key, Node::make_plain("1"));
  const std::string yaml = to_yaml(node);
  INFO(yaml);
  CHECK(same_value(one(yaml), node));
  CHECK(yaml.contains("\"8080\": 1\n"));
  CHECK(yaml.contains("\"on\": 1\n"));
}

TEST_CASE("documents are separated") {
  CHECK(to_yaml(std::vector<Node>{one("a: 1"), one("[b]")}) == "a: 1\n---\n- b\n");
  CHECK(parse(to_yaml(std::vector<Node>{one("a: \"x\\n\\n\""), one("[b]")}), "x")->size() == 2);
}
