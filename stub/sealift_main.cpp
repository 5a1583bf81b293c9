// SPDX-License-Identifier: Apache-2.0
#include "packer/cli/sealift_program.h"

int main(int argc, char** argv) { return sealift::packer_cli::run_program(argc, argv); }
