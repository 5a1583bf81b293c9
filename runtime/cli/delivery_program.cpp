// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/delivery_program.h"

#include <fcntl.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <vector>

#include "payload/base/cancel.h"
#include "payload/base/format.h"
#include "payload/base/version.h"
#include "payload/console/output.h"
#include "runtime/cli/arguments.h"
#include "runtime/cli/artifact.h"
#include "runtime/cli/conclusion.h"
#include "runtime/cli/delivery_commands.h"
#include "runtime/cli/hidden_commands.h"
#include "runtime/cli/inspect_commands.h"
#include "runtime/config/cluster_config.h"

namespace sealift::cli {
namespace {

// A signal handler can only reach a global: set once, before the handlers.
CancelSource* stop_source = nullptr;

void on_stop_signal(int) { stop_source->cancel(); }

// The first SIGINT, SIGTERM or SIGHUP requests an orderly stop; a second one ends the program as usual.
void catch_stop_signals(CancelSource& source) {
  stop_source = &source;
  struct sigaction action{};
  action.sa_handler = on_stop_signal;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigemptyset(&action.sa_mask);
  for (int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction before{};
    // nohup and the like stay in force
    if (sigaction(signal, nullptr, &before) == 0 && before.sa_handler == SIG_IGN) continue;
    sigaction(signal, &action, nullptr);
  }
}

// The next file opened would take a closed 0, 1 or 2, and messages would be written into it.
void fill_standard_descriptors() {
  for (int fd = 0; fd <= 2; ++fd) {
    if (fcntl(fd, F_GETFD) == -1) (void)::open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY);
  }
}

std::string own_name(const char* argv0) {
  return argv0 == nullptr || *argv0 == '\0' ? std::string("delivery.run") : std::string(argv0);
}

Result<void> carry_out(const Arguments& arguments, const console::Output& out, const console::Output& messages,
                       const CancelToken& cancel) {
  switch (arguments.verb) {
    case Verb::apply:
    case Verb::plan:
    case Verb::join:
    case Verb::plan_join:
    case Verb::status:
    case Verb::check:
    case Verb::report:
    case Verb::kubeconfig:
    case Verb::config_current:
    case Verb::registry_ca:
    case Verb::remove:
    case Verb::remove_apps:
    case Verb::rollback:
    case Verb::list_cluster:
    case Verb::history:
    case Verb::reset: return run_delivery(arguments, out, messages, cancel);
    default: break;
  }
  SEALIFT_ASSIGN(Artifact artifact, open_artifact(arguments.payload, demands_of(arguments)));
  switch (arguments.verb) {
    case Verb::info: print_info(artifact, arguments.json, out); return {};
    case Verb::list: print_list(artifact, arguments.json, out); return {};
    case Verb::verify: return verify_artifact(artifact, arguments.json, out, messages, cancel);
    case Verb::extract: return extract_artifact(artifact, arguments, out, cancel);
    default: return fail(ErrorCode::internal, "a command without an action");
  }
}

// Handles commands that need no artifact; false for any other, without output.
bool answer_at_once(const Arguments& arguments, const std::string& program, console::Output out,
                    std::string_view (*licenses)()) {
  switch (arguments.verb) {
    case Verb::none: out.write(first_help(program)); return true;
    case Verb::help: out.write(arguments.text); return true;
    case Verb::version: out.line(base::format("sealift {}", base::kVersion)); return true;
    case Verb::licenses: out.write(licenses()); return true;
    case Verb::config_init: out.write(config::config_template()); return true;
    default: return false;
  }
}

}  // namespace

int run_program(int argc, char** argv, std::string_view (*licenses)()) {
  fill_standard_descriptors();
  const std::string program = own_name(argc > 0 ? argv[0] : nullptr);
  const console::Output out(STDOUT_FILENO);
  const console::Output messages(STDERR_FILENO);
  if (getauxval(AT_SECURE) != 0) {
    return conclude(
        fail(
            ErrorCode::permission_denied,
            "{} runs with raised rights (setuid, setgid or file capabilities) and refuses that; take them away and start it as a "
            "user who may log in to the hosts",
            program),
        out, messages, false);
  }
  std::signal(SIGPIPE, SIG_IGN);
  std::vector<std::string> words(argv + (argc > 0 ? 1 : 0), argv + argc);
  if (auto code = run_hidden_command(words)) return *code;
  auto arguments = parse_arguments(program, words);
  if (!arguments) return conclude(fail(arguments.error()), out, messages, false);
  if (answer_at_once(*arguments, program, out, licenses)) {
    const int code = conclude({}, out, messages, false);
    return code == 0 && arguments->verb == Verb::none ? base::exit_code(ErrorCode::usage) : code;
  }
  CancelSource stop;
  catch_stop_signals(stop);
  return conclude(carry_out(*arguments, out, messages, stop.token()), out, messages, arguments->json);
}

}  // namespace sealift::cli
