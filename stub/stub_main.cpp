// SPDX-License-Identifier: Apache-2.0
//
// The head of every artifact, the agent and the node service: one ELF.
#include "runtime/cli/delivery_program.h"

namespace sealift::licenses {
std::string_view text();  // made by toolchain/licenses.cmake
}

int main(int argc, char** argv) { return sealift::cli::run_program(argc, argv, sealift::licenses::text); }
