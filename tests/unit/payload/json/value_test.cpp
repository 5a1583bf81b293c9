// SPDX-License-Identifier: Apache-2.0
#include "payload/json/value.h"

#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>

using namespace sealift;
using namespace sealift::json;

namespace {

Value good(std::string_view text) {
  auto value = parse(text);
  INFO(text);
  if (!value) FAIL(value.error().text());
  return *value;
}

Error refused(std::string_view text, const Limits& limits = {}) {
  auto value = parse(text, limits);
  INFO(text);
  REQUIRE_FALSE(value);
  return value.error();
}

}  // namespace

TEST_CASE("canonical text: keys sorted, no blanks, the same bytes for the same value") {
  CHECK(to_canonical(good(R"( {"b": [1, -2, 1.5, true, null, "x\u00e9\n"], "a": {}} )")) ==
        "{\"a\":{},\"b\":[1,-2,1.5,true,null,\"xé\\n\"]}");
  Value made = Value::object();
  made.set("z", 1);
  made.set("a", "text");
  made.set("l", Value::array());
  CHECK(to_canonical(made) == R"({"a":"text","l":[],"z":1})");
  CHECK(to_pretty(made) == "{\n  \"a\": \"text\",\n  \"l\": [],\n  \"z\": 1\n}");
  CHECK(to_canonical(good(R"({"$z":1,"A":2,"a":3})")) == R"({"$z":1,"A":2,"a":3})");
}

TEST_CASE("numbers keep their value up to the last bit") {
  CHECK(good("18446744073709551615").unsigned_integer() == UINT64_MAX);
  CHECK_FALSE(good("18446744073709551615").integer());
  CHECK(good("-9223372036854775808").integer() == INT64_MIN);
  CHECK_FALSE(good("-1").unsigned_integer());
  CHECK(good("7").integer() == 7);
  CHECK_FALSE(good("1.0").integer());
  CHECK(good("1.0").number() == 1.0);
  CHECK(to_canonical(Value(UINT64_MAX)) == "18446744073709551615");
  CHECK(Value(5) == Value(uint64_t{5}));
  CHECK_FALSE(Value(-1) == Value(UINT64_MAX));
}

TEST_CASE("what is not one JSON value is refused") {
  for (const std::string_view text :
       {"",   " ",  "{",        "[1,]",     "{\"a\":1,}",  "{a:1}", "'a'",   "1 2", "{} x",  "nul",    "01",
        "+1", ".5", "\"\x01\"", "\"\xff\"", "\"\\ud800\"", "[1 2]", "/**/1", "NaN", "1e999", "-1e999", "\"\\x\""}) {
    CHECK(refused(text).code == ErrorCode::corrupt);
  }
  CHECK(refused(R"({"a":1,"a":2})").what == "the key \"a\" stands twice in one object");
  CHECK(refused(R"({"x":{"a":1,"b":0,"\u0061":2}})").code == ErrorCode::corrupt);
  CHECK(refused("{\"a\": x}").what.contains("at byte"));
}

TEST_CASE("limits") {
  CHECK(good(std::string(64, '[') + std::string(64, ']')).is_array());
  CHECK(refused(std::string(65, '[') + std::string(65, ']')).code == ErrorCode::limit_exceeded);
  CHECK(refused(std::string(1'000'000, '[')).code == ErrorCode::limit_exceeded);
  CHECK(refused("[1,2]", {.bytes = 4}).code == ErrorCode::limit_exceeded);
  CHECK(refused("[[1]]", {.depth = 1}).code == ErrorCode::limit_exceeded);
  // a value (or key) for each twenty bytes that are allowed
  const auto brackets = [](size_t count) {
    std::string out = "[";
    for (size_t i = 1; i < count; ++i) out += "{},";
    return out + "{}]";
  };
  CHECK(json::parse(brackets(4'999), {.bytes = 100'000}));
  CHECK(refused(brackets(5'000), {.bytes = 100'000}).code == ErrorCode::limit_exceeded);
  CHECK(json::parse(brackets(20), {.bytes = 100}));
}

TEST_CASE("a copy is a value of its own") {
  Value a = good(R"({"x":{"y":[1]}})");
  Value b = a;
  b.set("x", 2);
  CHECK(a.at_path("x/y/0")->integer() == 1);
  CHECK(b.find("x")->integer() == 2);
  Value list = Value::array();
  Value same = list;
  same.push_back(list);
  CHECK(list.elements()->empty());
  CHECK(same.elements()->size() == 1);
  Value itself = Value::array();
  itself.push_back(itself);
  CHECK(to_canonical(itself) == "[[]]");
}

TEST_CASE("looking for members") {
  const Value value = good(R"({"a":{"b":["x",{"c":true}]},"n":3,"t":"text","neg":-1})");
  CHECK(value.at_path("a/b/1/c")->boolean() == true);
  CHECK(value.at_path("a/b/2") == nullptr);
  CHECK(value.at_path("a/b/-1") == nullptr);
  CHECK(value.at_path("t/x") == nullptr);
  CHECK(value.text("t") == "text");
  CHECK(value.text("n").error().what.contains("\"n\""));
  CHECK(value.natural("n") == uint64_t{3});
  CHECK(value.natural("neg").error().code == ErrorCode::corrupt);
  CHECK(value.natural("absent").error().what.contains("\"absent\""));
  CHECK(value.text_or("absent", "other") == "other");
  CHECK(value.natural_or("t", 9) == 9);
  CHECK(value.boolean_or("n", true));
  CHECK(Value("x").find("a") == nullptr);
}

TEST_CASE("bytes that are not UTF-8 are still written as JSON") {
  const std::string text = to_canonical(Value(std::string("a\xff") + "b"));
  CHECK(text ==
        "\"a\xef\xbf\xbd"
        "b\"");
  CHECK(parse(text));
}

TEST_CASE("a number that is not finite has no text in JSON") {
  CHECK(to_canonical(Value(std::numeric_limits<double>::infinity())) == "null");
}
