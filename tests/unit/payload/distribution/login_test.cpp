// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <filesystem>

#include "payload/base/format.h"
#include "payload/distribution/challenge.h"
#include "payload/distribution/registry.h"
#include "tests/support/environment.h"
#include "tests/support/fake_clock.h"
#include "tests/support/registry_server.h"
#include "tests/support/temporary_folder.h"

using namespace sealift;
using distribution::Logins;
using tests::RegistryServer;
using tests::TemporaryFolder;

namespace {

std::string base64(std::string_view text) { return base::to_base64(base::as_bytes(text)); }

std::string write_config(const TemporaryFolder& folder, const std::string& text,
                         const std::string& name = "config.json") {
  const std::string path = folder / name;
  REQUIRE(base::write_file_atomic(path, base::as_bytes(text), 0600));
  return path;
}

Result<distribution::RemoteManifest> get(RegistryServer& server, const std::vector<std::string>& files) {
  server.add_manifest("1.0", R"({"schemaVersion":2})", image::kOciManifest);
  tests::FakeClock clock;
  SEALIFT_ASSIGN(const auto logins, Logins::read(files));
  SEALIFT_ASSIGN(const auto registry, distribution::Registry::open(server.name(), {}, logins, clock));
  SEALIFT_TRY(registry->manifest("team/app", "1.0", {}));
  return registry->manifest("team/app", "1.0", {});
}

void require_found(const Result<std::optional<distribution::Login>>& login, std::string_view user,
                   std::string_view password) {
  if (!login) FAIL(login.error().text());
  REQUIRE(*login);
  CHECK((*login)->user == user);
  CHECK((*login)->password.reveal() == password);
}

}  // namespace

TEST_CASE("a token for anybody, once for two requests") {
  RegistryServer server;
  server.habits.authorization = "Bearer abc";
  server.habits.challenge = R"(Bearer realm="%/token",service="the registry",scope="repository:team/app:pull")";
  server.habits.token = "abc";
  const auto manifest = get(server, {});
  if (!manifest) FAIL(manifest.error().text());
  CHECK(server.asked_for("/token") == 1);
  for (const auto& asked : server.asked()) {
    if (asked.path != "/token") continue;
    CHECK(asked.query.at("service") == "the registry");
    CHECK(asked.query.at("scope") == "repository:team/app:pull");
    CHECK(asked.authorization.empty());
  }
}

TEST_CASE("a token for those who have logged in") {
  TemporaryFolder folder;
  RegistryServer server;
  server.habits.authorization = "Bearer abc";
  server.habits.challenge = R"(Bearer realm="%/token")";
  server.habits.token = "abc";
  server.habits.token_login = "Basic " + base64("ann:s3cret:with:colons");
  const auto without = get(server, {});
  REQUIRE_FALSE(without);
  CHECK(without.error().code == ErrorCode::auth_failed);
  CHECK(without.error().text().contains("docker login " + server.name()));
  const auto file = write_config(
      folder, base::format(R"({{"auths":{{"{}":{{"auth":"{}"}}}}}})", server.name(), base64("ann:s3cret:with:colons")));
  const auto with = get(server, {file});
  if (!with) FAIL(with.error().text());
}

TEST_CASE("a login that stands in a file of the user's is looked for there") {
  distribution::Endpoint endpoint;
  endpoint.registry = "harbor.example:443";
  CHECK(distribution::login_hint(endpoint).contains("docker login harbor.example:443"));
  endpoint.login_field = "registry.external in cluster.yaml";
  CHECK(distribution::login_hint(endpoint) == "check user and password of registry.external in cluster.yaml");
}

