// SPDX-License-Identifier: Apache-2.0
#include "runtime/report/check_report.h"

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>

#include "payload/base/file.h"
#include "payload/json/value.h"
#include "tests/support/source_tree.h"

using namespace sealift;
using inspection::Verdict;

namespace {

report::Observations found() {
  return {{"disk.space", "w1", Verdict::warn, "9 GiB of 100 GiB are free on / (9 %)", "remove files"},
          {"disk.space", "w2", Verdict::ok, "50 GiB of 100 GiB are free on / (50 %)", ""},
          {"host.answers", "w3", Verdict::fail, "does not answer: <no route> & \"nothing\"", "look at its power"}};
}

// SEALIFT_ACCEPT=1 writes it.
void check_golden(const std::string& name, const std::string& text) {
  const std::string path = tests::source_path("tests/golden/check/" + name);
  if (std::getenv("SEALIFT_ACCEPT") != nullptr) REQUIRE(base::write_file_atomic(path, base::as_bytes(text), 0644));
  CHECK(base::read_text_file(path, size_t{1} << 20) == text);
}

std::string joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const auto& line : lines) out += line + "\n";
  return out;
}

}  // namespace

TEST_CASE("check for people: what fails first, then warnings, with what to do") {
  check_golden("text.txt", joined(report::check_lines(found(), false)));
  check_golden("all.txt", joined(report::check_lines(found(), true)));
}

TEST_CASE("check as JSON, one object a line") {
  std::string lines;
  for (const auto& one : found()) lines += report::to_json(one) + "\n";
  check_golden("lines.jsonl", lines);
}

TEST_CASE("check as JUnit") {
  check_golden("junit.xml",
               report::to_junit(found(), "plant7", WallTime(Duration{1'800'000'000'000}), Duration{1'250}));
}

TEST_CASE("check: the sums") {
  CHECK(report::check_sums(found()) == "1 ok, 1 warning, 1 failed");
  CHECK(report::check_sums({}) == "0 ok, 0 warnings, 0 failed");
}

TEST_CASE("check --watch: only what is said differently") {
  const auto before = found();
  CHECK(report::changes(before, before).empty());
  auto now = before;
  now[0].evidence = "8 GiB of 100 GiB are free on / (8 %)";  // no other verdict
  CHECK(report::changes(before, now).empty());
  now[1].verdict = Verdict::fail;
  now.pop_back();  // the host answers again, and says nothing of it
  const auto changed = report::changes(before, now);
  REQUIRE(changed.size() == 2);
  CHECK(changed[0].subject == "w2");
  CHECK(changed[0].verdict == Verdict::fail);
  CHECK(changed[1].subject == "w3");
  CHECK(changed[1].verdict == Verdict::ok);
  // several about the same: the worst of them counts
  auto both = before;
  both.push_back({"disk.space", "w1", Verdict::fail, "1 GiB of 10 GiB are free on /var (1 %)", "remove files"});
  CHECK(report::changes(before, both).size() == 1);
  CHECK(report::changes(both, before).size() == 1);
}
