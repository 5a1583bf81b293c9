// SPDX-License-Identifier: Apache-2.0
//
// Child processes. A command is an argv array, never a shell line. Every child gets exactly the environment below
// (PATH, LC_ALL, HOME) and the command's own variables, cwd "/" unless the command sets another, umask 022, default
// signals, and no descriptors but 0, 1 and 2. (kubeadm would copy proxy variables into static pods; a host's PAM reads
// /etc/environment.)
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "payload/base/bytes.h"
#include "payload/base/cancel.h"
#include "payload/base/clock.h"
#include "payload/base/error.h"

namespace sealift::base {

inline constexpr std::string_view kChildPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

struct Command {
  std::vector<std::string> argv;         // argv[0] is looked up in kChildPath if it has no slash
  std::vector<std::string> environment;  // "NAME=value", added to PATH, LC_ALL=C, HOME=/root; the same name replaces
  std::string directory = "/";
  std::optional<Duration> timeout;  // then SIGKILL to the process group and the error `timeout`
  // For programs fed with other people's input.
  std::optional<uint64_t> memory_limit;  // bytes of private memory (RLIMIT_DATA); it also dies with the calling thread
  bool without_network = false;          // a network namespace of its own, where the kernel allows one

  // For messages: argv joined, arguments with blanks quoted. Holds no secret, since argv never does.
  std::string text() const;
};

// A command for a program that is fed with other people's input: no network, at most a minute and 1 GiB. `home`: a
// folder that it may write to.
Command confined(std::vector<std::string> argv, const std::string& home);

struct CommandIo {
  ByteView input;                                 // for stdin; empty = /dev/null
  std::function<void(ByteView)> on_output;        // receives stdout as it arrives; if not set, it is collected
  std::function<void(ByteView)> on_error_output;  // the same for stderr
  size_t output_limit = size_t{8} << 20;          // per collected stream; beyond it limit_exceeded
};

struct ExitStatus {
  int code = 0;        // exit code, or 128 + signal
  std::string output;  // collected stdout
  std::string errors;  // collected stderr
  bool ok() const { return code == 0; }
};

// Runs the command to its end. A non-zero exit is not an Error here (see run_checked); failure to start is not_found or
// permission_denied. Any thread.
Result<ExitStatus> run(const Command& command, const CommandIo& io = {}, const CancelToken& cancel = {});

// Like run, but a non-zero exit is command_failed with the last lines of stderr. Returns stdout.
Result<std::string> run_checked(const Command& command, const CommandIo& io = {}, const CancelToken& cancel = {});

// The error for a status that is not ok: command, code, last lines of stderr.
Error command_error(const Command& command, const ExitStatus& status);

// The stdout of a command that succeeded, wherever it ran; otherwise the error that kept it from running,
// or its command_error.
Result<std::string> output_of(const Command& command, Result<ExitStatus> status);

// The file that a process runs, "… (deleted)" if it was deleted; not_found if there is no such process.
Result<std::string> program_of(pid_t process);
Result<std::string> own_program();

// The environment that run() would pass: for tests, and for units written on hosts.
std::vector<std::string> child_environment(const Command& command);

}  // namespace sealift::base
