// SPDX-License-Identifier: Apache-2.0
#include "runtime/host/trace.h"

#include <catch2/catch_test_macros.hpp>
#include <string>

using namespace sealift;
using namespace sealift::host;
using Kind = Trace::Kind;

TEST_CASE("a footprint's lines are these bytes, and are read as what was written") {
  const Footprint footprint{{Kind::path, "/etc/a \"b\"", "file 0644 0:0"},
                            {Kind::path, "/etc/é", "link 0777 0:0 x\ny"},
                            {Kind::link, "cni0", ""},
                            {Kind::process, "/usr/sbin/sshd", ""}};
  const std::string lines = footprint_lines(footprint);
  CHECK(lines ==
        "{\"kind\":\"path\",\"name\":\"/etc/a \\\"b\\\"\",\"value\":\"file 0644 0:0\"}\n"
        "{\"kind\":\"path\",\"name\":\"/etc/é\",\"value\":\"link 0777 0:0 x\\ny\"}\n"
        "{\"kind\":\"link\",\"name\":\"cni0\",\"value\":\"\"}\n"
        "{\"kind\":\"process\",\"name\":\"/usr/sbin/sshd\",\"value\":\"\"}\n");
  const auto read = parse_footprint(lines);
  REQUIRE(read);
  CHECK(*read == footprint);
  CHECK(parse_footprint("")->empty());
  for (size_t cut = 0; cut < lines.size(); ++cut) {
    INFO("cut at " << cut);
    const auto part = parse_footprint(std::string_view(lines).substr(0, cut));
    const bool at_end_of_line = cut == 0 || lines[cut - 1] == '\n';
    CHECK(part.has_value() == at_end_of_line);
    if (!part) CHECK(part.error().code == ErrorCode::corrupt);
  }
}

TEST_CASE("a footprint that is none says in which line") {
  const std::string good = R"({"kind":"link","name":"cni0","value":""})";
  const auto says = [](const std::string& lines, std::string_view expected) {
    INFO(lines);
    const auto read = parse_footprint(lines);
    REQUIRE_FALSE(read);
    CHECK(read.error().code == ErrorCode::corrupt);
    CHECK(read.error().what.contains(expected));
  };
  says("\n", "line 1 ");
  says(good + "\nx\n", "line 2 ");
  says(good + "\n[]\n", "line 2 ");
  says(good + "\n" + R"({"kind":"unheard-of","name":"a","value":""})" + "\n", "line 2 of the footprint: \"kind\"");
  says(good + "\n" + R"({"kind":"user","name":"a"})" + "\n", "line 2 of the footprint: \"value\" is missing");
  says(good + "\n" + R"({"kind":"user","name":7,"value":""})" + "\n", "line 2 of the footprint: \"name\"");
  says(good + "\n" + good + "\n", "line 2 of the footprint: not in order, or there twice");
  says(good + "\n" + R"({"kind":"link","name":"cni0","value":"x"})" + "\n", "line 2 ");
  says(good + "\n" + R"({"kind":"link","name":"a","value":""})" + "\n", "line 2 ");
  says(good + "\n" + R"({"kind":"path","name":"x","value":""})" + "\n", "line 2 ");
  says(R"({"kind":"link","name":")" + std::string(200'000, 'x') + R"(","value":""})" + "\n", "line 1 ");
}

TEST_CASE("a footprint has no more lines than the limit") {
  const auto most = parse_footprint(std::string(kMaxTraces, '\n')),
             more = parse_footprint(std::string(kMaxTraces + 1, '\n'));
  REQUIRE_FALSE(most);
  CHECK(most.error().what.starts_with("line 1 of the footprint: "));
  REQUIRE_FALSE(more);
  CHECK(more.error().what == "line 300001 of the footprint: there may be 300000 at most");
}
