// SPDX-License-Identifier: Apache-2.0
//
// The texts of a stream's documents, for who passes on what it does not change.
#pragma once

#include <string_view>
#include <vector>

namespace sealift::yaml {

// In order, each with its "---" line and the comments around it; those that hold nothing are left out. Views of `text`.
std::vector<std::string_view> split_documents(std::string_view text);

}  // namespace sealift::yaml
