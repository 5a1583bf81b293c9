// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/hook.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "payload/base/file.h"
#include "runtime/node/node_main.h"
#include "tests/support/temporary_folder.h"

using namespace sealift;

namespace {

struct Started {
  int code = 0;  // 128 + signal
  std::string output, errors;
};

struct Hooked {
  tests::TemporaryFolder folder;
  std::string program = folder / "program", input = folder / "input";

  void put(const std::string& text) {
    std::ofstream(program) << text;
    std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  }
  // In a process of its own, which is replaced.
  Started start(std::vector<std::string> words) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      ::signal(SIGPIPE, SIG_IGN);  // as the agent has it
      for (const auto& [fd, name] : {std::pair{1, "out"}, std::pair{2, "err"}}) {
        const int file = ::open((folder / name).c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
        ::dup2(file, fd);
        ::close(file);
      }
      words.insert(words.begin(), "hook");
      ::_exit(node::node_main(words));
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    return {WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status),
            base::read_text_file(folder / "out", 10'000).value(), base::read_text_file(folder / "err", 10'000).value()};
  }
};

}  // namespace

TEST_CASE("node hook: the program gets its input and its arguments, and ends as it likes") {
  Hooked hooked;
  hooked.put("#!/bin/sh\necho \"$#:$1:$2\"; cat; test -e " + hooked.input + " && echo there; exit 7\n");
  std::ofstream(hooked.input) << "hunter2\n";
  const auto ended = hooked.start({"--program", hooked.program, "--input", hooked.input, "--", "--program", "a b"});
  CHECK(ended.code == 7);
  CHECK(ended.output == "2:--program:a b\nhunter2\n");  // and nothing of it is left on the host
  CHECK_FALSE(std::filesystem::exists(hooked.input));
}

TEST_CASE("node hook: without an input there is nothing to read; signals are as in any program") {
  Hooked hooked;
  hooked.put("#!/bin/sh\ncat; echo end; kill -PIPE $$; echo deaf\n");
  const auto ended = hooked.start({"--program", hooked.program, "--"});
  CHECK(ended.output == "end\n");
  CHECK(ended.code == 128 + SIGPIPE);
}

TEST_CASE("node hook: what can't be started says why") {
  Hooked hooked;
  hooked.put("echo no first line\n");
  CHECK(hooked.start({"--program", hooked.program}).errors.contains("a script begins with"));
  hooked.put("#!/no/such/shell\n");
  CHECK(hooked.start({"--program", hooked.program}).errors.contains("interpreter"));
  const auto lost = hooked.start({"--program", hooked.program, "--input", hooked.input});
  CHECK(lost.code != 0);
  CHECK(lost.errors.contains(hooked.input));
  // nobody leads it elsewhere
  std::ofstream(hooked.folder / "other") << "x";
  std::filesystem::create_symlink(hooked.folder / "other", hooked.input);
  CHECK(hooked.start({"--program", hooked.program, "--input", hooked.input}).code != 0);
  CHECK(std::filesystem::exists(hooked.folder / "other"));
}

TEST_CASE("node hook: wrong words") {
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{}, {"--input", "x"}, {"--program"}, {"--program", "a", "--input"}, {"--dir", "x"}}) {
    const auto hook = node::hook_program_of(words);
    REQUIRE_FALSE(hook);
    CHECK(hook.error().code == ErrorCode::usage);
  }
  const auto hook = node::hook_program_of({"--program", "p", "--", "--", "x"});
  REQUIRE(hook);
  CHECK(hook->arguments == std::vector<std::string>{"--", "x"});
  CHECK_FALSE(hook->input);
}
