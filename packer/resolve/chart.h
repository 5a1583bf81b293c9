// SPDX-License-Identifier: Apache-2.0
//
// What a helm chart's folder says of itself, read as helm reads it.
#pragma once

#include <span>
#include <string>

#include "packer/resolve/tree.h"

namespace sealift::resolve {

// `root`: the chart's folder in the tree ("apps/erp"); `source`: the same on this machine, for messages. Gives the
// chart's version. Refused, as helm refuses it at the site: no version, and a dependency of Chart.yaml (or
// requirements.yaml) that is not in charts/, whatever its condition or alias.
Result<std::string> check_chart(const Place& place, const std::string& root, const std::string& source,
                                std::span<const LocalFile> files);

}  // namespace sealift::resolve
