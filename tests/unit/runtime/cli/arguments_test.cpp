// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/arguments.h"

#include <catch2/catch_test_macros.hpp>

using namespace sealift;
using namespace sealift::cli;

namespace {

Result<Arguments> parse(std::vector<std::string> words) { return parse_arguments("./d.run", words); }
Verb verb(std::vector<std::string> words) { return parse(std::move(words)).value().verb; }

}  // namespace

TEST_CASE("--config alone is apply") {
  auto out = parse({"--config", "c.yaml"}).value();
  CHECK(out.verb == Verb::apply);
  CHECK(out.config == "c.yaml");
  CHECK(verb({"apply", "--config", "c.yaml"}) == Verb::apply);
  CHECK(verb({"--config", "c.yaml", "apply"}) == Verb::apply);
  CHECK(verb({"-c", "c.yaml"}) == Verb::apply);
}

TEST_CASE("--dry-run is plan, never apply") {
  CHECK(verb({"--config", "c.yaml", "--dry-run"}) == Verb::plan);
  CHECK(verb({"apply", "--config", "c.yaml", "--dry-run"}) == Verb::plan);
  CHECK(verb({"--dry-run", "apply", "--config", "c.yaml"}) == Verb::plan);
  CHECK(verb({"plan", "--config", "c.yaml", "--dry-run"}) == Verb::plan);
  CHECK(parse({"plan", "--offline", "--config", "c.yaml"})->offline);
}

TEST_CASE("join, and what it would do") {
  CHECK(verb({"join", "--config", "c.yaml"}) == Verb::join);
  CHECK(verb({"join", "--config", "c.yaml", "--dry-run"}) == Verb::plan_join);
  CHECK(verb({"--dry-run", "join", "--config", "c.yaml"}) == Verb::plan_join);
  CHECK(parse({"join"}).error().code == ErrorCode::usage);
}

TEST_CASE("config current needs a way to a control plane") {
  CHECK(verb({"config", "current", "--config", "c.yaml"}) == Verb::config_current);
  CHECK(parse({"config", "current"}).error().code == ErrorCode::usage);
  CHECK(verb({"config", "init"}) == Verb::config_init);
}

TEST_CASE("registry ca needs a way to a control plane") {
  CHECK(verb({"registry", "ca", "--config", "c.yaml"}) == Verb::registry_ca);
  CHECK(parse({"registry", "ca"}).error().code == ErrorCode::usage);
  CHECK(parse({"registry"}).error().code == ErrorCode::usage);
}

TEST_CASE("what a person decides is an option of its own") {
  const auto decided = parse({"apply", "-c", "c.yaml", "--replace-product"}).value();
  CHECK(decided.replace_product);
  CHECK_FALSE(decided.allow_downgrade);
  CHECK(parse({"-c", "c.yaml", "--allow-downgrade"})->allow_downgrade);
  CHECK(parse({"plan", "-c", "c.yaml", "--allow-downgrade"})->allow_downgrade);
  CHECK(parse({"apply", "-c", "c.yaml", "--yes"}).error().code == ErrorCode::usage);
  CHECK(parse({"apply", "-c", "c.yaml", "--renew-authority"})->renew_authority);
  CHECK(parse({"plan", "-c", "c.yaml", "--renew-authority"})->renew_authority);
  CHECK_FALSE(parse({"apply", "-c", "c.yaml"})->renew_authority);
  CHECK(parse({"join", "-c", "c.yaml", "--renew-authority"}).error().code == ErrorCode::usage);
}

TEST_CASE("as makeself's users know it") {
  CHECK(verb({"--info"}) == Verb::info);
  CHECK(verb({"info"}) == Verb::info);
  CHECK(verb({"--list"}) == Verb::list);
  CHECK(verb({"--check"}) == Verb::verify);
}

TEST_CASE("--dry-run without a command or configuration is refused") {
  CHECK(parse({"--dry-run"}).error().code == ErrorCode::usage);
}

TEST_CASE("--identity goes with every command that opens an artifact") {
  const std::string identity = "sha256:" + std::string(64, 'a');
  for (const auto* word : {"verify", "list", "info", "--info", "--check"})
    CHECK(parse({word, "--identity", identity})->identity == Digest::parse(identity).value());
  for (const auto* word : {"apply", "plan", "status", "kubeconfig"})
    CHECK(parse({word, "--config", "c.yaml", "--identity", identity})->identity);
  CHECK(parse({"extract", "--to", "x", "--identity", identity})->identity);
  CHECK(parse({"--config", "c.yaml", "--identity", identity})->identity);
  CHECK_FALSE(parse({"list"})->identity);
  for (const auto& bad :
       {std::string(), std::string("sha256:aa"), std::string(64, 'a'), "sha256:" + std::string(64, 'A')}) {
    const auto refused = parse({"list", "--identity", bad});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::usage);
  }
}

