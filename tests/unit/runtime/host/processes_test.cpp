// SPDX-License-Identifier: Apache-2.0
#include "runtime/host/processes.h"

#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>

#include "payload/base/format.h"
#include "payload/base/process.h"
#include "tests/support/requirement.h"
#include "tests/support/temporary_folder.h"

using namespace sealift;
using namespace sealift::host;

namespace {

// A program of this name that runs until it is killed.
class Running {
 public:
  explicit Running(const std::string& path)
      : path_(std::filesystem::canonical(std::filesystem::path(path).parent_path()) /
              std::filesystem::path(path).filename()) {
    if (!std::filesystem::exists(path_)) std::filesystem::copy_file("/bin/sleep", path_);
    std::array<char*, 3> argv{const_cast<char*>("sleep"), const_cast<char*>("1000"), nullptr};
    REQUIRE(::posix_spawn(&pid_, path_.c_str(), nullptr, nullptr, argv.data(), nullptr) == 0);
    for (int i = 0; i < 200 && base::program_of(pid_).value_or("") != path_; ++i)
      base::system_clock().sleep(Duration{20});
    REQUIRE(base::program_of(pid_) == path_);
  }
  ~Running() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  // The signal that has ended it; 0 if it still runs.
  int ended_by() {
    int status = 0;
    for (int i = 0; i < 20 && ::waitpid(pid_, &status, WNOHANG) == 0; ++i) base::system_clock().sleep(Duration{20});
    if (!WIFSIGNALED(status)) return 0;
    pid_ = -1;
    return WTERMSIG(status);
  }
  pid_t pid() const { return pid_; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  pid_t pid_ = -1;
};

}  // namespace

TEST_CASE("programs that run are seen and ended by their path, and by their name") {
  const tests::TemporaryFolder folder;
  Running one(folder / "sealift-test-one"), two(folder / "sealift-test-one"), other(folder / "sealift-test-other");
  CHECK(running_programs().contains(one.path()));
  CHECK(runs_elsewhere(one.path()));
  CHECK_FALSE(runs_elsewhere("sealift-test-on"));
  SECTION("by path: every one of them, and nothing else") { REQUIRE(end_program(one.path(), base::system_clock())); }
  SECTION("by name") { REQUIRE(end_program("sealift-test-one", base::system_clock())); }
  SECTION("removed in the meantime") {
    std::filesystem::remove(one.path());
    CHECK(running_programs().contains(one.path()));
    REQUIRE(end_program(one.path(), base::system_clock()));
  }
  CHECK_FALSE(running_programs().contains(one.path()));
  CHECK(one.ended_by() == SIGKILL);
  CHECK(two.ended_by() == SIGKILL);
  CHECK(other.ended_by() == 0);
  CHECK(end_program(one.path(), base::system_clock()));  // none is fine
  CHECK_FALSE(runs_elsewhere(""));
}

TEST_CASE("this program and those that have started it are never ended, nor is this one in the list") {
  const std::string self = base::own_program().value(), parent = base::program_of(::getppid()).value_or("");
  CHECK_FALSE(running_programs().contains(self));
  CHECK_FALSE(runs_elsewhere(self));
  CHECK(end_program(self, base::system_clock()));
  if (!parent.empty()) CHECK(::kill(::getppid(), 0) == 0);
}

TEST_CASE("a control group goes with its processes and those below it") {
  tests::require_or_skip(::geteuid() == 0, "root");
  std::string top;
  for (const auto* hierarchy : {"/sys/fs/cgroup/pids", "/sys/fs/cgroup"}) {
    const std::string path = base::format("{}/sealift-test-{}", hierarchy, ::getpid());
    if (!top.empty() || ::mkdir(path.c_str(), 0755) != 0) continue;
    if (std::filesystem::exists(path + "/cgroup.procs"))
      top = path;
    else
      ::rmdir(path.c_str());
  }
  tests::require_or_skip(!top.empty(), "control groups that can be made");
  const tests::TemporaryFolder folder;
  Running inside(folder / "inside"), below(folder / "below"), outside(folder / "outside");
  std::filesystem::create_directories(top + "/kubepods/pod1/container");
  std::filesystem::create_directories(top + "/kubepods/pod2");
  const auto enter = [](const std::string& group, pid_t pid) {
    std::ofstream file(group + "/cgroup.procs");
    file << pid << std::flush;
    return file.good();
  };
  const bool entered =
      enter(top + "/kubepods/pod2", inside.pid()) && enter(top + "/kubepods/pod1/container", below.pid());
  const auto ended = end_control_group(top + "/kubepods", base::system_clock());
  const bool is_gone = !std::filesystem::exists(top + "/kubepods");
  const bool is_fine_twice = end_control_group(top + "/kubepods", base::system_clock()).has_value();
  ::rmdir(top.c_str());
  REQUIRE(entered);
  INFO((ended ? "" : ended.error().text()));
  CHECK(ended);
  CHECK(is_gone);
  CHECK(is_fine_twice);
  CHECK(inside.ended_by() == SIGKILL);
  CHECK(below.ended_by() == SIGKILL);
  CHECK(outside.ended_by() == 0);
}
