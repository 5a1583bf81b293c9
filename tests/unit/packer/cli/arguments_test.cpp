// SPDX-License-Identifier: Apache-2.0
// What the command line takes, and what it says of what it does not take.
#include <sys/mman.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "packer/cli/sealift_program.h"
#include "payload/base/file.h"
#include "tests/support/host_program.h"
#include "tests/support/temporary_folder.h"

namespace sealift::licenses {
std::string_view text() { return "no licences in a test"; }
}  // namespace sealift::licenses

using namespace sealift;

namespace {

struct Said {
  int code = 0;
  std::string text;  // stdout and stderr
};

// A context with a Kubefile that names one image, and a program for the hosts.
struct CommandLine {
  tests::TemporaryFolder folder;
  CommandLine() {
    std::filesystem::create_directory(folder / "prod");
    write("prod/Kubefile", "FROM scratch\nIMAGE quay.io/team/prod:1\n");
    write("Kubefile", "FROM scratch\nIMAGE quay.io/team/here:1\n");
    write("stub", tests::host_program());
  }
  void write(const std::string& path, std::string_view text) const {
    REQUIRE(base::write_file_atomic(folder / path, base::as_bytes(text), 0644));
  }
  // In the folder.
  Said run(std::vector<std::string> words) const {
    words.insert(words.begin(), "sealift");
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    const auto before = std::filesystem::current_path();
    std::filesystem::current_path(folder.path());
    std::fflush(nullptr);
    const int out = ::dup(1), error = ::dup(2), file = ::memfd_create("said", 0);
    ::dup2(file, 1);
    ::dup2(file, 2);
    const int code = packer_cli::run_program(static_cast<int>(arguments.size()), arguments.data());
    std::fflush(nullptr);
    ::dup2(out, 1);
    ::dup2(error, 2);
    std::filesystem::current_path(before);
    std::string text(static_cast<size_t>(::lseek(file, 0, SEEK_END)), '\0');
    CHECK(::pread(file, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
    for (const int fd : {out, error, file}) ::close(fd);
    return {code, text};
  }
  Said build(std::vector<std::string> words) const {
    words.insert(words.begin(), {"build", "--platform", "linux/amd64", "--stub", folder / "stub"});
    return run(std::move(words));
  }
};

}  // namespace

TEST_CASE("a tag is a name, or a name and a version") {
  const CommandLine line;
  line.write("Kubefile", "FROM scratch\n");
  for (const auto* good :
       {"shop", "shop:1.0", "kubernetes.base_x-2:v1.34.4+k3s.1-RC", "a/b", "harbor.example:8443/prod/erp:3.4"}) {
    const auto said = line.build({"-t", good, "-o", "out.run"});
    INFO(said.text);
    CHECK(said.code == 0);
  }
  for (const auto* bad :
       {"Shop", "shop:1:2", "shop:", ":1", "a//b", "a/", "../x", "shop:1 0", "shop\n", "-x:1", "shop:\xff"}) {
    INFO(bad);
    const auto said = line.build({std::string("--tag=") + bad, "-o", "out.run"});
    CHECK(said.code == 2);
    CHECK(said.text.contains("write name or name:version"));
  }
}

TEST_CASE("the context is an operand or an option, and the Kubefile in it is found") {
  const CommandLine line;
  const std::vector<std::string> rest{"--platform", "linux/amd64"};
  for (const auto& words : {std::vector<std::string>{"images", "prod"},
                            {"images", "-C", "prod"},
                            {"images", "--context", "prod"},
                            {"why", "team", "-C", "prod"},
                            {"why", "--context=prod", "team"}}) {
    const auto said = line.run(words);
    INFO(said.text);
    CHECK(said.text.contains("quay.io/team/prod:1"));
  }
  CHECK(line.run({"images"}).text.contains("quay.io/team/here:1"));
  CHECK(line.run({"images", "prod", "-f", "Kubefile"}).text.contains("quay.io/team/here:1"));
  std::filesystem::remove(line.folder / "prod/Kubefile");
  CHECK(line.run({"images", "prod"}).text.contains("quay.io/team/here:1"));
  const auto none = line.run({"images", "proud"});
  CHECK(none.code == 7);
  CHECK(none.text.contains("the build's context proud: there is no such folder"));
  CHECK(line.build({"-C", "proud", "-o", "out.run"}).text.contains("the build's context proud"));
}

TEST_CASE("an output that can't be written is told before anything else") {
  const CommandLine line;
  line.write("Kubefile", "FROM nothing.run\n");
  const auto missing = line.build({"-o", "dist/x.run"});
  CHECK(missing.code == 7);
  CHECK(missing.text.contains("the output's folder dist: there is no such folder"));
  CHECK(line.build({"-o", "prod"}).text.contains("the output prod is a folder"));
}

TEST_CASE("lock takes its Kubefile and its context as build does") {
  const CommandLine line;
  line.write("prod/data", "x");
  line.write("prod/Kubefile", "FROM scratch\nCOPY data data\nCOPY none none\n");
  for (const auto& words : {std::vector<std::string>{"lock", "prod"},
                            {"lock", "-f", "prod/Kubefile", "prod"},
                            {"lock", "prod", "--update"},
                            {"lock", "-C", "prod", "--update"}}) {
    const auto said = line.run(words);
    INFO(said.text);
    CHECK(said.code == 3);
    CHECK(said.text.contains("prod/none is not there"));
    CHECK_FALSE(said.text.contains("prod/data"));
  }
  const auto said = line.run({"lock", "--update", "./prod"});
  CHECK(said.code == 2);
  CHECK(said.text.contains("write the context before it: sealift lock ./prod --update"));
}
