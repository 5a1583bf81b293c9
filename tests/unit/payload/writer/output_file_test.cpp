// SPDX-License-Identifier: Apache-2.0
#include "payload/writer/output_file.h"
#include "payload/base/format.h"

#include <catch2/catch_test_macros.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <vector>

#include "tests/support/temporary_folder.h"

using namespace sealift;
using namespace sealift::writer;
using sealift::tests::TemporaryFolder;

namespace {

size_t entries(const TemporaryFolder& folder) {
  return static_cast<size_t>(
      std::distance(std::filesystem::directory_iterator(folder.path()), std::filesystem::directory_iterator()));
}

OutputFile begun(const std::string& path, Unfinished unfinished) {
  auto file = OutputFile::create(path, unfinished);
  if (!file) FAIL(file.error().text());
  REQUIRE(base::pwrite_all(file->fd(), 0, base::as_bytes("half a file")));
  return std::move(*file);
}

}  // namespace

TEST_CASE("a file that is not finished is not under its name, and is gone when it is given up") {
  const TemporaryFolder folder;
  for (const auto unfinished : {Unfinished::unnamed, Unfinished::hidden}) {
    {
      const auto file = begun(folder / "out", unfinished);
      CHECK_FALSE(std::filesystem::exists(folder / "out"));
      if (unfinished == Unfinished::hidden) {
        REQUIRE(entries(folder) == 1);
        CHECK(std::filesystem::directory_iterator(folder.path())->path().filename().string() ==
              base::format(".out.{}.tmp", ::getpid()));
      }
    }
    CHECK(folder.empty());
  }
}

TEST_CASE("a finished file has its name, its bytes and its mode, and nothing stands beside it") {
  const TemporaryFolder folder;
  for (const auto unfinished : {Unfinished::unnamed, Unfinished::hidden}) {
    REQUIRE(base::write_file_atomic(folder / "out", base::as_bytes("what was there before"), 0600));
    {
      auto file = begun(folder / "out", unfinished);
      CHECK(base::read_text_file(folder / "out", 100) == "what was there before");
      REQUIRE(file.commit(0755));
    }
    CHECK(base::read_text_file(folder / "out", 100) == "half a file");
    struct stat status{};
    REQUIRE(::stat((folder / "out").c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0755);
    CHECK(entries(folder) == 1);
  }
}

TEST_CASE("a file that can't get its name leaves nothing, and the name keeps what it had") {
  const TemporaryFolder folder;
  for (const auto unfinished : {Unfinished::unnamed, Unfinished::hidden}) {
    {
      auto file = begun(folder / "out", unfinished);
      REQUIRE(base::make_directories(folder / "out", 0755));  // another process was faster
      const auto done = file.commit(0644);
      REQUIRE_FALSE(done);
      CHECK(done.error().text().starts_with("rename to " + folder.path() + "/out: "));
    }
    CHECK(entries(folder) == 1);
    CHECK(std::filesystem::is_directory(folder / "out"));
    std::filesystem::remove(folder / "out");
  }
}

TEST_CASE("a device, a pipe or a socket is not replaced by a file") {
  const TemporaryFolder folder;
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  std::filesystem::create_symlink("/dev/null", folder / "link");
  for (const auto* name : {"pipe", "link"}) {
    const auto refused = OutputFile::create(folder / name);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::already_exists);
    CHECK(refused.error().text().contains(folder / name));
  }
  CHECK(entries(folder) == 2);
}

TEST_CASE("what a killed process of the same number left under the hidden name is no obstacle") {
  const TemporaryFolder folder;
  const std::string hidden = folder / base::format(".out.{}.tmp", ::getpid());
  for (const auto unfinished : {Unfinished::unnamed, Unfinished::hidden}) {
    REQUIRE(base::write_file_atomic(hidden, base::as_bytes("old, and longer than the new bytes"), 0644));
    auto file = begun(folder / "out", unfinished);
    REQUIRE(file.commit(0644));
    CHECK(base::read_text_file(folder / "out", 100) == "half a file");
    CHECK(entries(folder) == 1);
  }
}

TEST_CASE("ranges are copied whole, and a source that ends early is an error") {
  const TemporaryFolder folder;
  Bytes bytes(300'000);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 7 + i / 251);
  REQUIRE(base::write_file_atomic(folder / "from", bytes, 0644));
  const auto from = base::OpenFile::open(folder / "from");
  REQUIRE(from);
  const base::MemoryFile memory(bytes);  // a source without a descriptor
  for (const base::RandomAccessFile* source :
       {static_cast<const base::RandomAccessFile*>(from->get()), static_cast<const base::RandomAccessFile*>(&memory)}) {
    for (const auto& [offset, to, size] : std::vector<std::array<size_t, 3>>{
             {0, 0, 300'000}, {1, 5, 299'999}, {4096, 8192, 100'000}, {100, 4196, 200'000}, {7, 7, 0}}) {
      INFO(offset << " " << to << " " << size);
      const auto out = OutputFile::create(folder / "to");
      REQUIRE(out);
      REQUIRE(copy_range(*source, offset, out->fd(), to, size));
      Bytes copied(size);
      REQUIRE(base::pread_exact(out->fd(), to, copied));
      CHECK(std::ranges::equal(copied, ByteView(bytes).subspan(offset, size)));
    }
    const auto out = OutputFile::create(folder / "to");
    REQUIRE(out);
    const auto beyond = copy_range(*source, 299'000, out->fd(), 0, 1001);
    REQUIRE_FALSE(beyond);
    CHECK(beyond.error().code == ErrorCode::truncated);
  }
}
