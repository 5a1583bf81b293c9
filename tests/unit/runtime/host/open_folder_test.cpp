// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>

#include "payload/base/clock.h"
#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/base/thread.h"
#include "runtime/host/local_host.h"
#include "runtime/host/open_folder.h"
#include "tests/support/requirement.h"
#include "tests/support/temporary_folder.h"

using namespace sealift;
using host::FolderOwners;
using tests::TemporaryFolder;

namespace {

constexpr uid_t kSomebody = 65534;
const host::Reason kReason{"step", "1"};

// Folders below a root that stands for a machine's.
struct Machine {
  TemporaryFolder root;

  explicit Machine(const std::string& folders) { std::filesystem::create_directories(root.path() + folders); }
  void give_away(const std::string& path) const {
    REQUIRE(::lchown((root.path() + path).c_str(), kSomebody, kSomebody) == 0);
  }
  void set_mode(const std::string& path, mode_t mode) const {
    REQUIRE(::chmod((root.path() + path).c_str(), mode) == 0);
  }
  void link(const std::string& path, const std::string& target) const {
    std::filesystem::create_symlink(target, root.path() + path);
  }
  Result<base::Fd> open(const std::string& path, FolderOwners owners) const {
    return host::open_folder(root.path(), path, owners);
  }
  bool opens(const std::string& path, FolderOwners owners) const {
    const auto folder = open(path, owners);
    INFO((folder ? "" : folder.error().text()));
    struct stat reached{}, wanted{};
    return folder && ::fstat(folder->get(), &reached) == 0 && ::stat((root.path() + path).c_str(), &wanted) == 0 &&
           reached.st_ino == wanted.st_ino;
  }
  void refuses(const std::string& path, FolderOwners owners, const std::string& culprit) const {
    const auto folder = open(path, owners);
    REQUIRE_FALSE(folder);
    CHECK(folder.error().code == ErrorCode::permission_denied);
    CHECK(folder.error().what.contains(root.path() + culprit));
  }
  std::unique_ptr<host::LocalHost> host() const {
    auto out = host::LocalHost::open(root.path(), base::system_clock());
    REQUIRE(out);
    return std::move(*out);
  }
};

}  // namespace

TEST_CASE("a folder of root's is opened where its path and root's links lead") {
  const Machine machine("/srv/data/payloads");
  machine.link("/srv/link", "data/../data");
  machine.link("/absolute", machine.root.path() + "/srv/data");
  for (const auto owners : {FolderOwners::anyone, FolderOwners::root}) {
    CHECK(machine.opens("/srv/data/payloads", owners));
    CHECK(machine.opens("/srv/link/payloads", owners));
    CHECK(machine.opens("/absolute/payloads", owners));
    CHECK(machine.open("/srv/none", owners).error().code == ErrorCode::not_found);
  }
  machine.link("/srv/round", "round");
  CHECK_FALSE(machine.open("/srv/round", FolderOwners::anyone));
}

TEST_CASE("a payload's folder has nobody's hand in its path but root's") {
  tests::require_or_skip(::geteuid() == 0, "root");
  const Machine machine("/srv/data/payloads");
  const std::string payloads = "/srv/data/payloads";
  SECTION("somebody else's folder") {
    const std::string whose = "/srv/data";
    machine.give_away(whose);
    machine.refuses(payloads, FolderOwners::root, whose);
    CHECK(machine.opens(payloads, FolderOwners::anyone));
  }
  SECTION("the folder itself is somebody else's") {
    machine.give_away(payloads);
    machine.refuses(payloads, FolderOwners::root, payloads);
  }
  SECTION("writable by everybody") {
    machine.set_mode("/srv/data", 0777);
    machine.refuses(payloads, FolderOwners::root, "/srv/data");
    machine.set_mode("/srv/data", 01777);
    CHECK(machine.opens(payloads, FolderOwners::root));
    machine.set_mode(payloads, 01777);
    machine.refuses(payloads, FolderOwners::root, payloads);
  }
  SECTION("writable by a group, which can not lead it elsewhere") {
    machine.set_mode("/srv/data", 02775);
    CHECK(machine.opens(payloads, FolderOwners::root));
  }
  SECTION("a link of somebody else, which nothing follows") {
    machine.link("/srv/link", "data");
    machine.give_away("/srv/link");
    machine.refuses("/srv/link/payloads", FolderOwners::root, "/srv/link");
    machine.refuses("/srv/link/payloads", FolderOwners::anyone, "/srv/link");
  }
}

