// SPDX-License-Identifier: Apache-2.0
//
// Checks a helm chart's folder, reading it as helm does.
#pragma once

#include <span>
#include <string>

#include "packer/resolve/tree.h"

namespace sealift::resolve {

// `root`: the chart's folder in the tree ("apps/erp"); `source`: the same folder on this machine, for messages. Returns
// the chart's version. Rejects what helm would reject at the site: a chart without a version, and a dependency in
// Chart.yaml (or requirements.yaml) that is missing from charts/, whatever its condition or alias.
Result<std::string> check_chart(const Place& place, const std::string& root, const std::string& source,
                                std::span<const LocalFile> files);

}  // namespace sealift::resolve
