// SPDX-License-Identifier: Apache-2.0
//
// Reads a helm chart's folder as helm does.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "packer/resolve/tree.h"

namespace sealift::resolve {

struct Dependency {
  std::string name, version;  // the version may be a range
  std::string repository;
  // From Chart.lock, if there is one: the version that was chosen from the range.
  std::optional<std::string> locked_version;
};

struct Chart {
  std::string name, version;
  bool has_lock = false;
  std::vector<Dependency> missing;  // from charts/, whatever their condition or alias
};

// `root`: the chart's folder in the tree ("apps/erp"); `source`: the same folder on this machine, for messages. Errors:
// invalid_input for what helm would reject: a chart without a version, a Chart.lock that is not of this Chart.yaml (if
// dependencies are missing).
Result<Chart> read_chart(const Place& place, const std::string& root, const std::string& source,
                         std::span<const LocalFile> files);

}  // namespace sealift::resolve
