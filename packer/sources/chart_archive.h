// SPDX-License-Identifier: Apache-2.0
//
// Packed helm charts (.tgz), as far as the packer reads them.
#pragma once

#include <string>

#include "payload/base/error.h"

namespace sealift::sources {

// The text of Chart.yaml in the archive's only top-level folder. invalid_input with the path if it is not
// a packed chart.
Result<std::string> chart_document_of(const std::string& path);

}  // namespace sealift::sources
