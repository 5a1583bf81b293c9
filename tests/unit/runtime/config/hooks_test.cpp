// SPDX-License-Identifier: Apache-2.0
// Documents of kind Hook: what arrives, and what can't be said.
#include <catch2/catch_test_macros.hpp>

#include "payload/base/format.h"
#include "payload/yaml/node.h"
#include "runtime/config/parse.h"

using namespace sealift;
using namespace sealift::config;
using Phase = HookConfig::Phase;
using On = HookConfig::On;

namespace {

constexpr std::string_view kCluster = R"(apiVersion: sealift.dev/v1
kind: Cluster
metadata: {name: x}
spec:
  hosts:
  - {address: 10.7.0.11, role: control-plane, name: alpha}
  - {address: 10.7.0.12, role: worker}
)";

ParsedConfig parsed(const std::string& text) {
  const std::map<std::string, std::string> files{{"site/a.sh", "#!/bin/sh\ntrue\n"},
                                                 {"site/b",
                                                  "\x7f"
                                                  "ELF…"},
                                                 {"site/notes", "echo hello\n"},
                                                 {"site/pw", "hunter2\n"}};
  const FileReader read = [files](const std::string& path, size_t) -> Result<std::string> {
    const auto found = files.find(path);
    if (found == files.end()) return fail(ErrorCode::not_found, "open {}: not there", path);
    return found->second;
  };
  auto result = parse_cluster_config(text, "site/cluster.yaml", {}, read);
  if (!result) FAIL(result.error().text());
  return std::move(*result);
}

// The document begins at line 9, its spec's fields at line 13.
ParsedConfig with_hook(std::string_view spec, std::string_view name = "tidy") {
  return parsed(base::format("{}---\napiVersion: sealift.dev/v1\nkind: Hook\nmetadata: {{name: {}}}\nspec:\n{}",
                             kCluster, name, spec));
}

HookConfig good(std::string_view spec) {
  auto result = with_hook(spec);
  INFO(spec);
  if (!result.problems.empty()) FAIL(to_error(result.problems).what);
  REQUIRE(result.config.hooks.size() == 1);
  return std::move(result.config.hooks.front());
}

void one_problem(const ParsedConfig& result, int line, int column, std::string_view why) {
  INFO(to_error(result.problems).what);
  REQUIRE(result.problems.size() == 1);
  CHECK(result.problems[0].line == line);
  CHECK(result.problems[0].column == column);
  CHECK(result.problems[0].message.contains(why));
  CHECK(result.problems[0].code == ErrorCode::invalid_config);
}

}  // namespace

