// SPDX-License-Identifier: Apache-2.0
#include "packer/convert/shell.h"

#include <catch2/catch_test_macros.hpp>

using namespace sealift::convert;

namespace {

using Words = std::vector<std::string>;

Command only(std::string_view text, Variables variables = {}) {
  const auto commands = read_commands(text, 1, variables);
  INFO(text);
  REQUIRE(commands.size() == 1);
  return commands[0];
}

}  // namespace

TEST_CASE("variables are replaced in all their forms") {
  const Variables variables{{"NAME", "redis"}, {"EMPTY", ""}};
  CHECK(expand("a-$(NAME)-$NAME-${NAME}", variables) == "a-redis-redis-redis");
  CHECK(expand("${NAME:-x} ${OTHER:-x} ${EMPTY:-x} ${EMPTY-x} ${OTHER:-\"${NAME}\"}", variables) ==
        "redis x x  \"redis\"");
  CHECK(expand(R"('$NAME' '$(NAME)' \$NAME)", variables) == R"('$NAME' 'redis' \$NAME)");
  std::string unread;
  CHECK(expand("$OTHER", variables, &unread) == "$OTHER");
  CHECK(unread == "the value of $OTHER is not known");
  CHECK(expand("${", variables) == "${");
  CHECK(expand("$", variables) == "$");
}

TEST_CASE("commands end at line ends, semicolons and &&") {
  Variables none;
  const auto commands = read_commands("cd a && ./b.sh \\\n  'c d'; e # f\n\n# g\n\"h\ni\"", 3, none);
  REQUIRE(commands.size() == 4);
  CHECK(commands[0].words == Words{"cd", "a"});
  CHECK(commands[1].words == Words{"./b.sh", "c d"});
  CHECK(commands[2].words == Words{"e"});
  CHECK(commands[2].line == 4);
  CHECK(commands[3].words == Words{"h\ni"});
  CHECK(commands[3].line == 7);
}

TEST_CASE("assignments are remembered and are no commands") {
  Variables variables;
  const auto commands = read_commands("export A=\"x y\"\nB=${A}\nC=1 run $B", 1, variables);
  REQUIRE(commands.size() == 1);
  CHECK(commands[0].words == Words{"run", "x", "y"});
  CHECK(variables["A"] == "x y");
}

TEST_CASE("what words do not tell is unread, with its reason") {
  CHECK(only("a | b").unread == "a pipe");
  CHECK(only("if true").unread == "it depends on conditions");
  CHECK(only("a || b").unread == "it depends on conditions");
  CHECK(only("a || true").unread.empty());
  CHECK(only("a > file").unread == "it writes a file");
  CHECK(only("a >/dev/null 2>&1").words == Words{"a"});
  CHECK(only("a &>/dev/null").words == Words{"a"});
  CHECK(only("kubectl apply -f - <<EOF").unread == "a text in the script");
  CHECK(only("a $(b c)").unread == "the value of $(b c) is not known");
}

TEST_CASE("a command's short text has no settings") {
  CHECK(short_text(only("helm install a --set password=x")) == "helm install a …");
  CHECK(short_text(only("run a=b c")) == "run …");
}

TEST_CASE("a file that would grow without end is not read") {
  Variables variables{{"A0", "0123456789abcdef"}};
  std::string text;
  for (int i = 1; i < 40; ++i)
    text += "A" + std::to_string(i) + "=$A" + std::to_string(i - 1) + "$A" + std::to_string(i - 1) + "\n";
  const auto commands = read_commands(text + "run $A39", 1, variables);
  REQUIRE(commands.size() == 1);
  CHECK_FALSE(commands[0].unread.empty());
  std::string nested;
  for (int i = 0; i < 20'000; ++i) nested += "${a:-";
  CHECK(read_commands(nested, 1, variables).size() <= 1);
  CHECK(read_commands("f() {\nf\nf\nf\n}\nf\n", 1, variables).size() < 1000);
}
