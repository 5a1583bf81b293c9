// SPDX-License-Identifier: Apache-2.0
//
// Lists of images as sealer (imageList) and sealos (images/shim) have them: a name on each line, with comments behind
// names, headings, blank lines and repetitions.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "packer/convert/conversion.h"

namespace sealift::convert {

// Each name once, as it is written; `known` holds those of other lists and gets these. Lines that are no names are lost
// in the report.
std::vector<std::string> image_names(std::string_view text, const std::string& file, std::set<std::string>& known,
                                     Report& report);

// images.txt
Conversion convert_image_list(std::string_view text, const std::string& file);

}  // namespace sealift::convert
