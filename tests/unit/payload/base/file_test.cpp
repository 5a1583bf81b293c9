// SPDX-License-Identifier: Apache-2.0
#include "payload/base/file.h"

#include <catch2/catch_test_macros.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/temporary_folder.h"

using namespace sealift;
using namespace sealift::base;
using sealift::tests::TemporaryFolder;

TEST_CASE("atomic writing replaces whole files with the mode asked for and leaves nothing else") {
  const TemporaryFolder folder;
  const std::string path = folder / "f";
  const mode_t before = ::umask(077);
  REQUIRE(write_file_atomic(path, as_bytes("one"), 0644));
  REQUIRE(write_file_atomic(path, as_bytes("two"), 0600));
  ::umask(before);
  CHECK(*read_text_file(path, 100) == "two");
  struct stat status{};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0600);
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
  CHECK(write_file_atomic(folder / "none/f", as_bytes("x"), 0644).error().code == ErrorCode::not_found);
}

TEST_CASE("atomic writing that fails leaves the old file and nothing beside it") {
  const TemporaryFolder folder;
  REQUIRE(make_directories(folder / "f/within", 0755));
  const auto failed = write_file_atomic(folder / "f", as_bytes("x"), 0644);  // a file can't replace a folder
  REQUIRE_FALSE(failed);
  CHECK(failed.error().text().contains(folder / "f"));
  CHECK(std::filesystem::exists(folder / "f/within"));
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
}

TEST_CASE("reading is bounded") {
  const TemporaryFolder folder;
  REQUIRE(write_file_atomic(folder / "f", as_bytes("12345"), 0644));
  CHECK(*read_text_file(folder / "f", 5) == "12345");
  CHECK(read_text_file(folder / "f", 4).error().code == ErrorCode::limit_exceeded);
  CHECK(read_file(folder / "g", 4).error().code == ErrorCode::not_found);
}

TEST_CASE("random access, views and memory agree") {
  const TemporaryFolder folder;
  REQUIRE(write_file_atomic(folder / "f", as_bytes("0123456789"), 0644));
  const auto file = OpenFile::open(folder / "f");
  REQUIRE(file);
  const MemoryFile memory(to_bytes("0123456789"));
  for (const RandomAccessFile* whole :
       {static_cast<const RandomAccessFile*>(file->get()), static_cast<const RandomAccessFile*>(&memory)}) {
    CHECK(whole->size() == 10);
    std::array<std::byte, 4> buffer;
    REQUIRE(whole->read_at(6, buffer));
    CHECK(as_text(buffer) == "6789");
    CHECK(whole->read_at(7, buffer).error().code == ErrorCode::truncated);
    CHECK(whole->read_at(UINT64_MAX, buffer).error().code == ErrorCode::truncated);
    const auto view = FileView::make(*whole, 2, 6);
    REQUIRE(view);
    REQUIRE(view->read_at(2, buffer));
    CHECK(as_text(buffer) == "4567");
    CHECK_FALSE(view->read_at(3, buffer));
    CHECK(view->fd_offset() == 2);
    CHECK_FALSE(FileView::make(*whole, 2, 9));
    CHECK_FALSE(FileView::make(*whole, 11, 0));
  }
  CHECK(OpenFile::open(folder.path()).error().code == ErrorCode::io);
  CHECK(OpenFile::open(folder / "g").error().code == ErrorCode::not_found);
}

TEST_CASE("a file that shrinks under its reader is truncated, not garbage") {
  const TemporaryFolder folder;
  REQUIRE(write_file_atomic(folder / "f", as_bytes("0123456789"), 0644));
  const auto file = OpenFile::open(folder / "f");
  REQUIRE(file);
  REQUIRE(::truncate((folder / "f").c_str(), 5) == 0);
  std::array<std::byte, 8> buffer;
  CHECK((*file)->read_at(0, buffer).error().code == ErrorCode::truncated);
}

TEST_CASE("folders") {
  const TemporaryFolder folder;
  CHECK(make_directories(folder / "a/b/c", 0755));
  CHECK(make_directories(folder / "a/b/c", 0755));
  REQUIRE(write_file_atomic(folder / "a/f", as_bytes("x"), 0644));
  CHECK(make_directories(folder / "a/f", 0755).error().code == ErrorCode::already_exists);
  CHECK(sync_directory(folder / "a"));
}

TEST_CASE("descriptors close themselves and don't reach children") {
  int number = -1;
  {
    const auto pipe = make_pipe();
    REQUIRE(pipe);
    number = pipe->first.get();
    CHECK((::fcntl(number, F_GETFD) & FD_CLOEXEC) != 0);
    REQUIRE(write_all(pipe->second.get(), as_bytes("abc")));
    std::array<std::byte, 3> buffer;
    REQUIRE(read_exact(pipe->first.get(), buffer));
    CHECK(as_text(buffer) == "abc");
  }
  CHECK(::fcntl(number, F_GETFD) == -1);
}

TEST_CASE("a named pipe is no file, and nobody waits for its writer") {
  const TemporaryFolder folder;
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  const auto opened = base::OpenFile::open(folder / "pipe");
  REQUIRE_FALSE(opened);
  CHECK(opened.error().text() == folder / "pipe is not a regular file");
}
