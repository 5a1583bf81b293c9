// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/secrets.h"

#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <cstring>
#include <fstream>

using namespace sealift;
using namespace sealift::cli;
using config::SecretSource;

TEST_CASE("a secret from a file is its first line") {
  char name[] = "/tmp/sealift-secret-XXXXXX";
  int fd = mkstemp(name);
  REQUIRE(fd >= 0);
  close(fd);
  std::ofstream(name) << "geheim 1\r\nsecond line\n";
  CHECK(secret_from_file(name)->reveal() == "geheim 1");
  std::ofstream(name, std::ios::trunc) << "\n";
  CHECK(secret_from_file(name).error().code == ErrorCode::invalid_config);
  unlink(name);
  CHECK(secret_from_file(name).error().code == ErrorCode::not_found);
}

TEST_CASE("a secret from the environment is taken out of it") {
  char block[] = "SEALIFT_TEST_SECRET=geheim";
  REQUIRE(putenv(block) == 0);  // so that the test can see the bytes themselves
  SecretStore store;
  auto secret = store.get({SecretSource::Kind::environment, "SEALIFT_TEST_SECRET"});
  REQUIRE(secret);
  CHECK(secret->reveal() == "geheim");
  CHECK(std::getenv("SEALIFT_TEST_SECRET") == nullptr);
  CHECK(std::strstr(block, "geheim") == nullptr);
  // asked for again by another host
  CHECK(store.get({SecretSource::Kind::environment, "SEALIFT_TEST_SECRET"})->reveal() == "geheim");
  CHECK(secret_from_environment("SEALIFT_TEST_SECRET").error().code == ErrorCode::not_found);
}
