// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace sealift::node {

// The hidden commands after "node": "mirror --config F", "balancer --config F", "boot", "authority", "renew", "check",
// "releases", "pki make-ca|make-key|issue|install|look …". `arguments` begins with the word after "node". Returns the
// exit code.
int node_main(const std::vector<std::string>& arguments);

}  // namespace sealift::node
