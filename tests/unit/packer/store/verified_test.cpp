// SPDX-License-Identifier: Apache-2.0
#include "packer/store/verified.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <filesystem>
#include <thread>

#include "payload/base/fd.h"
#include "payload/base/file.h"
#include "tests/support/temporary_folder.h"

using namespace sealift;
using store::Verified;

namespace {

bool has(const Verified& verified, const std::string& path) {
  const auto fd = base::open_file(path, O_RDONLY);
  REQUIRE(fd);
  return verified.has(fd->get());
}

void write(const std::string& path, std::string_view text) {
  const auto fd = base::open_file(path, O_WRONLY | O_CREAT);
  REQUIRE(fd);
  REQUIRE(base::pwrite_all(fd->get(), 0, base::as_bytes(text)));
}

size_t notes(const std::string& folder) {
  size_t out = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder)) ++out;
  return out;
}

}  // namespace

TEST_CASE("verified files: noted as they are, and not any more once they were written to, exchanged or found damaged") {
  const tests::TemporaryFolder folder;
  const Verified verified(folder / "store");
  const auto path = folder / "a.run";
  write(path, "whole");
  CHECK_FALSE(has(verified, path));
  verified.note(path);
  CHECK(has(verified, path));
  CHECK_FALSE(has(Verified(folder / "other"), path));

  SECTION("a copy is another file") {
    std::filesystem::copy_file(path, folder / "b.run");
    CHECK_FALSE(has(verified, folder / "b.run"));
  }
  SECTION("written to, with its former times") {
    struct stat status{};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // times may be as coarse as 10 ms
    write(path, "WHOLE");
    const timespec times[] = {status.st_atim, status.st_mtim};
    REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
    CHECK_FALSE(has(verified, path));
  }
  SECTION("renamed") {
    std::filesystem::rename(path, folder / "b.run");
    verified.note(folder / "b.run");
    CHECK(has(verified, folder / "b.run"));
  }
  SECTION("damaged") {
    verified.forget(path);
    CHECK_FALSE(has(verified, path));
  }
}

TEST_CASE("verified files: a note counts for a week and is removed then") {
  const tests::TemporaryFolder folder;
  const Verified verified(folder / "store");
  const auto path = folder / "a.run", notes_folder = folder / "store/verified";
  write(path, "whole");
  verified.note(path);
  const auto note = std::filesystem::directory_iterator(notes_folder)->path();
  const auto age = [&](std::chrono::hours hours) {
    std::filesystem::last_write_time(note, std::filesystem::file_time_type::clock::now() - hours);
  };
  age(std::chrono::hours(24 * 7 - 1));
  CHECK(has(verified, path));
  age(std::chrono::hours(24 * 7 + 1));
  CHECK_FALSE(has(verified, path));
  write(folder / "b.run", "another");
  verified.note(folder / "b.run");
  CHECK(notes(notes_folder) == 1);
  CHECK(has(verified, folder / "b.run"));
}

TEST_CASE("verified files: where there is no store, or no room for notes, nothing is remembered and nothing fails") {
  const tests::TemporaryFolder folder;
  write(folder / "a.run", "whole");
  const Verified none("");
  none.note(folder / "a.run");
  CHECK_FALSE(has(none, folder / "a.run"));
  write(folder / "file", "in the way");
  const Verified nowhere(folder / "file");
  nowhere.note(folder / "a.run");
  CHECK_FALSE(has(nowhere, folder / "a.run"));
}
