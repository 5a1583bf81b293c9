// SPDX-License-Identifier: Apache-2.0
#include "payload/json/entries.h"
#include "payload/base/format.h"

#include <catch2/catch_test_macros.hpp>

using namespace sealift;
using namespace sealift::json;

namespace {

struct Read {
  std::vector<std::string> entries;
  Result<Value> rest;
};

Read read(std::string_view text, const Limits& limits = {}) {
  Read out;
  out.rest = parse_entries(text, limits, [&](const Entry& entry) -> Result<void> {
    out.entries.push_back(base::format("{}{} {} {} {}", entry.member, entry.in_list ? "[]" : "{}", entry.number,
                                       entry.key, to_canonical(entry.value)));
    if (entry.value == Value("stop")) return fail(ErrorCode::cancelled, "stopped");
    return {};
  });
  return out;
}

Error refused(std::string_view text, const Limits& limits = {}) {
  auto out = read(text, limits);
  REQUIRE_FALSE(out.rest);
  return out.rest.error();
}

std::string lists(size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out += i == 0 ? "[]" : ",[]";
  return out;
}

}  // namespace

TEST_CASE("entries are visited in their order, and not kept") {
  const auto out = read(R"({"a":1,"list":[1,[2],{"x":[3]}],"map":{"k":{"z":[]},"l":"m"},"none":[]})");
  CHECK(out.entries == std::vector<std::string>{"list[] 1  1", "list[] 2  [2]", R"(list[] 3  {"x":[3]})",
                                                R"(map{} 1 k {"z":[]})", R"(map{} 2 l "m")"});
  REQUIRE(out.rest);
  CHECK(to_canonical(*out.rest) == R"({"a":1,"list":[],"map":{},"none":[]})");
}

TEST_CASE("keys of entries are sorted, each once; so are those of what is kept, in any order") {
  CHECK(refused(R"({"map":{"a":1,"a":2}})").what == "the key \"a\" stands twice in one object, or not in its place");
  CHECK(refused(R"({"map":{"b":1,"a":2}})").code == ErrorCode::corrupt);
  CHECK(refused(R"({"map":{"":1,"":2}})").code == ErrorCode::corrupt);
  CHECK(refused(R"({"map":{"a":{"x":1,"x":2}}})").what == "the key \"x\" stands twice in one object");
  CHECK(refused(R"({"map":{},"map":{}})").what == "the key \"map\" stands twice in one object");
  CHECK(read(R"({"b":{"z":1},"a":{"y":1}})").rest);
}

TEST_CASE("one entry is limited, many are not") {
  CHECK(read("{\"x\":[" + lists(kMaxEntryValues + 1) + "]}").rest);
  CHECK(read("{\"x\":[[" + lists(kMaxEntryValues - 1) + "]]}").rest);
  CHECK(refused("{\"x\":[1,[" + lists(kMaxEntryValues) + "]]}").what == "more than 100000 values in entry 2 of \"x\"");
}

TEST_CASE("what a visitor returns ends it") {
  CHECK(refused(R"({"x":["stop",1]})").code == ErrorCode::cancelled);
  CHECK(refused(R"({"x":[1,)").code == ErrorCode::corrupt);
  CHECK(refused("[[1]]", {.depth = 1}).code == ErrorCode::limit_exceeded);
}
