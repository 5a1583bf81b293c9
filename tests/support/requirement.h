// SPDX-License-Identifier: Apache-2.0
//
// Something a test needs from its machine (sshd, root, systemd, namespaces …). A developer's machine may lack it; if CI
// is set, a test that did not run has failed.
#pragma once

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <string_view>

namespace sealift::tests {

inline void require_or_skip(bool there, std::string_view what) {
  if (there) return;
  if (std::getenv("CI") != nullptr) FAIL("this machine has no " << what << ", and CI is set");
  SKIP("this machine has no " << what);
}

}  // namespace sealift::tests
