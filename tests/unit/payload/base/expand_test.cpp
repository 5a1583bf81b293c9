// SPDX-License-Identifier: Apache-2.0
#include "payload/base/expand.h"

#include <catch2/catch_test_macros.hpp>

#include <map>
#include <string_view>

using namespace sealift;
using base::ExpandProblem;
using base::ExpandRules;

namespace {

using Kind = ExpandProblem::Kind;

ExpandRules rules() {
  return {.value = [](const std::string& name) -> std::optional<std::string> {
    const std::map<std::string, std::string> known{{"A", "one"}, {"EMPTY", ""}, {"DOLLAR", "${A}$"}, {"a-b.c", "odd"}};
    const auto found = known.find(name);
    return found == known.end() ? std::nullopt : std::optional(found->second);
  }};
}

std::string expanded(std::string_view text, const ExpandRules& how = rules()) {
  const auto out = base::expand(text, how);
  INFO(text);
  REQUIRE(out);
  return *out;
}

ExpandProblem problem(std::string_view text, const ExpandRules& how = rules()) {
  const auto out = base::expand(text, how);
  INFO(text);
  REQUIRE_FALSE(out);
  return out.error();
}

}  // namespace

TEST_CASE("a variable is replaced by its value, which is not looked into again") {
  CHECK(expanded("") == "");
  CHECK(expanded("none") == "none");
  CHECK(expanded("${A}") == "one");
  CHECK(expanded("<${A}${A}> ${A}") == "<oneone> one");
  CHECK(expanded("${DOLLAR}${A}") == "${A}$one");
  CHECK(expanded("<${EMPTY}>") == "<>");
}

TEST_CASE("a default stands for a variable that is not set or empty, as it is written") {
  CHECK(expanded("${A:-x}") == "one");
  CHECK(expanded("${EMPTY:-x}") == "x");
  CHECK(expanded("${NONE:-x y}") == "x y");
  CHECK(expanded("<${NONE:-}>") == "<>");
  CHECK(expanded("${NONE:-a:-b}") == "a:-b");
  CHECK(expanded("${NONE:-${A}") == "${A");  // up to the next brace
}

TEST_CASE("a doubled dollar keeps what would be a variable, whatever the rules") {
  using Dollars = ExpandRules::Dollars;
  for (const auto dollars : {Dollars::as_written, Dollars::doubled, Dollars::strict}) {
    auto how = rules();
    how.dollars = dollars;
    CHECK(expanded("$${A}", how) == "${A}");
    CHECK(expanded("$${", how) == "${");
    CHECK(expanded("${A}$${A}${A}", how) == "one${A}one");
  }
}

TEST_CASE("a dollar that begins no variable stays, is doubled, or is refused with its place") {
  auto how = rules();
  CHECK(expanded("$ $A $$ $$A a$", how) == "$ $A $$ $$A a$");
  CHECK(expanded("$$${A}", how) == "$${A}");
  how.dollars = ExpandRules::Dollars::doubled;
  CHECK(expanded("$ $A $$ $$A a$", how) == "$ $A $ $A a$");
  CHECK(expanded("$$${A}", how) == "$one");
  how.dollars = ExpandRules::Dollars::strict;
  CHECK(expanded("$$ $$A$$", how) == "$ $A$");
  CHECK(expanded("$$${A}", how) == "$one");
  for (const char* text : {"ab$A", "ab$", "$$b$"}) {
    const auto found = problem(text, how);
    CHECK(found.kind == Kind::lone_dollar);
    CHECK(found.offset == std::string_view(text).find_last_of('$'));
  }
}

TEST_CASE("what can't be replaced is told with its kind, name and place") {
  const auto unset = problem("${A} ${NONE}");
  CHECK((unset.kind == Kind::not_set && unset.name == "NONE" && unset.offset == 5));
  const auto open = problem("x${A");
  CHECK((open.kind == Kind::not_closed && open.offset == 1));
  CHECK(problem("${}").kind == Kind::not_set);
}

TEST_CASE("names are any text, or identifiers where that is the rule") {
  auto strict = rules();
  strict.names = ExpandRules::Names::identifiers;
  CHECK(expanded("${a-b.c}") == "odd");
  CHECK(expanded("${A} ${_a1:-x}", strict) == "one x");
  for (const char* text : {"${a-b.c}", "${1A}", "${}", "${ A}", "${:-x}", "${a.b:-x}"}) {
    INFO(text);
    CHECK(problem(text, strict).kind == Kind::bad_name);
  }
}

TEST_CASE("variables that make a text large beyond use") {
  ExpandRules how = rules();
  how.limit = 6;
  CHECK(expanded("${A}${A}", how) == "oneone");
  const auto found = problem("${A}${A}${A}", how);
  CHECK(found.kind == Kind::too_long);
  CHECK(found.name == "A");
  CHECK(found.offset == 8);
}