TEST_CASE("basic authentication, right and wrong; the password is in no message") {
  TemporaryFolder folder;
  RegistryServer server;
  server.habits.authorization = "Basic " + base64("ann:s3cret");
  server.habits.challenge = R"(Basic realm="Registry")";
  const auto none = get(server, {});
  REQUIRE_FALSE(none);
  CHECK(none.error().code == ErrorCode::auth_failed);
  const auto right = write_config(
      folder, base::format(R"({{"auths":{{"{}":{{"username":"ann","password":"s3cret"}}}}}})", server.name()));
  CHECK(get(server, {right}));
  const auto wrong = write_config(
      folder, base::format(R"({{"auths":{{"http://{}":{{"auth":"{}"}}}}}})", server.name(), base64("ann:n0tright")),
      "wrong.json");
  const auto refused = get(server, {wrong});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::auth_failed);
  CHECK(refused.error().text().contains("docker login " + server.name()));
  CHECK_FALSE(refused.error().text().contains("n0tright"));
  CHECK_FALSE(refused.error().text().contains(base64("ann:n0tright")));
}

TEST_CASE("a token that the registry does not take ends in an error, not in a circle") {
  RegistryServer server;
  server.habits.authorization = "Bearer another";
  server.habits.challenge = R"(Bearer realm="%/token")";
  server.habits.token = "abc";
  const auto refused = get(server, {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::auth_failed);
  CHECK(refused.error().what.contains("who are you"));
  CHECK(server.asked().size() <= 4);
}

TEST_CASE("logins: spellings of a registry, parts of one, several files") {
  TemporaryFolder folder;
  const auto first = write_config(
      folder,
      base::format(
          R"({{"auths":{{"https://index.docker.io/v1/":{{"auth":"{}"}},"quay.io":{{"auth":"{}"}},"quay.io/team":{{"auth":"{}"}},"empty.example":{{}}}}}})",
          base64("hub:1"), base64("all:2"), base64("team:3")));
  const auto second =
      write_config(folder,
                   base::format(R"({{"auths":{{"quay.io":{{"auth":"{}"}},"other.example:5000":{{"auth":"{}"}}}}}})",
                                base64("late:4"), base64("other:5")),
                   "second.json");
  const auto logins = Logins::read({first, folder / "none.json", second});
  REQUIRE(logins);
  require_found(logins->find("docker.io", "library/redis"), "hub", "1");
  require_found(logins->find("quay.io", "other/app"), "all", "2");
  require_found(logins->find("quay.io", "team/app"), "team", "3");
  require_found(logins->find("other.example:5000", "x"), "other", "5");
  for (const char* registry : {"empty.example", "nowhere.example"}) {
    const auto none = logins->find(registry, "x");
    REQUIRE(none);
    CHECK_FALSE(*none);
  }
}

TEST_CASE("logins: a registry is found under every address that tools have written for it") {
  TemporaryFolder folder;
  for (const std::string key :
       {"reg.example:5000", "https://reg.example:5000", "http://reg.example:5000", "https://reg.example:5000/",
        "https://reg.example:5000/v1/", "https://reg.example:5000/v2/", "https://reg.example:5000/v2",
        "reg.example:5000/", "HTTPS://Reg.Example:5000/v2/"}) {
    INFO(key);
    const auto logins = Logins::read(
        {write_config(folder, base::format(R"({{"auths":{{"{}":{{"auth":"{}"}}}}}})", key, base64("ann:1")))});
    REQUIRE(logins);
    require_found(logins->find("reg.example:5000", "team/app"), "ann", "1");
    for (const char* other : {"reg.example", "reg.example:5001", "x.reg.example:5000"}) {
      const auto none = logins->find(other, "team/app");
      REQUIRE(none);
      CHECK_FALSE(*none);
    }
  }
  for (const std::string key :
       {"docker.io", "index.docker.io", "https://index.docker.io/v1/", "https://registry-1.docker.io/v2/"}) {
    INFO(key);
    const auto logins = Logins::read(
        {write_config(folder, base::format(R"({{"auths":{{"{}":{{"auth":"{}"}}}}}})", key, base64("hub:2")))});
    REQUIRE(logins);
    require_found(logins->find("docker.io", "library/redis"), "hub", "2");
  }
  // the registry's own name stands before its other spellings, and a part of a registry is no spelling
  const auto both = Logins::read({write_config(
      folder,
      base::format(
          R"({{"auths":{{"https://quay.io/v2/":{{"auth":"{}"}},"quay.io":{{"auth":"{}"}},"quay.io/v2":{{"auth":"{}"}}}}}})",
          base64("old:1"), base64("own:2"), base64("part:3")))});
  REQUIRE(both);
  require_found(both->find("quay.io", "team/app"), "own", "2");
  require_found(both->find("quay.io", "v2/app"), "part", "3");
}

TEST_CASE("a helper that is missing or fails keeps nobody from a public image, and is told when a login is wanted") {
  TemporaryFolder folder;
  REQUIRE(base::write_file_atomic(folder / "docker-credential-fails",
                                  base::as_bytes("#!/bin/sh\necho s3cret; exit 1\n"), 0755));
  const tests::Variable path("PATH", folder.path() + ":" + std::getenv("PATH"));
  for (const std::string& config :
       {std::string(R"({"credsStore":"desktop"})"), std::string(R"({"credsStore":"fails"})"), std::string("each")}) {
    INFO(config);
    RegistryServer server;
    const auto file = write_config(
        folder, config == "each" ? base::format(R"({{"credHelpers":{{"{}":"desktop"}}}})", server.name()) : config);
    server.habits.authorization = "Bearer abc";
    server.habits.challenge = R"(Bearer realm="%/token")";
    server.habits.token = "abc";
    const auto open_to_all = get(server, {file});
    if (!open_to_all) FAIL(open_to_all.error().text());
    server.habits.token_login = "Basic x";
    const auto closed = get(server, {file});
    REQUIRE_FALSE(closed);
    CHECK(closed.error().code == ErrorCode::auth_failed);
    INFO(closed.error().text());
    CHECK(closed.error().text().contains("no login was found, because"));
    CHECK(closed.error().text().contains(config.contains("fails") ? "docker-credential-fails"
                                                                  : "docker-credential-desktop is not in PATH"));
    CHECK_FALSE(closed.error().text().contains("s3cret"));
  }
}

TEST_CASE("logins: the files where the field's tools keep them, in their order") {
  const TemporaryFolder folder;
  for (const auto* name : {"home/.docker", "docker", "run/containers"})
    std::filesystem::create_directories(folder / name);
  const std::string named = write_config(folder, "{}", "auth.json"),
                    home = write_config(folder, "{}", "home/.docker/config.json"),
                    docker = write_config(folder, "{}", "docker/config.json"),
                    run = write_config(folder, "{}", "run/containers/auth.json");
  const tests::Variable at_home("HOME", folder / "home"), no_name("REGISTRY_AUTH_FILE", ""),
      no_folder("DOCKER_CONFIG", ""), no_runtime("XDG_RUNTIME_DIR", "");
  using Files = std::vector<std::string>;
  CHECK(distribution::login_files() == Files{home});
  const tests::Variable name("REGISTRY_AUTH_FILE", named), runtime("XDG_RUNTIME_DIR", folder / "run");
  CHECK(distribution::login_files() == Files{named, home, run});
  {
    const tests::Variable config("DOCKER_CONFIG", folder / "docker");
    CHECK(distribution::login_files() == Files{named, docker, run});
  }
  std::filesystem::remove(home);
  CHECK(distribution::login_files() == Files{named, run});
}

TEST_CASE("logins: a credential helper is asked for what it keeps; its failure is told without its output") {
  TemporaryFolder folder;
  const auto file = write_config(folder, R"({"credHelpers":{"quay.io":"test"},"credsStore":"store","auths":{}})");
  const auto helper = [&](const std::string& name, const std::string& script) {
    REQUIRE(
        base::write_file_atomic(folder / ("docker-credential-" + name), base::as_bytes("#!/bin/sh\n" + script), 0755));
  };
  const std::string path = std::getenv("PATH");
  REQUIRE(::setenv("PATH", (folder.path() + ":" + path).c_str(), 1) == 0);
  const auto logins = Logins::read({file});
  REQUIRE(logins);
  const auto missing = logins->find("quay.io", "x");
  REQUIRE_FALSE(missing);
  CHECK(missing.error().what.contains("docker-credential-test"));
  helper(
      "test",
      R"(read -r host; [ "$1 $host" = "get quay.io" ] && echo '{"ServerURL":"quay.io","Username":"ann","Secret":"s3cret"}')");
  helper(
      "store",
      R"(read -r host; case $host in ghcr.io) echo '{"Username":"<token>","Secret":"t0ken"}';; broken) echo s3cret; exit 3;; *) echo credentials not found in native keychain; exit 1;; esac)");
  require_found(logins->find("quay.io", "x"), "ann", "s3cret");
  const auto token = logins->find("ghcr.io", "x");
  REQUIRE(token);
  REQUIRE(*token);
  CHECK((*token)->identity_token.reveal() == "t0ken");
  const auto none = logins->find("registry.example", "x");
  REQUIRE(none);
  CHECK_FALSE(*none);
  const auto broken = logins->find("broken", "x");
  REQUIRE_FALSE(broken);
  CHECK(broken.error().code == ErrorCode::command_failed);
  CHECK_FALSE(broken.error().text().contains("s3cret"));
  // what `docker login` called the registry is what the store knows it by
  const auto named = Logins::read(
      {write_config(folder, R"({"credsStore":"address","auths":{"https://quay.io/v1/":{}}})", "named.json")});
  REQUIRE(named);
  helper("address", R"(read -r host; echo "{\"Username\":\"ann\",\"Secret\":\"$host\"}")");
  require_found(named->find("quay.io", "x"), "ann", "https://quay.io/v1/");
  require_found(named->find("ghcr.io", "x"), "ann", "ghcr.io");
  require_found(named->find("docker.io", "library/x"), "ann", "https://index.docker.io/v1/");
  const auto evil = Logins::read({write_config(folder, R"({"credsStore":"../evil"})", "evil.json")});
  REQUIRE(evil);
  CHECK_FALSE(evil->find("quay.io", "x"));
  REQUIRE(::setenv("PATH", path.c_str(), 1) == 0);
}

TEST_CASE("logins: what is no such file is refused with its path") {
  TemporaryFolder folder;
  const auto broken = write_config(folder, "{");
  const auto logins = Logins::read({broken});
  REQUIRE_FALSE(logins);
  CHECK(logins.error().code == ErrorCode::invalid_input);
  CHECK(logins.error().what.contains(broken));
  const auto file = write_config(folder, R"({"auths":{"quay.io":{"auth":"????"}}})", "bad.json");
  const auto bad = Logins::read({file});
  REQUIRE(bad);
  CHECK_FALSE(bad->find("quay.io", "x"));
}

TEST_CASE("challenges") {
  using distribution::parse_challenges;
  const auto one = parse_challenges(
      R"(Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a/b:pull,push")");
  REQUIRE(one);
  REQUIRE(one->size() == 1);
  CHECK((*one)[0].scheme == "bearer");
  CHECK((*one)[0].parameters.at("realm") == "https://auth.example/token");
  CHECK((*one)[0].parameters.at("scope") == "repository:a/b:pull,push");
  const auto two = parse_challenges(R"(Basic realm="a \"b\"", BEARER Realm=plain , service="s")");
  REQUIRE(two);
  REQUIRE(two->size() == 2);
  CHECK((*two)[0].parameters.at("realm") == "a \"b\"");
  CHECK((*two)[1].scheme == "bearer");
  CHECK((*two)[1].parameters.at("realm") == "plain");
  for (const char* bad : {"=x", R"(realm="x")", R"(Bearer realm="x)", R"(Bearer realm="x\)"})
    CHECK_FALSE(parse_challenges(bad));
  CHECK(parse_challenges("")->empty());
}
