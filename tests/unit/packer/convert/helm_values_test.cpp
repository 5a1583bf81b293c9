// SPDX-License-Identifier: Apache-2.0
#include "packer/convert/helm_values.h"

#include <catch2/catch_test_macros.hpp>

using namespace sealift;
using convert::SetType;

namespace {

std::string set(std::string_view text, SetType type = SetType::guessed) {
  yaml::Node values = yaml::Node::make_mapping();
  const auto done = convert::set_values(text, type, values);
  INFO(text);
  REQUIRE(done);
  return yaml::to_yaml(values);
}

}  // namespace

TEST_CASE("--set makes maps, lists and typed values as helm does") {
  CHECK(set("a.b=c,a.d=true,e=5,f=007,g=null") == "a:\n  b: c\n  d: true\ne: 5\nf: \"007\"\ng: null\n");
  CHECK(set("a[1].x=v,a[0]=z") == "a:\n- z\n- x: v\n");
  CHECK(set("args={--one,two=2}") == "args:\n- \"--one\"\n- \"two=2\"\n");
  CHECK(set("host=a\\.b\\,c,node\\.role/x=1") == "host: \"a.b,c\"\nnode.role/x: 1\n");
  CHECK(set("a=true,b=1", SetType::string) == "a: \"true\"\nb: \"1\"\n");
  CHECK(set("url=https://x:30000/?a=b") == "url: \"https://x:30000/?a=b\"\n");
}

TEST_CASE("what is no setting is refused without its value") {
  yaml::Node values;
  for (const std::string_view text : {"a", "a[x]=1", "a[99999999]=1", "[0]=x", "a[0]b=1", "=1"}) {
    INFO(text);
    CHECK_FALSE(convert::set_values(text, SetType::guessed, values));
  }
  CHECK_FALSE(convert::set_values("a[=secret", SetType::guessed, values).error().what.contains("secret"));
}
