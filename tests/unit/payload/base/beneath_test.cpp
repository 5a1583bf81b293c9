// SPDX-License-Identifier: Apache-2.0
#include "payload/base/beneath.h"

#include <fcntl.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cerrno>
#include <filesystem>

#include "payload/base/file.h"
#include "tests/support/temporary_folder.h"

using namespace sealift;

TEST_CASE("what is opened lies below the folder, and no link leads to it") {
  const auto open = GENERATE(base::open_beneath, base::open_by_steps);
  const tests::TemporaryFolder folder, outside;
  namespace fs = std::filesystem;
  fs::create_directories(folder / "a/b");
  REQUIRE(base::write_file_atomic(folder / "a/b/file", base::as_bytes("in"), 0644));
  REQUIRE(base::write_file_atomic(outside / "file", base::as_bytes("out"), 0644));
  fs::create_symlink("b", folder / "a/within");
  fs::create_symlink("file", folder / "a/b/link");
  fs::create_symlink(outside.path(), folder / "a/out");
  fs::create_symlink("/proc/self/fd", folder / "magic");
  const auto root = base::open_file(folder.path(), O_PATH | O_DIRECTORY).value();
  const auto error = [&](const std::string& path, int flags) {
    INFO(path);
    const auto opened = open(root.get(), path, flags);
    return opened ? 0 : opened.error();
  };

  auto file = open(root.get(), "a/b/file", O_RDONLY);
  REQUIRE(file);
  CHECK((::fcntl(file->get(), F_GETFD) & FD_CLOEXEC) != 0);
  CHECK(base::OpenFile::adopt(std::move(*file), "file").value()->size() == 2);
  CHECK(error("a/b", O_PATH | O_DIRECTORY) == 0);
  CHECK(error("a/none", O_RDONLY) == ENOENT);
  for (const int flags : {O_RDONLY, O_PATH}) {
    CHECK(error("a/b/link", flags) == ELOOP);
    for (const char* path : {"a/within/file", "a/out/file", "magic/0", "../x"}) {
      INFO(path);
      const int found = error(path, flags);
      CHECK((found == ELOOP || found == ENOTDIR || found == EXDEV));
    }
  }
}
