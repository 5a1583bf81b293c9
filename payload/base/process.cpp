// SPDX-License-Identifier: Apache-2.0
#include "payload/base/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include "payload/base/fd.h"
#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::base {
namespace {

struct Child {
  pid_t pid = -1;
  Fd input;   // write end of the child's stdin
  Fd output;  // read ends of stdout and stderr
  Fd errors;
};

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> out;
  out.reserve(strings.size() + 1);
  for (auto& text : strings) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

Result<std::string> find_program(const std::string& name) {
  if (name.empty()) return fail(ErrorCode::internal, "an empty command");
  if (name.contains('/')) return name;
  for (const auto folder : split(kChildPath, ':')) {
    std::string candidate = std::string(folder) + "/" + name;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return fail(ErrorCode::not_found, "{} was not found in {}", name, kChildPath);
}

struct ChildPlan {
  const char* program;
  char* const* argv;
  char* const* environment;
  const char* directory;
  int stdin_fd, stdout_fd, stderr_fd, status_fd;
  rlim_t memory_limit;  // RLIM_INFINITY: none
  bool without_network;
};

// Only root may make a network namespace alone; others need one for users around it.
void leave_network() {
  if (::unshare(CLONE_NEWNET) != 0) (void)::unshare(CLONE_NEWUSER | CLONE_NEWNET);
}

// Between fork and exec: only async-signal-safe calls.
[[noreturn]] void become(const ChildPlan& plan) {
  ::setpgid(0, 0);
  ::signal(SIGPIPE, SIG_DFL);
  ::signal(SIGINT, SIG_DFL);
  ::signal(SIGTERM, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::umask(022);
  const rlimit limit{plan.memory_limit, plan.memory_limit};
  if (plan.memory_limit != RLIM_INFINITY) {
    (void)::setrlimit(RLIMIT_DATA, &limit);
    (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);  // nobody else would end a template without end
  }
  if (plan.without_network) leave_network();
  if (::dup2(plan.stdin_fd, 0) >= 0 && ::dup2(plan.stdout_fd, 1) >= 0 && ::dup2(plan.stderr_fd, 2) >= 0 &&
      ::chdir(plan.directory) == 0) {
    ::execve(plan.program, plan.argv, plan.environment);
  }
  const int error_number = errno;
  [[maybe_unused]] const ssize_t ignored = ::write(plan.status_fd, &error_number, sizeof error_number);
  ::_exit(127);
}

Result<Child> start(const Command& command, bool has_input) {
  if (command.argv.empty()) return fail(ErrorCode::internal, "an empty command");
  SEALIFT_ASSIGN(const std::string program, find_program(command.argv.front()));
  auto argv = command.argv;
  auto environment = child_environment(command);
  auto argv_pointers = pointers(argv);
  auto environment_pointers = pointers(environment);

  SEALIFT_ASSIGN(auto out, make_pipe());
  SEALIFT_ASSIGN(auto err, make_pipe());
  SEALIFT_ASSIGN(auto status, make_pipe());
  std::pair<Fd, Fd> in;
  if (has_input) {
    SEALIFT_ASSIGN(in, make_pipe());
  } else {
    SEALIFT_ASSIGN(in.first, open_file("/dev/null", O_RDONLY));
  }
  const ChildPlan plan{program.c_str(),           argv_pointers.data(), environment_pointers.data(),
                       command.directory.c_str(), in.first.get(),       out.second.get(),
                       err.second.get(),          status.second.get(),  command.memory_limit.value_or(RLIM_INFINITY),
                       command.without_network};
  Child child;
  child.pid = ::fork();
  if (child.pid < 0) return fail_errno(errno, "fork for " + command.text());
  if (child.pid == 0) become(plan);
  status.second.reset();
  int error_number = 0;
  ssize_t count = 0;
  do {
    count = ::read(status.first.get(), &error_number, sizeof error_number);
  } while (count < 0 && errno == EINTR);
  if (count == sizeof error_number) {
    ::waitpid(child.pid, nullptr, 0);
    return fail_errno(error_number, "start " + command.text());
  }
  child.input = std::move(in.second);
  child.output = std::move(out.first);
  child.errors = std::move(err.first);
  return child;
}

int wait_for(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : 127;
}

// One output stream of a child: passes bytes on or collects them.
Result<void> drain(Fd& fd, const std::function<void(ByteView)>& consumer, std::string& collected, size_t limit) {
  std::array<std::byte, 65536> buffer;
  SEALIFT_ASSIGN(const size_t count, read_some(fd.get(), buffer));
  if (count == 0) {
    fd.reset();
    return {};
  }
  const ByteView data(buffer.data(), count);
  if (consumer) {
    consumer(data);
  } else if (collected.size() + count > limit) {
    return fail(ErrorCode::limit_exceeded, "a command printed more than {} bytes", limit);
  } else {
    collected += as_text(data);
  }
  return {};
}

// Blocks SIGPIPE for this thread, which is where a write raises it: a child that doesn't read its input must not
// kill this program.
class NoPipeSignal {
 public:
  NoPipeSignal() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    sigset_t pending;
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  NoPipeSignal(const NoPipeSignal&) = delete;
  NoPipeSignal& operator=(const NoPipeSignal&) = delete;
  ~NoPipeSignal() {
    const timespec at_once{};
    while (!was_pending_ && sigtimedwait(&pipe_, nullptr, &at_once) == SIGPIPE) {
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t pipe_{};
  sigset_t before_{};
  bool was_pending_ = false;
};

Result<void> feed(Fd& fd, ByteView& input) {
  const ssize_t count = ::write(fd.get(), input.data(), std::min<size_t>(input.size(), 65536));
  if (count < 0 && errno != EINTR && errno != EAGAIN) {
    if (errno != EPIPE) return fail_errno(errno, "write to a command's standard input");
    input = {};  // the child does not want the rest
  } else if (count > 0) {
    input = input.subspan(static_cast<size_t>(count));
  }
  if (input.empty()) fd.reset();
  return {};
}

Result<void> talk(Child& child, const Command& command, const CommandIo& io, const CancelToken& cancel,
                  ExitStatus& status) {
  Clock& clock = system_clock();
  const Duration begin = clock.monotonic();
  ByteView input = io.input;
  const NoPipeSignal no_pipe_signal;
  if (child.input) ::fcntl(child.input.get(), F_SETFL, O_NONBLOCK);
  while (child.output || child.errors) {
    SEALIFT_TRY(cancel.check());
    if (command.timeout && clock.monotonic() - begin > *command.timeout) {
      return fail(ErrorCode::timeout, "{} did not end within {} s", command.text(), command.timeout->count() / 1000);
    }
    std::array<pollfd, 3> polled{pollfd{child.output.get(), POLLIN, 0}, pollfd{child.errors.get(), POLLIN, 0},
                                 pollfd{child.input.get(), POLLOUT, 0}};
    if (::poll(polled.data(), polled.size(), 200) < 0 && errno != EINTR) return fail_errno(errno, "poll");
    if (child.output && polled[0].revents != 0)
      SEALIFT_TRY(drain(child.output, io.on_output, status.output, io.output_limit));
    if (child.errors && polled[1].revents != 0)
      SEALIFT_TRY(drain(child.errors, io.on_error_output, status.errors, io.output_limit));
    if (child.input && polled[2].revents != 0) SEALIFT_TRY(feed(child.input, input));
  }
  return {};
}

}  // namespace

Command confined(std::vector<std::string> argv, const std::string& home) {
  return {.argv = std::move(argv),
          .environment = {"HOME=" + home},
          .timeout = Duration{60'000},
          .memory_limit = uint64_t{1} << 30,
          .without_network = true};
}

std::string Command::text() const {
  std::string out;
  for (const auto& argument : argv) {
    if (!out.empty()) out += ' ';
    const bool plain = !argument.empty() && argument.find_first_of(" \t\n'\"\\$`") == std::string::npos;
    out += plain ? argument : "'" + printable(argument) + "'";
  }
  return out;
}

std::vector<std::string> child_environment(const Command& command) {
  std::vector<std::string> out{"PATH=" + std::string(kChildPath), "LC_ALL=C", "HOME=/root"};
  for (const auto& setting : command.environment) {
    const auto prefix = setting.substr(0, setting.find('=') + 1);
    std::erase_if(out, [&](const std::string& other) { return other.starts_with(prefix); });
    out.push_back(setting);
  }
  return out;
}

Result<ExitStatus> run(const Command& command, const CommandIo& io, const CancelToken& cancel) {
  SEALIFT_ASSIGN(auto child, start(command, !io.input.empty()));
  ExitStatus status;
  if (auto talked = talk(child, command, io, cancel, status); !talked) {
    ::kill(-child.pid, SIGKILL);
    wait_for(child.pid);
    return fail_while(std::move(talked).error(), "running " + command.text());
  }
  child.input.reset();
  status.code = wait_for(child.pid);
  return status;
}

Error command_error(const Command& command, const ExitStatus& status) {
  std::string_view tail = trim(status.errors.empty() ? status.output : status.errors);
  constexpr size_t kTail = 2000;
  if (tail.size() > kTail) tail.remove_prefix(tail.size() - kTail);
  return Error{ErrorCode::command_failed,
               base::format("{} ended with code {}{}{}", command.text(), status.code, tail.empty() ? "" : ": ", tail),
               {}};
}

Result<std::string> output_of(const Command& command, Result<ExitStatus> status) {
  if (!status) return std::unexpected(std::move(status).error());
  if (!status->ok()) return fail(command_error(command, *status));
  return std::move(status->output);
}

Result<std::string> run_checked(const Command& command, const CommandIo& io, const CancelToken& cancel) {
  return output_of(command, run(command, io, cancel));
}

namespace {

Result<std::string> link_target(const std::string& link) {
  std::array<char, 4096> path{};
  const ssize_t size = ::readlink(link.c_str(), path.data(), path.size());
  if (size < 0) return fail_errno(errno, "read " + link);
  return std::string(path.data(), static_cast<size_t>(size));
}

}  // namespace

Result<std::string> program_of(pid_t process) { return link_target(base::format("/proc/{}/exe", process)); }
Result<std::string> own_program() { return link_target("/proc/self/exe"); }

}  // namespace sealift::base
