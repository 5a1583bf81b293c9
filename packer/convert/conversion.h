// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "packer/convert/report.h"

namespace sealift::convert {

struct File {
  std::string path;  // below the output folder
  std::string text;
};

struct Conversion {
  std::vector<File> files;  // the first one is what the source became, the others are what it names
  Report report;
};

}  // namespace sealift::convert