TEST_CASE("help says what runs where") {
  for (const auto* word : {"apply", "plan", "join", "status", "check", "report", "kubeconfig", "remove", "reset"}) {
    const auto help = parse({word, "--help"})->text;
    CHECK(help.contains("runs the artifact's agent there as root"));
    CHECK(help.contains("--identity"));
  }
  CHECK_FALSE(parse({"list", "--help"})->text.contains("as root"));
}

TEST_CASE("no arguments ask for nothing") { CHECK(verb({}) == Verb::none); }

TEST_CASE("wrong lines are usage errors with the nearest word") {
  CHECK(parse({"statsu"}).error().what.contains("did you mean status?"));
  CHECK(parse({"apply"}).error().what.contains("--config FILE"));
  CHECK(parse({"apply", "--config"}).error().code == ErrorCode::usage);
  CHECK(parse({"--no-such"}).error().code == ErrorCode::usage);
  CHECK(parse({"list", "too", "many"}).error().code == ErrorCode::usage);
  CHECK(parse({"list", "--log-format", "xml"}).error().code == ErrorCode::usage);
  CHECK(parse({"extract"}).error().what.contains("--to"));
  CHECK(parse({"config"}).error().code == ErrorCode::usage);
  CHECK(parse({"config"}).error().what.starts_with("config needs a word after it: init or current; "));
  CHECK(parse({"registry"}).error().what.starts_with("registry needs a word after it: ca; "));
  CHECK(parse({"-v"}).error().code == ErrorCode::usage);
}

TEST_CASE("what is written is text unless JSON is asked for") {
  CHECK_FALSE(parse({"list"})->json);
  CHECK_FALSE(parse({"list", "--log-format", "text"})->json);
  CHECK(parse({"list", "--log-format", "json"})->json);
  CHECK(parse({"--log-format", "json", "--config", "c.yaml"})->json);
}

TEST_CASE("commands about a site need its configuration") {
  for (const char* command : {"apply", "plan", "status", "check", "kubeconfig"}) {
    INFO(command);
    const auto refused = parse({command});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::usage);
    CHECK(refused.error().what.contains(std::string(command) + " needs --config FILE"));
  }
}

TEST_CASE("options of check") {
  const auto plain = parse({"check", "-c", "c.yaml"}).value();
  CHECK(plain.verb == Verb::check);
  CHECK_FALSE(plain.watch);
  CHECK_FALSE(plain.junit);
  const auto all = parse({"check", "-c", "c.yaml", "--watch", "--junit", "out.xml", "--log-format", "json"}).value();
  CHECK(all.watch);
  CHECK(all.junit == "out.xml");
  CHECK(all.json);
  CHECK(parse({"status", "-c", "c.yaml", "--watch"}).error().code == ErrorCode::usage);
}

TEST_CASE("options of extract") {
  auto out = parse({"extract", "-C", "out", "etc", "bin/x", "--image", "a:1", "--overwrite", "--payload", "p"}).value();
  CHECK(out.verb == Verb::extract);
  CHECK(out.to == "out");
  CHECK(out.paths == std::vector<std::string>{"etc", "bin/x"});
  CHECK(out.images == std::vector<std::string>{"a:1"});
  CHECK(out.overwrite);
  CHECK(out.payload == "p");
}

TEST_CASE("remove and rollback of applications; what the cluster has recorded") {
  const auto removed = parse({"remove", "--app", "erp", "--app", "desk", "--with-data", "-y", "-c", "c.yaml"}).value();
  CHECK(removed.verb == Verb::remove_apps);
  CHECK(removed.apps == std::vector<std::string>{"erp", "desk"});
  CHECK(removed.hosts.empty());
  CHECK(removed.with_data);
  CHECK(removed.yes);
  CHECK_FALSE(parse({"remove", "--app", "erp", "-c", "c.yaml"})->with_data);
  const auto back = parse({"rollback", "--app", "redis", "--to", "3", "-c", "c.yaml"}).value();
  CHECK(back.verb == Verb::rollback);
  CHECK(back.apps == std::vector<std::string>{"redis"});
  CHECK(back.revision == 3);
  CHECK_FALSE(parse({"rollback", "--app", "redis", "-c", "c.yaml"})->revision);
  CHECK(parse({"list", "--cluster", "-c", "c.yaml"})->verb == Verb::list_cluster);
  CHECK(parse({"list"})->verb == Verb::list);
  CHECK(parse({"history", "-c", "c.yaml", "--log-format", "json"})->verb == Verb::history);
  for (const auto& words :
       std::vector<std::vector<std::string>>{{"remove", "w1", "--app", "erp", "-c", "c.yaml"},
                                             {"remove", "--app", "erp"},
                                             {"remove", "--app", "-c", "c.yaml"},
                                             {"remove", "w1", "--with-data", "-c", "c.yaml"},
                                             {"remove", "--app", "erp", "--dead", "-c", "c.yaml"},
                                             {"remove", "--app", "erp", "--force", "-c", "c.yaml"},
                                             {"remove", "--app", "erp", "--timeout", "5m", "-c", "c.yaml"},
                                             {"rollback", "-c", "c.yaml"},
                                             {"rollback", "--app", "redis"},
                                             {"rollback", "--app", "redis", "--app", "erp", "-c", "c.yaml"},
                                             {"rollback", "--app", "redis", "--to", "x", "-c", "c.yaml"},
                                             {"rollback", "--app", "redis", "--to", "-1", "-c", "c.yaml"},
                                             {"list", "--cluster"},
                                             {"list", "-c", "c.yaml"},
                                             {"history"}}) {
    std::string line;
    for (const auto& word : words) line += word + " ";
    INFO(line);
    const auto refused = parse(words);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::usage);
  }
}

