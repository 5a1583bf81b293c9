// SPDX-License-Identifier: Apache-2.0
#include "tests/support/source_tree.h"

#include <format>

namespace sealift::tests {

// The only object that knows the folder: every other one is the same in each clone, and the compiler's cache has it.
std::string source_path(std::string_view relative) { return std::format(SEALIFT_SOURCE_ROOT "/{}", relative); }

}  // namespace sealift::tests
