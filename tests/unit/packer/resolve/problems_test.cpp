// SPDX-License-Identifier: Apache-2.0
// One run tells everything that is wrong and can be known without fetching.
#include "packer/resolve/problems.h"

#include "packer/resolve/kubefile.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "tests/unit/packer/resolve/context.h"

using namespace sealift;
using tests::Context;

namespace {

// The problems of a refusal, one a line.
std::vector<std::string> problems_of(const std::string& text) {
  std::vector<std::string> out;
  for (const auto line : base::split(text, '\n')) out.emplace_back(base::trim(line));
  REQUIRE(out.size() > 1);
  CHECK(out.front() == base::format("{} problems:", out.size() - 1));
  out.erase(out.begin());
  return out;
}

}  // namespace

TEST_CASE("several problems are one error with the first one's code; a single one stays as it is") {
  resolve::Problems problems;
  CHECK(problems.joined());
  CHECK(problems.note(Result<void>()));
  CHECK(problems.note(Result<int>(7)) == 7);
  CHECK(problems.empty());
  CHECK_FALSE(problems.note(Result<int>(fail(ErrorCode::unsupported, "one"))));
  const auto one = problems.joined();
  REQUIRE_FALSE(one);
  CHECK(one.error().what == "one");
  problems.add(fail(ErrorCode::usage, "two"));
  problems.add(fail(ErrorCode::usage, "two"));  // seen twice, told once
  const auto two = problems.joined();
  REQUIRE_FALSE(two);
  CHECK(two.error().code == ErrorCode::unsupported);
  CHECK(two.error().what == "2 problems:\n  one\n  two");
  for (int i = 0; i < 100; ++i) problems.add(fail(ErrorCode::usage, "more {}", i));
  const auto many = problems.joined().error().what;
  CHECK(many.starts_with("102 problems:"));
  CHECK(base::split(many, '\n').size() == 1 + resolve::Problems::kMost + 1);
  CHECK(many.ends_with("… and 52 more"));
}

TEST_CASE("lines, files, names and templates: everything that is wrong with a Kubefile is told in one run") {
  const Context context;
  context.write("bad/a.yaml", "kind: ConfigMap\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Secret\n");
  context.write("bad/b.yaml", "kind: [x\n");
  context.write("motd.tmpl", "${NODE_NMAE}\n");
  const auto told = problems_of(context.refused(
      "LABLE a=b\nCOPY nothing x\nAPP good local://app NEEDS godo\nAPP bad local://bad\nFILE motd.tmpl /etc/motd\n"
      "FILE --mode=9 one /etc/one\nVALUES good one\nLAUNCH [\"good\", \"bda\"]\nIMAGE Not:A:Name\n"));
  INFO(base::join(told, "\n"));
  REQUIRE(told.size() == 11);
  CHECK(told[0].starts_with("Kubefile:2: the instruction \"LABLE\""));
  CHECK(told[1].starts_with("Kubefile:7:6: --mode"));
  CHECK(told[2].starts_with("Kubefile:3:6: nothing is not there"));
  CHECK(told[3].starts_with("Kubefile:5: bad/a.yaml:1: the object has no apiVersion"));
  CHECK(told[4].starts_with("Kubefile:5: bad/a.yaml:4: the Secret has no metadata.name"));
  CHECK(told[5].starts_with("Kubefile:5: bad/b.yaml:"));
  CHECK(told[6].starts_with("Kubefile:10:7: \"Not:A:Name\""));
  CHECK(told[7].starts_with("Kubefile:8:8: good consists of manifests"));
  CHECK(
      told[8].starts_with("Kubefile:4:28: the application \"good\" NEEDS \"godo\", which is not packed; did you mean"));
  CHECK(told[9].starts_with("Kubefile:9:17: LAUNCH names \"bda\", which is not packed; did you mean \"bad\"?"));
  CHECK(told[10].starts_with("Kubefile:6: motd.tmpl:1: no host knows the variable NODE_NMAE; did you mean NODE_NAME?"));
}

TEST_CASE("what may follow from another problem is not told") {
  const Context context;
  // an APP line that can't be read, a base that is not there: names may be theirs
  CHECK(context.refused("APP redis ./app\nAPP erp local://app NEEDS redis\nLAUNCH [\"redis\"]\nVALUES redis one\n") ==
        "Kubefile:2:11: \"./app\" is no source; for a path write local://./app");
  CHECK(context.refused("AP redis local://app\nLAUNCH [\"redis\"]\n") ==
        "Kubefile:2: the instruction \"AP\" is not known; did you mean APP?");
  // a variable without a value
  const auto parsed = resolve::parse_kubefile(
      "ARG BASE\nARG OTHER=${BASE}\nFROM ${BASE}\nCOPY ${OTHER} x\nENV BASE=b\nLABEL a=${BASE}\n", "Kubefile", {});
  const auto told = parsed.problems.joined();
  REQUIRE_FALSE(told);
  CHECK(told.error().code == ErrorCode::usage);
  CHECK(told.error().what == "Kubefile:1: ARG BASE has no default; give --build-arg BASE=…");
  CHECK_FALSE(parsed.is_complete);
  REQUIRE(parsed.instructions.size() == 2);  // ENV and LABEL
}

TEST_CASE("a base that can't be read is told with everything else, but not what it might have brought") {
  const Context context;
  context.write("chart/Chart.yaml", "name: erp\nversion: 1.0.0\n");
  const auto done = context.resolve_text("FROM none.run\nAPP erp local://chart NEEDS cache\nCOPY none x\n");
  REQUIRE_FALSE(done);
  const auto told = problems_of(done.error().text());
  REQUIRE(told.size() == 2);
  CHECK(told[0].contains("Kubefile:1:6: the base none.run can't be read"));
  CHECK(told[1].contains("Kubefile:3:6:"));
}
