// SPDX-License-Identifier: Apache-2.0
//
// The project's own files on the machine that builds the tests: documents and corpora used for comparison.
#pragma once

#include <string>
#include <string_view>

namespace sealift::tests {

// Absolute path of a file or folder of the project: source_path("runtime/CLUSTER.md").
std::string source_path(std::string_view relative);

}  // namespace sealift::tests
