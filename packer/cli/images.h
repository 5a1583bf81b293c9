// SPDX-License-Identifier: Apache-2.0
//
// `sealift images`, `sealift why` and `sealift inspect --images`: which images an artifact has or will have, and why.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "packer/resolve/inputs.h"

namespace sealift::packer_cli {

// An image with the lines and places that name it, for people.
struct ImageReasons {
  std::string image;
  std::vector<std::string> reasons;  // at least one
};

// By name. Of a base's image nothing is known but that, unless the base says more.
std::vector<ImageReasons> image_reasons(const resolve::Inputs& inputs);
std::vector<ImageReasons> image_reasons(const format::Contents& contents);

// The images that `text` names: in full ("redis:7" as docker.io/library/redis:7), else those whose name holds it.
// not_found with the nearest name if there are none.
Result<std::vector<ImageReasons>> images_named(std::string_view text, std::vector<ImageReasons> images);

// The names only, or each with its reasons indented below it.
std::string to_text(const std::vector<ImageReasons>& images, bool with_reasons);

}  // namespace sealift::packer_cli
