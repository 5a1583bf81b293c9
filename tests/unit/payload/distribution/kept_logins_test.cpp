// SPDX-License-Identifier: Apache-2.0
#include "payload/distribution/kept_logins.h"
#include "payload/base/format.h"

#include <sys/stat.h>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>

#include "payload/base/file.h"
#include "tests/support/environment.h"
#include "tests/support/temporary_folder.h"

using namespace sealift;
using distribution::Login;
using distribution::Logins;
using tests::TemporaryFolder;
using tests::Variable;

namespace {

std::string read(const std::string& path) {
  const auto text = base::read_text_file(path, 65536);
  REQUIRE(text);
  return *text;
}

void write(const std::string& path, std::string_view text, unsigned mode = 0600) {
  REQUIRE(base::write_file_atomic(path, base::as_bytes(text), mode));
}

Login login(std::string user, std::string password) {
  Login out;
  out.user = std::move(user);
  out.password = Secret(std::move(password));
  return out;
}

// As whoever pulls finds it.
std::string found(const std::string& path, const std::string& registry) {
  const auto logins = Logins::read({path});
  REQUIRE(logins);
  const auto one = logins->find(registry, "prod/erp");
  if (!one) FAIL(one.error().text());
  return *one ? (*one)->user + ":" + std::string((*one)->password.reveal()) : "";
}

}  // namespace

TEST_CASE("a login is kept where docker keeps it, and everything else stays") {
  const TemporaryFolder folder;
  const Variable home("HOME", folder.path());
  const Variable docker("DOCKER_CONFIG", ""), podman("REGISTRY_AUTH_FILE", "");
  const auto path = folder / ".docker/config.json";
  CHECK(*distribution::keep_login("harbor.example:8443", login("ann", "s3:cret")) == path);
  CHECK(found(path, "harbor.example:8443") == "ann:s3:cret");
  struct stat status{};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0600);

  write(
      path,
      R"({"detachKeys":"ctrl-x","auths":{"https://harbor.example:8443/v2/":{"auth":"b2xkOm9sZA=="},"quay.io":{"auth":"YTpi"}}})",
      0644);
  REQUIRE(distribution::keep_login("harbor.example:8443", login("robot$prod+ci", "new")));
  CHECK(found(path, "harbor.example:8443") == "robot$prod+ci:new");
  CHECK(found(path, "quay.io") == "a:b");
  CHECK(read(path).contains("ctrl-x"));
  CHECK_FALSE(read(path).contains("/v2/"));  // one spelling only
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0600);

  CHECK(*distribution::forget_login("harbor.example:8443"));
  CHECK_FALSE(*distribution::forget_login("harbor.example:8443"));
  CHECK(found(path, "harbor.example:8443").empty());
  CHECK(found(path, "quay.io") == "a:b");
}

TEST_CASE("Docker Hub's login has the key that docker gives it") {
  const TemporaryFolder folder;
  const Variable file("REGISTRY_AUTH_FILE", folder / "auth.json");
  CHECK(*distribution::keep_login("docker.io", login("ann", "x")) == folder / "auth.json");
  CHECK(read(folder / "auth.json").contains("https://index.docker.io/v1/"));
  CHECK(found(folder / "auth.json", "docker.io") == "ann:x");
}

TEST_CASE("a file that is no login document stays as it is") {
  const TemporaryFolder folder;
  const Variable file("REGISTRY_AUTH_FILE", folder / "auth.json");
  write(folder / "auth.json", "not JSON");
  const auto kept = distribution::keep_login("quay.io", login("ann", "s3cret"));
  REQUIRE_FALSE(kept);
  CHECK(kept.error().code == ErrorCode::invalid_input);
  CHECK_FALSE(kept.error().text().contains("s3cret"));
  CHECK(read(folder / "auth.json") == "not JSON");
}

TEST_CASE("a link to the file stays one") {
  const TemporaryFolder folder;
  write(folder / "real.json", "{}");
  std::filesystem::create_symlink("real.json", folder / "auth.json");
  const Variable file("REGISTRY_AUTH_FILE", folder / "auth.json");
  REQUIRE(distribution::keep_login("quay.io", login("ann", "x")));
  CHECK(std::filesystem::is_symlink(folder / "auth.json"));
  CHECK(found(folder / "real.json", "quay.io") == "ann:x");
}

TEST_CASE("a credential helper keeps the login if the file names one; it is not in the file then") {
  const TemporaryFolder folder;
  const std::string path = std::getenv("PATH");
  const Variable programs("PATH", folder.path() + ":" + path);
  const Variable file("REGISTRY_AUTH_FILE", folder / "auth.json");
  write(folder / "docker-credential-vault",
        base::format("#!/bin/sh\ncat > {0}/$1; [ ! -e {0}/broken ] || {{ cat {0}/store; exit 3; }}\n", folder.path()),
        0755);
  write(folder / "auth.json", R"({"credsStore":"vault"})");
  CHECK(*distribution::keep_login("quay.io", login("ann", "s3cret")) == "the credential helper vault");
  CHECK(read(folder / "store") == R"({"Secret":"s3cret","ServerURL":"quay.io","Username":"ann"})");
  CHECK_FALSE(read(folder / "auth.json").contains("s3cret"));
  CHECK(*distribution::forget_login("quay.io"));
  CHECK(read(folder / "erase") == "quay.io");

  write(folder / "broken", "");
  const auto kept = distribution::keep_login("quay.io", login("ann", "s3cret"));
  REQUIRE_FALSE(kept);
  CHECK(kept.error().code == ErrorCode::command_failed);
  CHECK_FALSE(kept.error().text().contains("s3cret"));
}

TEST_CASE("without a home there is no place for logins") {
  const Variable home("HOME", ""), docker("DOCKER_CONFIG", ""), podman("REGISTRY_AUTH_FILE", "");
  CHECK(distribution::keep_login("quay.io", login("ann", "x")).error().code == ErrorCode::usage);
}
