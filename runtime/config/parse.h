// SPDX-License-Identifier: Apache-2.0
//
// Parses a configuration already in memory; load_cluster_config() is this with files from disk.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "runtime/config/cluster_config.h"

namespace sealift::config {

// Returns a whole file of at most `limit` bytes.
using FileReader = std::function<Result<std::string>(const std::string& path, size_t limit)>;

// `path` names the file in messages; `src` and `valuesFile` are relative to it. An Error (invalid_config) only if the
// text is not YAML: nothing after the fault can be read then.
Result<ParsedConfig> parse_cluster_config(std::string_view text, const std::string& path,
                                          const std::map<std::string, std::string>& variables,
                                          const FileReader& read_file);

}  // namespace sealift::config
