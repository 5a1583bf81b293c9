// SPDX-License-Identifier: Apache-2.0
#include "payload/base/format.h"

namespace sealift::base {

std::string vformat(std::string_view format, std::format_args arguments) { return std::vformat(format, arguments); }

}  // namespace sealift::base
