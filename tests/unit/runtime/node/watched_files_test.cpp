// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/watched_files.h"

#include <catch2/catch_test_macros.hpp>
#include <filesystem>

#include "payload/base/file.h"
#include "tests/support/temporary_folder.h"

using namespace sealift;

TEST_CASE("files are watched: replaced, written, gone") {
  const tests::TemporaryFolder folder;
  const auto one = folder / "one", other = folder / "other";
  const auto write = [](const std::string& path, std::string_view text) {
    REQUIRE(base::write_file_atomic(path, base::as_bytes(text), 0600));
  };
  write(one, "1");
  node::WatchedFiles files({one, other});
  CHECK_FALSE(files.changed());
  write(one, "2");
  CHECK(files.changed());
  CHECK_FALSE(files.changed());
  write(other, "1");
  CHECK(files.changed());
  std::filesystem::remove(one);
  CHECK(files.changed());
  CHECK_FALSE(files.changed());
}
