// SPDX-License-Identifier: Apache-2.0
//
// The index.yaml of a chart repository. Indexes of large repositories have many megabytes, of which one chart's part is
// read. Source: https://helm.sh/docs/topics/chart_repository/
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "payload/hash/digest.h"

namespace sealift::charts {

struct IndexEntry {
  std::string url;               // the first one; may be relative to the repository
  std::optional<Digest> digest;  // of the archive; some repositories give none
};

// `where` names the repository in messages. Errors: not_found if it has no such chart or version, naming what it has;
// invalid_input if the version is missing or a range, also with what there is; invalid_input or limit_exceeded if the
// index can't be read.
Result<IndexEntry> find_chart(std::string_view index, std::string_view name, std::string_view version,
                              std::string_view where);

}  // namespace sealift::charts
