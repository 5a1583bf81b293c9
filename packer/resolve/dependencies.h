// SPDX-License-Identifier: Apache-2.0
//
// Fetches the charts that a chart depends on and that are not in its charts/, as `helm dependency build` would: from
// repositories, registries and folders of the context, in the versions of Chart.lock.
#pragma once

#include <string>
#include <vector>

#include "packer/resolve/build_context.h"
#include "packer/resolve/chart.h"
#include "packer/resolve/remote.h"

namespace sealift::resolve {

struct ChartFolder {
  std::string root;    // in the tree
  std::string source;  // on this machine
  std::vector<LocalFile> files;
};

// Whether what `chart` lacks, which was read from this folder, can be fetched at all: invalid_input with the line and
// what to run if not.
Result<void> check_dependencies(const Place& place, const Chart& chart, const std::string& source);

// Copies its files to a folder that does not exist yet.
Result<void> copy_chart(const ChartFolder& folder, const std::string& to);

// Adds what `chart`, which was read from this folder, lacks: archives byte for byte as they were fetched, folders as
// they are. The files in `context` may be used by `file://`; `copy` is a folder that does not exist yet, and in which
// the whole chart is when this returns, for helm. Errors: invalid_input with the line and what to run; those of Remote.
Result<void> add_dependencies(const Place& place, const Chart& chart, BuildContext& context, const std::string& copy,
                              Remote& remote, ChartFolder& folder);

}  // namespace sealift::resolve
