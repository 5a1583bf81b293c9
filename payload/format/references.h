// SPDX-License-Identifier: Apache-2.0
//
// The one walk over everything that contents names by digest, for those who look every name up: the reader in its index,
// the writer among what was packed.
#pragma once

#include <functional>
#include <string_view>

#include "payload/format/contents.h"

namespace sealift::format {

// `of` names who refers to the object, for messages: a path of the tree, an image, "a stub". Ends at the first error.
Result<void> for_each_reference(const Contents& contents, const std::function<Result<void>(const ObjectRef&, std::string_view of)>& visit);

}  // namespace sealift::format
