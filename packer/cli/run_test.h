// SPDX-License-Identifier: Apache-2.0
//
// sealift run-test: the factory's test of a finished artifact.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "payload/base/cancel.h"
#include "payload/base/error.h"

namespace CLI {
class App;
}

namespace sealift::packer_cli {

struct RunTestArguments {
  std::string file, tools, kubernetes_version;
  std::vector<std::string> settings;
};

// `arguments` must outlive `app`.
void define_run_test(CLI::App& app, RunTestArguments& arguments);
// Prints a line for each part as it ends; what the last one is, if all is well, is returned.
Result<std::string> run_test(const RunTestArguments& arguments, const CancelToken& cancel);

}  // namespace sealift::packer_cli
