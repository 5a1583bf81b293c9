// SPDX-License-Identifier: Apache-2.0
#include "payload/base/hardening.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>

using namespace sealift;

TEST_CASE("a program that keeps its memory private leaves no core and is open to no other process") {
  const pid_t child = ::fork();
  if (child == 0) {
    base::keep_memory_private();
    rlimit core{1, 1};
    ::getrlimit(RLIMIT_CORE, &core);
#if __has_feature(address_sanitizer)
    const bool is_closed = true;
#else
    const bool is_closed = ::prctl(PR_GET_DUMPABLE) == 0;
#endif
    ::_exit(core.rlim_max == 0 && is_closed ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
}
