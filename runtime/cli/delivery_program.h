// SPDX-License-Identifier: Apache-2.0
//
// `delivery.run` as a program: takes the command line apart, sets up signals and output, and hands over to the
// libraries. The only place that turns an Error into an exit code.
#pragma once

#include <string_view>

namespace sealift::cli {

// The exit code of the process (runtime/OPERATIONS.md). `licenses` is what --licenses prints.
int run_program(int argc, char** argv, std::string_view (*licenses)());

}  // namespace sealift::cli
