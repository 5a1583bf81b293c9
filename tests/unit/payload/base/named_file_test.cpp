// SPDX-License-Identifier: Apache-2.0
#include "payload/base/named_file.h"

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

namespace {

void write_pipe(const std::string& path, std::string_view text) {
  const auto fd = base::open_file(path, O_WRONLY);
  REQUIRE(fd);
  REQUIRE(base::write_all(fd->get(), base::as_bytes(text)));
}

}  // namespace

TEST_CASE("links are followed to the file that they stand for, whether it is there or not") {
  const tests::TemporaryFolder folder;
  const auto link = [&](const std::string& target, const std::string& name) {
    std::filesystem::create_symlink(target, folder / name);
    return base::behind_links(folder / name);
  };
  CHECK(base::behind_links(folder / "none") == folder / "none");
  CHECK(base::behind_links("none") == "none");
  CHECK(link("none", "a") == folder / "none");
  CHECK(link("a", "b") == folder / "none");
  CHECK(link("/absolute", "c") == "/absolute");
  CHECK(link("circle", "circle") == folder / "circle");
  std::filesystem::create_directory(folder / "d");
  CHECK(link("d/none", "e") == folder / "d/none");
}

TEST_CASE("a pipe is read until its writers are gone") {
  const tests::TemporaryFolder folder;
  const std::string path = folder / "pipe";
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  const std::string large(300'000, 'x');  // more than a pipe holds
  std::thread writer([&] { write_pipe(path, large); });
  const auto text = base::read_named_file(path, size_t{1} << 20, {});
  writer.join();
  REQUIRE(text);
  CHECK(*text == large);
}

TEST_CASE("a pipe that waits for its writer can be cancelled") {
  const tests::TemporaryFolder folder;
  const std::string path = folder / "pipe";
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  CancelSource source;
  std::thread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    source.cancel();
  });
  const auto text = base::read_named_file(path, 100, source.token());
  later.join();
  REQUIRE_FALSE(text);
  CHECK(text.error().code == ErrorCode::cancelled);
}

TEST_CASE("files are read whole, and refused above the limit") {
  const tests::TemporaryFolder folder;
  REQUIRE(base::write_file_atomic(folder / "file", base::as_bytes("text"), 0644));
  CHECK(base::read_named_file(folder / "file", 4, {}) == "text");
  CHECK(base::read_named_file(folder / "file", 3, {}).error().code == ErrorCode::limit_exceeded);
  CHECK(base::read_named_file(folder / "none", 3, {}).error().code == ErrorCode::not_found);
  CHECK_FALSE(base::read_named_file(folder.path(), 3, {}));
}
