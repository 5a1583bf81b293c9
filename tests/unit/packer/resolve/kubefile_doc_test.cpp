// SPDX-License-Identifier: Apache-2.0
//
// packer/KUBEFILE.md shows only what works: every example is parsed by the code that reads Kubefiles and base.yaml.
#include <catch2/catch_test_macros.hpp>

#include <algorithm>

#include "packer/resolve/kubefile.h"
#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/format/base_document.h"
#include "tests/support/source_tree.h"

using namespace sealift;

namespace {

std::string document() {
  auto text = base::read_text_file(tests::source_path("packer/KUBEFILE.md"), size_t{1} << 20);
  REQUIRE(text);
  return std::move(*text);
}

std::vector<std::string> examples(const std::string& text, std::string_view language) {
  std::vector<std::string> out;
  const std::string begin = "\n```" + std::string(language) + "\n";
  for (size_t at = text.find(begin); at != std::string::npos; at = text.find(begin, at)) {
    at += begin.size();
    const size_t end = text.find("```\n", at);
    REQUIRE(end != std::string::npos);
    out.push_back(text.substr(at, end - at));
  }
  return out;
}

}  // namespace

TEST_CASE("every Kubefile in KUBEFILE.md is one") {
  const auto found = examples(document(), "kubefile");
  REQUIRE(found.size() >= 3);
  for (const auto& example : found) {
    INFO(example);
    const auto parsed = resolve::parse_kubefile(example, "KUBEFILE.md", {}).problems.joined();
    INFO((parsed ? "" : parsed.error().text()));
    CHECK(parsed);
  }
}

TEST_CASE("KUBEFILE.md shows every instruction as the table has it") {
  const std::string text = document();
  for (const auto& verb : resolve::verbs()) {
    INFO(verb.word);
    if (!verb.refused.empty()) {
      CHECK(text.contains(base::format("`{}`", verb.word)));
      continue;
    }
    for (std::string_view rest = verb.usage; !rest.empty();) {  // "NAME | NAME=default" are two lines
      const auto bar = std::min(rest.find(" | "), rest.size());
      CHECK(text.contains(base::format("\n    {} {}\n", verb.word, rest.substr(0, bar))));
      rest.remove_prefix(std::min(bar + 3, rest.size()));
    }
    CHECK((text.contains(base::format("### {}\n", verb.word)) || text.contains(base::format(" and {}\n", verb.word)) ||
           text.contains(base::format("### {} and", verb.word))));
  }
}

TEST_CASE("the base.yaml in KUBEFILE.md is one") {
  const auto found = examples(document(), "yaml");
  REQUIRE(found.size() == 1);
  const auto parsed = format::parse_base_document(found[0], "KUBEFILE.md");
  INFO((parsed ? "" : parsed.error().text()));
  CHECK(parsed);
}

TEST_CASE("KUBEFILE.md names every word that is refused") {
  const std::string text = document();
  for (const std::string word :
       {"RUN", "CMD", "CMDS", "APPCMDS", "APPENV", "CSI", "KUBEVERSION", "MAINTAINER", "ENTRYPOINT", "WORKDIR", "USER",
        "VOLUME", "EXPOSE", "HEALTHCHECK", "STOPSIGNAL", "SHELL", "ONBUILD"}) {
    INFO(word);
    CHECK(std::ranges::contains(resolve::verbs(), word, &resolve::Verb::word));
    CHECK(text.contains("`" + word + "`"));
    const auto parsed = resolve::parse_kubefile("FROM scratch\n" + word + " x\n", "Kubefile", {}).problems.joined();
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().code == ErrorCode::unsupported);
    CHECK(parsed.error().text().contains("Kubefile:2"));
  }
}
