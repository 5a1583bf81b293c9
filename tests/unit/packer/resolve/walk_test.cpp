// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/walk.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>

#include "payload/base/fd.h"
#include "payload/base/format.h"
#include "tests/support/temporary_folder.h"

using namespace sealift;
using Names = std::vector<std::string>;

namespace {

const resolve::Place kPlace{"Kubefile", 2, 6};

struct Folder {
  tests::TemporaryFolder folder;

  void write(const std::string& path, std::string_view text = "x") const {
    std::filesystem::create_directories(std::filesystem::path(folder / path).parent_path());
    std::ofstream(folder / path, std::ios::binary) << text;
  }
  resolve::BuildContext context() const {
    auto out = resolve::BuildContext::open(folder.path(), folder / "Kubefile", {});
    if (!out) FAIL(out.error().text());
    return std::move(*out);
  }
  // The targets below "x" of what a line takes that names `source`.
  Result<Names> walk(const std::string& source, resolve::BuildContext& context) const {
    std::vector<resolve::LocalFile> files;
    SEALIFT_TRY(resolve::walk(kPlace, resolve::in_context(folder.path(), source), "x", context, files));
    Names out;
    for (const auto& file : files) out.push_back(file.target);
    return out;
  }
  Names taken(const std::string& source) const {
    auto context = this->context();
    const auto out = walk(source, context);
    if (!out) FAIL(out.error().text());
    return *out;
  }
  // The error without the folder's name.
  std::string refused(const std::string& source) const {
    auto context = this->context();
    const auto out = walk(source, context);
    INFO(source);
    REQUIRE_FALSE(out);
    CHECK(out.error().code == ErrorCode::invalid_input);
    std::string text = out.error().text();
    for (size_t at = text.find(folder.path() + "/"); at != std::string::npos; at = text.find(folder.path() + "/"))
      text.erase(at, folder.path().size() + 1);
    return text;
  }
};

void make_socket(const std::string& path) {
  const base::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  REQUIRE(path.size() < sizeof(address.sun_path));
  path.copy(address.sun_path, path.size());
  REQUIRE(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
}

}  // namespace

TEST_CASE("what is neither a file nor a folder is refused, all of it in one error") {
  const Folder project;
  project.write("d/file");
  project.write("d/sub/file");
  REQUIRE(::mkfifo((project.folder / "d/pipe").c_str(), 0644) == 0);
  make_socket(project.folder / "d/sub/socket");
  CHECK(project.refused("d") ==
        "Kubefile:2:6: d/pipe is a named pipe, d/sub/socket is a socket: only files and folders can be packed; exclude "
        "it in .sealiftignore, or remove it");
  CHECK(project.refused("d/pipe").starts_with("Kubefile:2:6: d/pipe is a named pipe: only "));
  CHECK(project.refused("/dev/null").starts_with("Kubefile:2:6: /dev/null is a character device: only "));
  // a link does not make it another thing
  std::filesystem::create_symlink("pipe", project.folder / "d/link");
  CHECK(project.refused("d").contains("d/link is a named pipe, d/pipe is a named pipe, "));

  project.write(".sealiftignore", "**/pipe\n**/socket\nd/link\n");
  CHECK(project.taken("d") == Names{"x/file", "x/sub/file"});
  project.write(".sealiftignore", "");
  for (int i = 0; i < 12; ++i) REQUIRE(::mkfifo((project.folder / base::format("d/many{}", i)).c_str(), 0644) == 0);
  CHECK(project.refused("d").contains(" and 5 more: only files"));
}

TEST_CASE("what .sealiftignore excludes is left out, and counted once") {
  const Folder project;
  for (const char* path :
       {"a.md", "README.md", "docs/a.md", "docs/deep/b.txt", "docs/keep.txt", ".git/HEAD", ".git/o/1"})
    project.write(path);
  project.write(".sealiftignore", "*.md\n!README.md\n.git\ndocs\n!docs/keep.txt\n");
  auto context = project.context();
  const auto all = Names{"x/.sealiftignore", "x/README.md", "x/docs/keep.txt"};
  CHECK(project.walk(".", context) == all);
  CHECK(project.walk("docs", context) == Names{"x/keep.txt"});
  CHECK(project.walk("docs/keep.txt", context) == Names{"x"});
  // a.md, .git, docs/a.md, docs/deep
  CHECK(context.left_out() == "4 files and folders are left out, as " + project.folder / ".sealiftignore" + " says");
  CHECK(context.has_left_out_below(project.folder / "docs"));
  CHECK_FALSE(context.has_left_out_below(project.folder / "doc"));
  CHECK(project.taken("./docs/../README.md") == Names{"x"});
  CHECK(resolve::BuildContext(project.folder.path()).left_out().empty());
}

TEST_CASE("a line that names what is excluded is an error with the line that excludes it") {
  const Folder project;
  project.write("secrets/key");
  project.write("old/a.txt");
  project.write(".sealiftignore", "# keys\nsecrets\nold\n!old/*.md\n");
  CHECK(project.refused("secrets/key") ==
        "Kubefile:2:6: secrets/key is excluded by .sealiftignore:2: for a build it is not there; write an exception "
        "below that line (a ! before the path), or name another file");
  CHECK(project.refused("secrets").contains(" excluded by .sealiftignore:2"));
  CHECK(project.refused("./old/../secrets/key").contains(" excluded by .sealiftignore:2"));
  CHECK(project.refused(project.folder / "secrets/key").contains(" excluded by .sealiftignore:2"));
  CHECK(project.refused("old").contains(" excluded by .sealiftignore:3"));  // the exception is for what is not there
  // what lies elsewhere is not asked for in the list
  const tests::TemporaryFolder elsewhere;
  std::filesystem::create_directory(elsewhere / "secrets");
  std::ofstream(elsewhere / "secrets/key") << "k";
  CHECK(project.taken(elsewhere / "secrets") == Names{"x/key"});
}

TEST_CASE("a link leads to nothing that is excluded, whatever it is called") {
  const Folder project;
  project.write("secrets/key");
  project.write("secrets/open/a");
  project.write("d/file");
  project.write(".sealiftignore", "secrets\n!secrets/open\nd/named\n");
  std::filesystem::create_symlink("../secrets/key", project.folder / "d/key");
  std::filesystem::create_symlink("../secrets", project.folder / "d/all");
  std::filesystem::create_symlink("/nowhere", project.folder / "d/named");  // not even looked at
  CHECK(project.taken("d") == Names{"x/all/open/a", "x/file"});
  CHECK(project.refused("d/key").contains("d/key is excluded by .sealiftignore:1"));
  std::filesystem::create_symlink("/nowhere", project.folder / "d/other");
  CHECK(project.refused("d").contains("d/other is a link to what is not there"));
}

TEST_CASE("a list beside the Kubefile comes before the context's") {
  const Folder project;
  project.write("a");
  project.write("b");
  project.write(".sealiftignore", "a\n.*\n*.sealiftignore\n");
  CHECK(project.taken(".") == Names{"x/b"});
  project.write("Kubefile.sealiftignore", "b\n");
  CHECK(project.taken(".") == Names{"x/.sealiftignore", "x/Kubefile.sealiftignore", "x/a"});
  project.write("Kubefile.sealiftignore", "b\n[\n");
  const auto broken = resolve::BuildContext::open(project.folder.path(), project.folder / "Kubefile", {});
  REQUIRE_FALSE(broken);
  CHECK(broken.error().text().starts_with(project.folder / "Kubefile.sealiftignore:2: the pattern ["));
}