TEST_CASE("remove and reset: hosts and options") {
  const auto removed =
      parse({"remove", "w1", "cp2", "--dead", "--force", "--timeout", "10m", "--yes", "-c", "c.yaml"}).value();
  CHECK(removed.verb == Verb::remove);
  CHECK(removed.hosts == std::vector<std::string>{"w1", "cp2"});
  CHECK(removed.dead);
  CHECK(removed.force);
  CHECK(removed.yes);
  CHECK(removed.timeout == Duration{600'000});
  CHECK(parse({"remove", "w1", "-c", "c.yaml"})->timeout == Duration{300'000});
  CHECK(parse({"remove", "w1", "-c", "c.yaml", "--timeout", "90s"})->timeout == Duration{90'000});
  const auto whole = parse({"reset", "--verify", "-y", "-c", "c.yaml"}).value();
  CHECK(whole.verb == Verb::reset);
  CHECK(whole.hosts.empty());
  CHECK(whole.verify);
  CHECK(whole.yes);
  CHECK_FALSE(parse({"reset", "-c", "c.yaml"})->yes);
  CHECK(parse({"reset", "w1", "-c", "c.yaml"})->hosts == std::vector<std::string>{"w1"});
  const std::vector<std::vector<std::string>> refused = {
      {"remove", "-c", "c.yaml"},
      {"remove", "w1"},
      {"reset"},
      {"reset", "--dead", "-c", "c.yaml"},
      {"remove", "w1", "--verify", "-c", "c.yaml"},
      {"remove", "w1", "-c", "c.yaml", "--timeout", "5"},
      {"remove", "w1", "-c", "c.yaml", "--timeout", "0s"},
      {"remove", "w1", "-c", "c.yaml", "--timeout", "-1m"},
      {"remove", "w1", "-c", "c.yaml", "--timeout", ""},
      {"remove", "w1", "-c", "c.yaml", "--timeout", "99999999999999999999h"}};
  for (const auto& words : refused) {
    const auto out = parse(words);
    INFO(words.back());
    REQUIRE_FALSE(out);
    CHECK(out.error().code == ErrorCode::usage);
  }
}

TEST_CASE("help is of the command that was named") {
  CHECK(parse({"--help"})->text.contains("Exit codes"));
  auto help = parse({"extract", "--help"}).value();
  CHECK(help.verb == Verb::help);
  CHECK(help.text.contains("--overwrite"));
  CHECK_FALSE(help.text.contains("Exit codes"));
}

TEST_CASE("report: the file tells its format, and only what checks find can be waived") {
  const auto out = parse({"report", "-c", "c.yaml", "-o", "a.html", "--waive", "disk.space=ordered, for 1=1", "--waive",
                          "etcd.fsync=known"})
                       .value();
  CHECK(out.verb == Verb::report);
  CHECK(out.output == "a.html");
  CHECK(out.title == "Acceptance report");
  CHECK(out.waivers == std::map<std::string, std::string>{{"disk.space", "ordered, for 1=1"}, {"etcd.fsync", "known"}});
  CHECK(parse({"report", "-c", "c.yaml", "-o", "a.xml", "--title", "Plant 7"})->title == "Plant 7");
  CHECK(parse({"report", "-o", "a.html"}).error().what.contains("report needs --config FILE"));
  CHECK(parse({"report", "-c", "c.yaml"}).error().what.contains("report needs -o FILE"));
  CHECK(parse({"report", "-c", "c.yaml", "-o", "a.pdf"}).error().what.contains(".html, .json or .xml"));
  const auto unknown = parse({"report", "-c", "c.yaml", "-o", "a.html", "--waive", "disk.spaec=x"});
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().code == ErrorCode::usage);
  CHECK(unknown.error().what.contains("did you mean disk.space?"));
  CHECK(parse({"report", "-c", "c.yaml", "-o", "a.html", "--waive", "disk.space"}).error().code == ErrorCode::usage);
}
