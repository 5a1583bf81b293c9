// SPDX-License-Identifier: Apache-2.0
#include "runtime/host/tree_removal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <vector>

#include "tests/support/own_namespaces.h"
#include "tests/support/temporary_folder.h"

using namespace sealift;
using namespace sealift::host;

namespace {

Result<void> remove(const std::string& root, const std::string& path) {
  SEALIFT_ASSIGN(const auto place, place_of(root, path, FolderOwners::anyone));
  return remove_tree(place, path);
}

}  // namespace

TEST_CASE("a tree is removed with all kinds of entries, and nothing that its links lead to") {
  const tests::TemporaryFolder root;
  std::filesystem::create_directories(root / "tree/a/b/c");
  std::filesystem::create_directories(root / "outside/d");
  std::ofstream(root / "outside/d/file") << "x";
  std::ofstream(root / "tree/a/b/read only") << "x";
  ::chmod((root / "tree/a/b/read only").c_str(), 0400);
  std::filesystem::create_directory_symlink(root / "outside", root / "tree/a/link");
  std::filesystem::create_symlink("/no/such/target", root / "tree/broken");
  std::filesystem::create_hard_link(root / "outside/d/file", root / "tree/hard");
  REQUIRE(::mkfifo((root / "tree/fifo").c_str(), 0600) == 0);
  REQUIRE(remove(root.path(), "/tree"));
  CHECK_FALSE(std::filesystem::exists(root / "tree"));
  CHECK(std::filesystem::file_size(root / "outside/d/file") == 1);
  CHECK(remove(root.path(), "/tree"));  // again
  SECTION("a link itself, not what it leads to") {
    std::filesystem::create_directory_symlink("outside", root / "link");
    REQUIRE(remove(root.path(), "/link"));
    CHECK_FALSE(std::filesystem::is_symlink(root / "link"));
    CHECK(std::filesystem::exists(root / "outside/d/file"));
  }
  SECTION("a file") {
    REQUIRE(remove(root.path(), "/outside/d/file"));
    CHECK(std::filesystem::is_empty(root / "outside/d"));
  }
}

TEST_CASE("a tree may be deeper than a path is long") {
  const tests::TemporaryFolder root;
  constexpr int kDepth = 3'000;
  const std::string name(20, 'n');
  std::filesystem::create_directory(root / "tree");
  base::Fd at(::open((root / "tree").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (int i = 0; i < kDepth; ++i) {
    REQUIRE(::mkdirat(at.get(), name.c_str(), 0700) == 0);
    at = base::Fd(::openat(at.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    REQUIRE(at);
    if (i % 100 == 0) CHECK(base::Fd(::openat(at.get(), "file", O_CREAT | O_WRONLY | O_CLOEXEC, 0600)));
  }
  at.reset();
  const auto removed = remove(root.path(), "/tree");
  INFO((removed ? "" : removed.error().text()));
  CHECK(removed);
  CHECK(root.empty());
}

TEST_CASE("what is mounted in a tree stays, on its own file system or on the tree's; the rest goes") {
  const tests::TemporaryFolder root;
  std::filesystem::create_directories(root / "tree/own/below");
  std::filesystem::create_directories(root / "tree/bound/to");
  std::filesystem::create_directories(root / "tree/plain/x");
  std::filesystem::create_directories(root / "data");
  std::ofstream(root / "data/precious") << "x";
  std::ofstream(root / "tree/file") << "x";
  std::ofstream(root / "tree/bound file") << "x";
  std::map<std::string, Error> errors;
  bool mounted = false, own_stays = false, bound_stays = false;
  std::vector<std::string> left;
  tests::in_own_mounts([&] {
    mounted =
        ::mount("none", (root / "tree/own/below").c_str(), "tmpfs", 0, nullptr) == 0 &&
        ::mount((root / "data").c_str(), (root / "tree/bound/to").c_str(), nullptr, MS_BIND, nullptr) == 0 &&
        ::mount((root / "data/precious").c_str(), (root / "tree/bound file").c_str(), nullptr, MS_BIND, nullptr) == 0;
    std::ofstream(root / "tree/own/below/precious") << "x";
    const auto removed = remove(root.path(), "/tree");
    if (!removed) errors.emplace("tree", removed.error());
    own_stays = std::filesystem::exists(root / "tree/own/below/precious");
    bound_stays = std::filesystem::exists(root / "tree/bound/to/precious");
    for (const auto& entry : std::filesystem::directory_iterator(root / "tree"))
      left.push_back(entry.path().filename());
  });
  REQUIRE(mounted);
  REQUIRE(errors.contains("tree"));
  CHECK(errors.at("tree").code == ErrorCode::busy);
  CHECK(errors.at("tree").what.starts_with("a file system is mounted at /tree/bound"));
  CHECK(own_stays);
  CHECK(bound_stays);
  CHECK(std::filesystem::exists(root / "data/precious"));
  std::ranges::sort(left);
  CHECK(left == std::vector<std::string>{"bound", "bound file", "own"});
}

TEST_CASE("a tree that is a disk of its own is emptied, and stays mounted") {
  const tests::TemporaryFolder root;
  std::filesystem::create_directory(root / "disk");
  bool mounted = false, is_empty = false, removed = false;
  tests::in_own_mounts([&] {
    mounted = ::mount("none", (root / "disk").c_str(), "tmpfs", 0, nullptr) == 0;
    std::filesystem::create_directories(root / "disk/a/b");
    removed = remove(root.path(), "/disk").has_value();
    is_empty = std::filesystem::is_empty(root / "disk");
    mounted &= ::umount2((root / "disk").c_str(), 0) == 0;
  });
  CHECK(mounted);
  CHECK(removed);
  CHECK(is_empty);
}
