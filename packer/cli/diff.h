// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "payload/base/error.h"

namespace sealift::packer_cli {

struct DiffArguments {
  std::string from, to;  // artifacts or payloads
  bool json = false;
};

// What a site that has `from` gets with `to`: applications, images, files and settings that were added, removed or
// changed, and the bytes that it lacks. A page for people, or one JSON object.
Result<std::string> diff_artifacts(const DiffArguments& arguments);

}  // namespace sealift::packer_cli
