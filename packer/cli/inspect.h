// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "payload/base/error.h"

namespace sealift::packer_cli {

struct InspectArguments {
  std::string file;
  bool images = false;  // with the reason for each
  bool tree = false;    // its files: mode, bytes, path
  bool json = false;
  bool lock = false;  // the lock of its Kubefile
};

// Prints a page for people, or with `json` the canonical contents document.
Result<std::string> inspect_artifact(const InspectArguments& arguments);

}  // namespace sealift::packer_cli