TEST_CASE("hooks: every field arrives") {
  const auto hook = good(
      "  before: hosts\n  on: [alpha, 10.7.0.12]\n  program: a.sh\n  arguments: [--fast, 2, \"a b\"]\n"
      "  inputFile: pw\n  timeout: 90s\n  everyRun: true\n");
  CHECK(hook.name == "tidy");
  CHECK(hook.is_before);
  CHECK(hook.phase == Phase::hosts);
  CHECK(hook.on == On::named);
  CHECK(hook.hosts == std::vector<std::string>{"alpha", "10.7.0.12"});
  CHECK(hook.program == "#!/bin/sh\ntrue\n");
  CHECK(hook.packed.empty());
  CHECK(hook.arguments == std::vector<std::string>{"--fast", "2", "a b"});
  CHECK(hook.input.reveal() == "hunter2\n");
  CHECK(hook.timeout == Duration{90'000});
  CHECK(hook.every_run);
}

TEST_CASE("hooks: the moments, and where a hook runs if it does not say") {
  struct Case {
    const char* moment;
    bool before;
    Phase phase;
    On on;
  };
  for (const auto& [moment, before, phase, on] :
       {Case{"before: hosts", true, Phase::hosts, On::all}, Case{"after: hosts", false, Phase::hosts, On::all},
        Case{"after: cluster", false, Phase::cluster, On::one_control_plane},
        Case{"before: app/erp", true, Phase::app, On::one_control_plane},
        Case{"before: remove", true, Phase::remove, On::all}, Case{"after: reset", false, Phase::reset, On::all}}) {
    const auto hook = good(base::format("  {}\n  packedProgram: bin/x\n", moment));
    INFO(moment);
    CHECK(hook.is_before == before);
    CHECK(hook.phase == phase);
    CHECK(hook.on == on);
    CHECK(hook.app == (phase == Phase::app ? "erp" : ""));
    CHECK(hook.packed == "bin/x");
    CHECK(hook.timeout == Duration{600'000});
    CHECK_FALSE(hook.every_run);
    CHECK(hook.input.empty());
  }
  CHECK(good("  before: cluster\n  on: workers\n  program: b\n").on == On::workers);
  CHECK(good("  before: cluster\n  on: control-planes\n  program: b\n").on == On::control_planes);
  CHECK(good("  before: cluster\n  on: all\n  program: b\n").on == On::all);
  CHECK(good("  before: hosts\n  on: one-control-plane\n  program: b\n").on == On::one_control_plane);
}

TEST_CASE("hooks: what can't be said of the moment and the hosts") {
  const std::string rest = "  program: a.sh\n";
  one_problem(with_hook(rest), 12, 1, "either \"before\" or \"after\"");
  one_problem(with_hook("  before: hosts\n  after: hosts\n" + rest), 14, 3, "either \"before\" or \"after\"");
  one_problem(with_hook("  before: host\n" + rest), 13, 3, "\"host\" is not known; hosts, cluster");
  one_problem(with_hook("  before: app/\n" + rest), 13, 3, "\"app/\" is not known");
  one_problem(with_hook("  after: cluster\n  on: masters\n" + rest), 14, 3, "\"masters\" is not known; all");
  one_problem(with_hook("  after: cluster\n  on: []\n" + rest), 14, 3, "names no host");
  one_problem(with_hook("  after: cluster\n  on: [alpha, alhpa]\n" + rest), 14, 15, "did you mean \"alpha\"?");
  one_problem(with_hook("  after: cluster\n  on: [[alpha]]\n" + rest), 14, 8, "must hold texts only");
  one_problem(with_hook("  after: cluster\n  on: [192.0.2.1]\n" + rest), 14, 8, "no host of this file");
}

TEST_CASE("hooks: what can't be said of the program") {
  const std::string moment = "  before: hosts\n";
  one_problem(with_hook(moment), 12, 1, "either a \"program\"");
  one_problem(with_hook(moment + "  program: a.sh\n  packedProgram: b\n"), 15, 3, "either a \"program\"");
  one_problem(with_hook(moment + "  program: none.sh\n"), 14, 3, "site/none.sh is not there");
  one_problem(with_hook(moment + "  program: notes\n"), 14, 3, "a script begins with a line such as #!/bin/sh");
  one_problem(with_hook(moment + "  packedProgram: ../x\n"), 14, 3, "a file of the artifact's tree");
  one_problem(with_hook(moment + "  program: [a]\n"), 14, 3, "must be a text");
  one_problem(with_hook(moment + "  program: a.sh\n  arguments: --fast\n"), 15, 3, "must be a list");
  one_problem(with_hook(moment + "  program: a.sh\n  arguments: [\"a\\0b\"]\n"), 15, 15, "zero byte");
  one_problem(with_hook(moment + "  program: a.sh\n  inputFile: none\n"), 15, 3, "site/none is not there");
  one_problem(with_hook(moment + "  program: a.sh\n  timeout: 1 fortnight\n"), 15, 3, "is not a time");
  one_problem(with_hook(moment + "  program: a.sh\n  timeout: 0s\n"), 15, 3, "is not a time");
  one_problem(with_hook(moment + "  program: a.sh\n  everyRun: often\n"), 15, 3, "must be true or false");
  one_problem(with_hook(moment + "  programm: a.sh\n  program: a.sh\n"), 14, 3, "did you mean \"program\"?");
}

TEST_CASE("hooks: what can't be said of the name") {
  const std::string spec = "  before: hosts\n  program: a.sh\n";
  one_problem(with_hook(spec, "Tidy"), 11, 12, "lower-case letters");
  one_problem(with_hook(spec + "---\napiVersion: sealift.dev/v1\nkind: Hook\nmetadata: {name: tidy}\nspec:\n" + spec),
              18, 12, "a second Hook \"tidy\"");
  one_problem(parsed(base::format("{}---\napiVersion: sealift.dev/v1\nkind: Hook\nmetadata: {{name: a}}\n", kCluster)),
              9, 1, "\"spec\" is missing");
}

TEST_CASE("hooks: the cluster keeps no secret of them") {
  const auto config = with_hook("  before: hosts\n  program: a.sh\n  inputFile: pw\n").config;
  CHECK(config.kept.contains("inputFile: pw"));
  CHECK_FALSE(config.kept.contains("hunter2"));
}
