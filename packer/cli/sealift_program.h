// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace sealift::packer_cli {

// The program `sealift`: its commands and their output. Returns the exit code.
int run_program(int argc, char** argv);

}  // namespace sealift::packer_cli
