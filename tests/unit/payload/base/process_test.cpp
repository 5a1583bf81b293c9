// SPDX-License-Identifier: Apache-2.0
#include "payload/base/process.h"

#include <catch2/catch_test_macros.hpp>

#include <unistd.h>
#include <algorithm>
#include <cstdlib>

#include "payload/base/text.h"
#include "payload/base/thread.h"

using namespace sealift;
using namespace sealift::base;

namespace {

Command shell(const std::string& script) {
  Command command;
  command.argv = {"sh", "-c", script};
  return command;
}

}  // namespace

TEST_CASE("output, errors and the exit code are told apart") {
  const auto status = run(shell("echo out; echo err >&2; exit 7"));
  REQUIRE(status);
  CHECK(status->output == "out\n");
  CHECK(status->errors == "err\n");
  CHECK(status->code == 7);
  CHECK_FALSE(status->ok());
  const auto killed = run(shell("kill -9 $$"));
  REQUIRE(killed);
  CHECK(killed->code == 137);
}

TEST_CASE("arguments arrive byte for byte") {
  Command command;
  command.argv = {"printf", "%s|", "a b", "$(id)", "'\"", "", "-n", "ä\n"};
  CHECK(run(command)->output == "a b|$(id)|'\"||-n|ä\n|");
}

TEST_CASE("a child gets exactly the environment that is promised") {
  ::setenv("SEALIFT_TEST_LEAK", "1", 1);
  ::setenv("HTTP_PROXY", "http://proxy", 1);
  Command command;
  command.argv = {"env"};
  command.environment = {"EXTRA=1", "HOME=/nowhere"};
  auto expected = child_environment(command);
  std::ranges::sort(expected);
  std::string text;
  for (const auto& line : expected) text += line + "\n";
  auto status =
      run_checked({.argv = {"sh", "-c", "/usr/bin/env | grep -v -e ^PWD= -e ^_= -e ^SHLVL= -e ^OLDPWD= | sort"},
                   .environment = command.environment,
                   .directory = "/",
                   .timeout = {}});
  REQUIRE(status);
  CHECK(*status == text);
  CHECK(text.find("LEAK") == std::string::npos);
  CHECK(text.find("HOME=/nowhere") != std::string::npos);
  CHECK(run(shell("pwd; umask"))->output == "/\n0022\n");
}

TEST_CASE("input is fed, and a child that doesn't want it does no harm") {
  const std::string large(1 << 20, 'x');
  CommandIo io;
  io.input = as_bytes(large);
  io.output_limit = size_t{2} << 20;
  CHECK(run(shell("cat"), io)->output == large);
  CHECK(run(shell("exit 0"), io)->code == 0);
  CHECK(run(shell("cat"))->output.empty());
}

TEST_CASE("output is bounded, or handed on") {
  CommandIo io;
  io.output_limit = 1000;
  CHECK(run(shell("head -c 2000 /dev/zero"), io).error().code == ErrorCode::limit_exceeded);
  size_t seen = 0;
  io.on_output = [&](ByteView data) { seen += data.size(); };
  REQUIRE(run(shell("head -c 200000 /dev/zero"), io));
  CHECK(seen == 200000);
}

TEST_CASE("what can't be started, what fails, what takes too long") {
  CHECK(run({.argv = {"no-such-program-here"}, .environment = {}, .directory = "/", .timeout = {}}).error().code ==
        ErrorCode::not_found);
  CHECK(run({.argv = {"/etc/passwd"}, .environment = {}, .directory = "/", .timeout = {}}).error().code ==
        ErrorCode::permission_denied);
  const auto failed = run_checked(shell("echo first; echo broken >&2; exit 3"));
  REQUIRE_FALSE(failed);
  CHECK(failed.error().code == ErrorCode::command_failed);
  CHECK(failed.error().what.find("broken") != std::string::npos);
  Command slow = shell("sleep 100 & sleep 100");
  slow.timeout = Duration(100);
  CHECK(run(slow).error().code == ErrorCode::timeout);
  CancelSource cancel;
  cancel.cancel();
  CHECK(run(shell("sleep 100"), {}, cancel.token()).error().code == ErrorCode::cancelled);
}

TEST_CASE("a command for strangers' input has a bound on its memory and no network") {
  // tail keeps what it may still have to print
  base::Command tail{.argv = {"sh", "-c", "head -c 100000000 /dev/zero | tail -c 90000000 | wc -c"}};
  auto done = base::run(tail);
  REQUIRE(done);
  CHECK(base::trim(done->output) == "90000000");
  tail.memory_limit = uint64_t{32} << 20;
  done = base::run(tail);
  REQUIRE(done);
  CHECK(base::trim(done->output) != "90000000");
  base::Command interfaces{.argv = {"sh", "-c", "tail -n +3 /proc/net/dev | cut -d: -f1"}, .without_network = true};
  done = base::run(interfaces);
  REQUIRE(done);
  // A kernel that allows nobody but root a namespace leaves the network as it is.
  if (::geteuid() == 0) CHECK(base::trim(done->output) == "lo");
}

TEST_CASE("a command's text for messages") {
  Command command;
  command.argv = {"a", "b c", ""};
  CHECK(command.text() == "a 'b c' ''");
}

TEST_CASE("threads are joined, and work is shared out once") {
  std::atomic<int> count{0};
  {
    auto thread = Thread::start([&] { ++count; });
    REQUIRE(thread);
    const Thread moved = std::move(*thread);
  }
  CHECK(count == 1);
  std::vector<std::atomic<int>> seen(1000);
  parallel_for(seen.size(), 4, [&](size_t i) { ++seen[i]; });
  CHECK(std::ranges::all_of(seen, [](const auto& n) { return n == 1; }));
  parallel_for(0, 4, [&](size_t) { ++count; });
  CHECK(count == 1);
}
