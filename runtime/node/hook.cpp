// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/hook.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "payload/base/file.h"

namespace sealift::node {
namespace {

Result<void> give_input(const std::optional<std::string>& input) {
  SEALIFT_ASSIGN(const auto file, base::open_file(input.value_or("/dev/null"), O_RDONLY | O_NOFOLLOW));
  if (input && ::unlink(input->c_str()) != 0) return fail_errno(errno, "remove " + *input);
  if (::dup2(file.get(), STDIN_FILENO) < 0) return fail_errno(errno, "pass on the input");
  return {};
}

}  // namespace

Result<HookProgram> hook_program_of(const std::vector<std::string>& words) {
  HookProgram out;
  const auto end = std::ranges::find(words, "--");
  for (auto word = words.begin(); word != end; word += 2) {
    if (std::next(word) == end) return fail(ErrorCode::usage, "node hook: {} lacks its value", *word);
    if (*word == "--program")
      out.program = *std::next(word);
    else if (*word == "--input")
      out.input = *std::next(word);
    else
      return fail(ErrorCode::usage, "node hook: {} is not known", *word);
  }
  if (out.program.empty()) return fail(ErrorCode::usage, "node hook: --program is missing");
  if (end != words.end()) out.arguments.assign(std::next(end), words.end());
  return out;
}

Error start_hook(const HookProgram& hook) {
  if (auto given = give_input(hook.input); !given) return std::move(given).error();
  std::vector<std::string> words{hook.program};
  words.insert(words.end(), hook.arguments.begin(), hook.arguments.end());
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  ::signal(SIGPIPE, SIG_DFL);  // ignored by this program, and that would be passed on
  ::execv(hook.program.c_str(), argv.data());
  if (errno == ENOEXEC)
    return {ErrorCode::command_failed,
            hook.program + " is no program for this host; a script begins with a line such as #!/bin/sh",
            {}};
  if (errno == ENOENT)
    return {ErrorCode::command_failed,
            hook.program + " can't be started: the interpreter of its first line (#!) is not on this host",
            {}};
  return fail_errno(errno, "start " + hook.program).error();
}

}  // namespace sealift::node
