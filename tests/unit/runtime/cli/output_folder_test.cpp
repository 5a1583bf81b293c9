// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/output_folder.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "payload/base/file.h"

using namespace sealift;
using namespace sealift::cli;

namespace {

struct Folder {
  std::string path;
  Folder() {
    char name[] = "/tmp/sealift-out-XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    path = name;
    std::filesystem::create_directories(path + "/in");
    std::filesystem::create_directories(path + "/outside");
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path); }
  size_t files_outside() const {
    size_t n = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::recursive_directory_iterator(path + "/outside")) ++n;
    return n;
  }
};

auto content(std::string text) {
  return [text](base::Sink& sink) { return sink.write(base::as_bytes(text)); };
}

}  // namespace

TEST_CASE("a file with its folders and mode") {
  Folder folder;
  auto out = OutputFolder::open(folder.path + "/new/deep").value();
  REQUIRE(out.write("a/b/c", 0755, Overwrite::refuse, content("x")));
  struct stat status{};
  REQUIRE(stat((folder.path + "/new/deep/a/b/c").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0755);
  CHECK(base::read_text_file(folder.path + "/new/deep/a/b/c", 10).value() == "x");
}

TEST_CASE("nothing is overwritten unless asked") {
  Folder folder;
  auto out = OutputFolder::open(folder.path + "/in").value();
  REQUIRE(out.write("f", 0644, Overwrite::refuse, content("one")));
  CHECK(out.write("f", 0644, Overwrite::refuse, content("two")).error().code == ErrorCode::already_exists);
  CHECK(base::read_text_file(folder.path + "/in/f", 10).value() == "one");
  REQUIRE(out.write("f", 0644, Overwrite::allow, content("two")));
  CHECK(base::read_text_file(folder.path + "/in/f", 10).value() == "two");
}

TEST_CASE("bytes that turn out bad leave nothing, neither new nor in the old one's place") {
  Folder folder;
  auto out = OutputFolder::open(folder.path + "/in").value();
  auto bad = [](base::Sink& sink) -> Result<void> {
    SEALIFT_TRY(sink.write(base::as_bytes("half")));
    return fail(ErrorCode::corrupt, "bad");
  };
  CHECK(out.write("f", 0644, Overwrite::refuse, bad).error().code == ErrorCode::corrupt);
  CHECK(std::filesystem::is_empty(folder.path + "/in"));
  REQUIRE(out.write("f", 0644, Overwrite::refuse, content("one")));
  CHECK_FALSE(out.write("f", 0644, Overwrite::allow, bad));
  CHECK(base::read_text_file(folder.path + "/in/f", 10).value() == "one");
}

TEST_CASE("unsafe names are refused") {
  Folder folder;
  auto out = OutputFolder::open(folder.path + "/in").value();
  for (const char* name : {"../outside/x", "/etc/x", "a/../../outside/x", "", ".", "a//b", "a/"}) {
    INFO(name);
    CHECK_FALSE(out.write(name, 0644, Overwrite::allow, content("x")));
  }
  CHECK(folder.files_outside() == 0);
}

TEST_CASE("links in the folder lead nowhere") {
  Folder folder;
  std::filesystem::create_directory_symlink("../outside", folder.path + "/in/link");
  std::filesystem::create_symlink("../outside/new", folder.path + "/in/file");
  auto out = OutputFolder::open(folder.path + "/in").value();
  CHECK(out.write("link/x", 0644, Overwrite::allow, content("x")).error().code == ErrorCode::permission_denied);
  CHECK(out.write("file", 0644, Overwrite::refuse, content("x")).error().code == ErrorCode::already_exists);
  REQUIRE(out.write("file", 0644, Overwrite::allow, content("x")));  // the link itself is replaced
  CHECK(std::filesystem::is_regular_file(std::filesystem::symlink_status(folder.path + "/in/file")));
  CHECK(folder.files_outside() == 0);
}

TEST_CASE("a file where a folder must be is refused") {
  Folder folder;
  std::ofstream(folder.path + "/in/a") << "x";
  auto out = OutputFolder::open(folder.path + "/in").value();
  CHECK(out.write("a/b", 0644, Overwrite::allow, content("x")).error().code == ErrorCode::permission_denied);
}

TEST_CASE("a file whose name unfinished files have is refused: it would vanish when the next one is written") {
  Folder folder;
  auto out = OutputFolder::open(folder.path + "/in").value();
  for (const std::string name : {".sealift-7.tmp", "a/.sealift-.tmp", ".sealift-7.tmp/a"}) {
    INFO(name);
    const auto written = out.write(name, 0644, Overwrite::allow, content("x"));
    REQUIRE_FALSE(written);
    CHECK(written.error().code == ErrorCode::invalid_input);
  }
  CHECK(out.write(".sealift-7", 0644, Overwrite::refuse, content("x")));
  CHECK(out.write("x.tmp", 0644, Overwrite::refuse, content("x")));
}

TEST_CASE("room is looked for before anything is written") {
  Folder folder;
  const auto out = OutputFolder::open(folder.path + "/in").value();
  CHECK(out.has_room(1));
  const auto none = out.has_room(UINT64_MAX);
  REQUIRE_FALSE(none);
  CHECK(none.error().code == ErrorCode::no_space);
  CHECK(none.error().what.contains(folder.path + "/in has "));
}
