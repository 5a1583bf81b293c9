// SPDX-License-Identifier: Apache-2.0
#include "packer/cli/sealift_program.h"
#include "payload/base/hardening.h"

int main(int argc, char** argv) {
  sealift::base::keep_memory_private();
  return sealift::packer_cli::run_program(argc, argv);
}
