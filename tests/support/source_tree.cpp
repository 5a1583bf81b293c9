// SPDX-License-Identifier: Apache-2.0
#include "tests/support/source_tree.h"

#include "payload/base/format.h"

namespace sealift::tests {

// The only object that contains the folder's path: all others are the same in every clone, so the compiler's cache has
// them.
std::string source_path(std::string_view relative) { return base::format(SEALIFT_SOURCE_ROOT "/{}", relative); }

}  // namespace sealift::tests
