// SPDX-License-Identifier: Apache-2.0
//
// Packed helm charts (.tgz), as far as the packer reads them.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "payload/base/error.h"

namespace sealift::sources {

// The text of Chart.yaml in the archive's only top-level folder. invalid_input with the path if it is not
// a packed chart.
Result<std::string> chart_document_of(const std::string& path);

// Each file of the archive's only top-level folder, with its name in there. Regular files only; errors: invalid_input
// with the path for anything else, for a name that leads out of the folder, and for more than any chart holds.
using ChartFileVisit = std::function<Result<void>(std::string_view name, std::string text)>;
Result<void> read_chart_files(const std::string& path, const ChartFileVisit& visit);

// Unpacks that folder as `folder`, which is made. Errors: as above.
Result<void> unpack_chart(const std::string& path, const std::string& folder);

}  // namespace sealift::sources
