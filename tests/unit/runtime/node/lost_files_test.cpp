// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/lost_files.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>

#include "tests/support/temporary_folder.h"

using namespace sealift;
namespace fs = std::filesystem;

namespace {

struct Disk {
  tests::TemporaryFolder root;
  std::string cni = root.path() + "/var/lib/cni/";

  void put(const std::string& path, std::string_view text) {
    fs::create_directories(fs::path(cni + path).parent_path());
    std::ofstream(cni + path, std::ios::binary) << text;
  }
  bool has(const std::string& path) const { return fs::exists(cni + path); }
  std::vector<std::string> clean() {
    auto removed = node::remove_lost_network_state(root.path());
    if (!removed) FAIL(removed.error().text());
    for (auto& path : *removed) {
      REQUIRE(path.starts_with(cni));
      path = path.substr(cni.size());
    }
    std::ranges::sort(*removed);
    return *removed;
  }
};

}  // namespace

TEST_CASE("lost network state: files without contents go, all others stay") {
  Disk disk;
  disk.put("flannel/aaaa", "");
  disk.put("flannel/bbbb", R"({"type":"bridge"})");
  disk.put("flannel/cccc", std::string(300, '\0'));
  disk.put("flannel/dddd", std::string("\0x", 2));  // not ours to judge
  disk.put("results/cbr0-aaaa-eth0", "");
  disk.put("results/cbr0-bbbb-eth0", "{");
  disk.put("networks/cbr0/10.244.0.9", "");
  disk.put("networks/cbr0/lock", "");
  disk.put("networks/cbr0/last_reserved_ip.0", "10.244.0.9");
  CHECK(disk.clean() ==
        std::vector<std::string>{"flannel/aaaa", "flannel/cccc", "networks/cbr0/10.244.0.9", "results/cbr0-aaaa-eth0"});
  for (const auto* path : {"flannel/aaaa", "flannel/cccc", "networks/cbr0/10.244.0.9"}) CHECK_FALSE(disk.has(path));
  for (const auto* path : {"flannel/bbbb", "flannel/dddd", "results/cbr0-bbbb-eth0", "networks/cbr0/lock",
                           "networks/cbr0/last_reserved_ip.0"})
    CHECK(disk.has(path));
  CHECK(disk.clean().empty());
}

TEST_CASE("lost network state: the address of a sandbox whose file is gone is free again") {
  Disk disk;
  disk.put("flannel/aaaa", "");
  disk.put("flannel/bbbb", R"({"type":"bridge"})");
  disk.put("networks/cbr0/10.244.0.2", "aaaa\r\neth0");
  disk.put("networks/cbr0/10.244.0.3", "bbbb\r\neth0");
  disk.put("networks/cbr0/10.244.0.4", "aaaaaa\r\neth0");
  CHECK(disk.clean() == std::vector<std::string>{"flannel/aaaa", "networks/cbr0/10.244.0.2"});
  CHECK(disk.has("networks/cbr0/10.244.0.3"));
  CHECK(disk.has("networks/cbr0/10.244.0.4"));
}

TEST_CASE(
    "lost network state: nothing outside is touched, not through links either, and a host without plugins is fine") {
  Disk disk;
  CHECK(disk.clean().empty());
  fs::create_directories(disk.root.path() + "/var/lib/other");
  std::ofstream(disk.root.path() + "/var/lib/other/empty").flush();
  fs::create_directories(disk.cni);
  fs::create_directory_symlink(disk.root.path() + "/var/lib/other", disk.cni + "flannel");
  fs::create_symlink(disk.root.path() + "/var/lib/other/empty", disk.cni + "link");
  CHECK(disk.clean().empty());
  CHECK(fs::exists(disk.root.path() + "/var/lib/other/empty"));
  CHECK(fs::is_symlink(disk.cni + "link"));
}
