// SPDX-License-Identifier: Apache-2.0
//
// The test program is also the program inside the jobs that its tests start.
#include <catch2/catch_session.hpp>

#include "runtime/host/local_host.h"

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() == 2 && arguments[0] == "job") return sealift::host::job_main(arguments[1]);
  return Catch::Session().run(argc, argv);
}
