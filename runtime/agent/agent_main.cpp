// SPDX-License-Identifier: Apache-2.0
#include "runtime/agent/agent_main.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "payload/base/file.h"
#include "payload/base/process.h"
#include "payload/hash/digest.h"
#include "runtime/host/local_host.h"

namespace sealift::agent {
namespace {

void remove_self(const AgentOptions& options) {
  const auto program = base::own_program();
  if (!program || !options.remove_self) return;
  ::unlink(program->c_str());
  if (options.remove_folder) ::rmdir(program->substr(0, program->rfind('/')).c_str());
}

// A descriptor that becomes readable when the process is told to end. Children do not inherit the blocked signals
// (base::run).
base::Fd watch_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGTERM, SIGHUP, SIGINT}) sigaddset(&signals, number);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return base::Fd(::signalfd(-1, &signals, SFD_CLOEXEC));
}

int self_check() {
  auto program = base::OpenFile::open("/proc/self/exe");
  if (!program) return 1;
  const auto digest = hash::sha256(**program, 0, (*program)->size());
  if (!digest) return 1;
  std::printf("%s\n", digest->hex().c_str());
  return 0;
}

}  // namespace

AgentOptions agent_options(const std::vector<std::string>& arguments) {
  AgentOptions out;
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == "--change") out.changes = true;
    if (arguments[i] == "--remove") out.remove_self = true;
    if (arguments[i] == "--remove-folder") out.remove_folder = true;
    if (arguments[i] == "--owner" && i + 1 < arguments.size()) out.owner = arguments[++i];
    if (arguments[i] == "--run" && i + 1 < arguments.size()) out.run = arguments[++i];
  }
  return out;
}

int run_agent(const std::string& root, AgentOptions options) {
  ::signal(SIGPIPE, SIG_IGN);
  remove_self(options);
  const base::Fd stop = watch_signals();
  options.stop = stop.get();
  auto host = host::LocalHost::open(root, base::system_clock());
  if (!host) {
    (void)refuse(STDOUT_FILENO, host.error());
    return base::exit_code(host.error().code);
  }
  const auto served = serve_agent(STDIN_FILENO, STDOUT_FILENO, **host, options);
  if (served) return 0;
  std::fprintf(stderr, "%s\n", served.error().text().c_str());
  return base::exit_code(served.error().code);
}

int agent_main(const std::vector<std::string>& arguments) {
  if (arguments.size() == 2 && arguments[0] == "job") return host::job_main(arguments[1]);
  if (arguments.size() == 2 && arguments[1] == "--self-check") return self_check();
  return run_agent("", agent_options(arguments));
}

}  // namespace sealift::agent
