// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/seen_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>

#include "payload/base/file.h"
#include "tests/support/temporary_folder.h"

using namespace sealift;
namespace fs = std::filesystem;

namespace {

struct Seen {
  tests::TemporaryFolder folder;
  std::string path = folder / "sub/file";

  Seen() {
    fs::create_directory(folder / "sub");
    write(path, "planned");
    write(folder / "other", "planned");
  }
  static void write(const std::string& path, std::string_view text) {
    REQUIRE(base::write_file_atomic(path, base::as_bytes(text), 0644));
  }
  resolve::SeenFile look() const {
    struct stat status{};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    return {path, status};
  }
  void is_refused(const resolve::SeenFile& seen) const {
    const auto opened = seen.open("sub/file");
    REQUIRE_FALSE(opened);
    CHECK(opened.error().code == ErrorCode::corrupt);
    CHECK(opened.error().what == "sub/file changed while it was packed; build again once nothing writes there");
  }
};

}  // namespace

TEST_CASE("a file that is what it was can be read, as often as needed") {
  const Seen file;
  const auto seen = file.look();
  for (int i = 0; i < 2; ++i) {
    const auto source = seen.open("sub/file");
    REQUIRE(source);
    CHECK(base::as_text(base::read_all(**source, 100).value()) == "planned");
  }
}

TEST_CASE("another file, or the same one with other bytes, is not packed in a file's place") {
  const Seen file;
  SECTION("a link to the like") {
    const auto seen = file.look();
    fs::remove(file.path);
    fs::create_symlink(file.folder / "other", file.path);
    file.is_refused(seen);
  }
  SECTION("a link to the file itself, elsewhere") {
    const auto seen = file.look();
    fs::rename(file.path, file.folder / "moved");
    fs::create_symlink(file.folder / "moved", file.path);
    file.is_refused(seen);
  }
  SECTION("a link in place of its folder") {
    const auto seen = file.look();
    fs::rename(file.folder / "sub", file.folder / "moved");
    fs::create_symlink("moved", file.folder / "sub");
    file.is_refused(seen);
  }
  SECTION("another file of the same size and time") {
    const auto seen = file.look();
    const auto time = fs::last_write_time(file.path);
    Seen::write(file.path, "PLANNED");
    fs::last_write_time(file.path, time);
    file.is_refused(seen);
  }
  SECTION("a larger one") {
    const auto seen = file.look();
    REQUIRE(::truncate(file.path.c_str(), 1'000'000) == 0);
    file.is_refused(seen);
  }
  SECTION("a pipe that would wait for ever") {
    const auto seen = file.look();
    fs::remove(file.path);
    REQUIRE(::mkfifo(file.path.c_str(), 0644) == 0);
    file.is_refused(seen);
  }
  SECTION("nothing") {
    const auto seen = file.look();
    fs::remove(file.path);
    file.is_refused(seen);
  }
}

TEST_CASE("what is written into a file while it is read is noticed at its end") {
  const Seen file;
  const auto seen = file.look();
  const auto source = seen.open("sub/file").value();
  std::array<std::byte, 3> piece{};
  REQUIRE(source->read(piece).value() == 3);
  const auto fd = base::open_file(file.path, O_WRONLY | O_APPEND).value();
  REQUIRE(base::write_all(fd.get(), base::as_bytes("more")));
  const auto rest = base::read_all(*source, 100);
  REQUIRE_FALSE(rest);
  CHECK(rest.error().code == ErrorCode::corrupt);
}
