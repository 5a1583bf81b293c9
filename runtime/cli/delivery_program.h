// SPDX-License-Identifier: Apache-2.0
//
// `delivery.run` as a program: parses the command line, sets up signals and output, and calls the libraries. The only
// place that turns an Error into an exit code.
#pragma once

#include <string_view>

namespace sealift::cli {

// Returns the process's exit code (runtime/OPERATIONS.md). `licenses` returns the text of --licenses.
int run_program(int argc, char** argv, std::string_view (*licenses)());

}  // namespace sealift::cli