TEST_CASE("what root writes into somebody's folder lies there, and nowhere where a link of that user's leads") {
  tests::require_or_skip(::geteuid() == 0, "root");
  const Machine machine("/home/eve");
  std::filesystem::create_directories(machine.root.path() + "/etc");
  machine.give_away("/home/eve");
  const auto host = machine.host();
  base::MemorySource content(base::as_bytes("x"));
  REQUIRE(host->write_atomic("/home/eve/file", {0644, 0, 0}, content, kReason));
  machine.link("/home/eve/sub", "../../etc");
  machine.give_away("/home/eve/sub");
  base::MemorySource again(base::as_bytes("x"));
  CHECK(host->write_atomic("/home/eve/sub/file", {0644, 0, 0}, again, kReason).error().code ==
        ErrorCode::permission_denied);
  CHECK_FALSE(host->make_directory("/home/eve/sub/folder", {0755, 0, 0}, kReason));
  CHECK_FALSE(host->make_symlink("/home/eve/sub/link", "x", kReason));
  std::ofstream(machine.root.path() + "/etc/stays") << "x";
  CHECK_FALSE(host->remove("/home/eve/sub/stays", kReason));
  CHECK(std::distance(std::filesystem::directory_iterator(machine.root.path() + "/etc"), {}) == 1);
}

TEST_CASE("a folder that is exchanged for a link, again and again, never leads root elsewhere") {
  tests::require_or_skip(::geteuid() == 0, "root");
  const Machine machine("/home/eve/real");
  std::filesystem::create_directories(machine.root.path() + "/etc");
  machine.give_away("/home/eve");
  machine.give_away("/home/eve/real");
  const std::string place = machine.root.path() + "/home/eve/";
  machine.link("/home/eve/link", "../../etc");
  machine.give_away("/home/eve/link");
  std::atomic stop = false;
  auto flipping = Thread::start([&] {
    while (!stop) {
      ::renameat2(AT_FDCWD, (place + "real").c_str(), AT_FDCWD, (place + "link").c_str(), RENAME_EXCHANGE);
    }
  });
  REQUIRE(flipping);
  const auto host = machine.host();
  int written = 0;
  for (int round = 0; round < 300; ++round) {
    base::MemorySource content(base::as_bytes("x"));
    if (host->write_atomic("/home/eve/real/file", {0644, 0, 0}, content, kReason)) ++written;
    (void)host->make_directory(base::format("/home/eve/real/{}", round), {0777, 0, 0}, kReason);
  }
  stop = true;
  flipping->join();
  CHECK(written > 0);
  CHECK(std::filesystem::is_empty(machine.root.path() + "/etc"));
}

TEST_CASE("a payload is not stored where somebody else may read along or exchange it") {
  tests::require_or_skip(::geteuid() == 0, "root");
  const Machine machine("/data/payloads");
  const std::string path = "/data/payloads/x.payload";
  const Bytes piece(10, std::byte{7});
  const auto host = machine.host();
  const auto stored = [&] { return host->store_write(path, 10, 0, hash::sha256(piece), piece, kReason); };
  SECTION("the folder is somebody else's") {
    machine.give_away("/data/payloads");
    CHECK(stored().error().code == ErrorCode::permission_denied);
    CHECK(host->store_state(path).error().code == ErrorCode::permission_denied);
    CHECK(std::filesystem::is_empty(machine.root.path() + "/data/payloads"));
  }
  SECTION("a file of somebody else lies there") {
    std::ofstream(machine.root.path() + path) << "";
    machine.give_away(path);
    const auto done = stored();
    CHECK(done.error().code == ErrorCode::permission_denied);
    CHECK(done.error().what.contains(path + " is not a file of Sealift's"));
    CHECK(std::filesystem::file_size(machine.root.path() + path) == 0);
  }
  SECTION("the file has another name") {
    std::ofstream(machine.root.path() + "/shadow") << "stays";
    std::filesystem::create_hard_link(machine.root.path() + "/shadow", machine.root.path() + path);
    CHECK(stored().error().code == ErrorCode::permission_denied);
    CHECK(base::read_text_file(machine.root.path() + "/shadow", 100) == "stays");
  }
  SECTION("a pipe lies there") {
    REQUIRE(::mkfifo((machine.root.path() + path).c_str(), 0600) == 0);
    CHECK(stored().error().code == ErrorCode::permission_denied);
  }
}
