// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace sealift::node {

// The hidden commands behind "node": "mirror --config F", "balancer --config F", "pki make-ca|make-key|issue …".
// `arguments` begins with the word after "node". Gives the exit code.
int node_main(const std::vector<std::string>& arguments);

}  // namespace sealift::node
