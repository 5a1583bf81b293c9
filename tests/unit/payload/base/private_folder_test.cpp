// SPDX-License-Identifier: Apache-2.0
#include "payload/base/private_folder.h"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <fstream>

#include "tests/support/temporary_folder.h"

using namespace sealift;
using base::PrivateFolder;

namespace {

// TMPDIR for the time of a test.
struct TemporaryPlace {
  tests::TemporaryFolder folder;
  explicit TemporaryPlace(const std::string& below = {}) {
    if (const char* before = std::getenv("TMPDIR")) before_ = before;
    ::setenv("TMPDIR", (folder.path() + below).c_str(), 1);
  }
  TemporaryPlace(const TemporaryPlace&) = delete;
  TemporaryPlace& operator=(const TemporaryPlace&) = delete;
  ~TemporaryPlace() {
    if (before_.empty())
      ::unsetenv("TMPDIR");
    else
      ::setenv("TMPDIR", before_.c_str(), 1);
  }

 private:
  std::string before_;
};

std::string made() {
  auto folder = PrivateFolder::make();
  REQUIRE(folder);
  CHECK(std::filesystem::status(folder->path()).permissions() == std::filesystem::perms::owner_all);
  return folder->path();
}

}  // namespace

TEST_CASE("a private folder lies in TMPDIR and is gone with its owner") {
  const TemporaryPlace place;
  CHECK(made().starts_with(place.folder.path()));
  CHECK(place.folder.empty());
}

TEST_CASE("a TMPDIR that is not there is an error that names it") {
  const TemporaryPlace place("/none");
  const auto folder = PrivateFolder::make();
  REQUIRE_FALSE(folder);
  CHECK(folder.error().code == ErrorCode::not_found);
  CHECK(folder.error().text().contains(place.folder / "none"));
  CHECK(folder.error().text().contains("TMPDIR"));
}

TEST_CASE("what a killed build has left is removed by the next one; what lives, or is not ours, stays") {
  const TemporaryPlace place;
  const pid_t child = ::fork();
  if (child == 0) {
    const auto folder = PrivateFolder::make();
    if (folder) std::ofstream(folder->path() + "/large") << "left";
    ::kill(::getpid(), SIGKILL);
  }
  REQUIRE(child > 0);
  ::waitpid(child, nullptr, 0);
  REQUIRE_FALSE(place.folder.empty());
  const auto alive = PrivateFolder::make();  // removes the child's
  REQUIRE(alive);
  const auto second = PrivateFolder::make();  // and not the living one's
  REQUIRE(second);
  CHECK(std::filesystem::exists(alive->path()));
  std::filesystem::create_directory(place.folder / "sealift-private-other");  // without a lock: perhaps just coming
  std::filesystem::create_directory(place.folder / "other");
  std::ofstream(place.folder / "other/.lock") << "";
  std::filesystem::create_directory_symlink(place.folder / "other", place.folder / "sealift-private-link");
  made();
  size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(place.folder.path())) ++count;
  CHECK(count == 5);
  CHECK(std::filesystem::exists(place.folder / "other/.lock"));
}
