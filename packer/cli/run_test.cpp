// SPDX-License-Identifier: Apache-2.0
#include "packer/cli/run_test.h"

#include <unistd.h>

#include "packer/cli/build_display.h"
#include "packer/cli/opened_payload.h"
#include "packer/selftest/self_test.h"
#include "payload/base/parallel.h"
#include "payload/console/output.h"

#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Weverything"
#include <CLI/CLI.hpp>
#pragma clang diagnostic pop

namespace sealift::packer_cli {

void define_run_test(CLI::App& app, RunTestArguments& arguments) {
  auto* command = app.add_subcommand("run-test", "whether an artifact can be delivered: everything but the hosts");
  command->add_option("file", arguments.file, "the artifact, or its name in the local store")->required();
  command->add_option("--tools", arguments.tools,
                      "a folder with a kubeadm and a helm that run on this machine (default: the artifact's)");
  command->add_option("--kubernetes-version", arguments.kubernetes_version,
                      "the version that charts are rendered for, if the artifact has no base");
  command
      ->add_option("--set", arguments.settings,
                   "APP:key=value: what the Kubefile's APP --set gives, which an artifact does not keep")
      ->allow_extra_args(false);
}

Result<std::string> run_test(const RunTestArguments& arguments, const CancelToken& cancel) {
  SEALIFT_ASSIGN(auto payload, open_payload(arguments.file));
  const auto name = payload.reader->artifact_name();
  selftest::Request request{.name = arguments.file,
                            .tools = {},
                            .kubernetes_version = {},
                            .settings = arguments.settings,
                            .threads = base::processors()};
  if (!arguments.tools.empty()) request.tools = arguments.tools;
  if (!arguments.kubernetes_version.empty()) request.kubernetes_version = arguments.kubernetes_version;
  BuildDisplay events(console::Output(STDERR_FILENO), base::system_clock());
  console::Output out(STDOUT_FILENO);
  const auto show = [&](const selftest::Part& part) {
    events.finish();
    out.line((part.is_good ? "good   " : "WRONG  ") + part.what);
  };
  const auto done =
      selftest::run({std::move(payload.file), std::move(payload.reader), {}}, request, show, events, cancel);
  events.finish();
  if (!done) return fail_while(done.error(), "testing " + arguments.file);
  return name + ": this artifact can be delivered\n";
}

}  // namespace sealift::packer_cli
