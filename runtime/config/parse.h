// SPDX-License-Identifier: Apache-2.0
//
// Reading a configuration whose text is already there; load_cluster_config() is this with the files of the disk.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "runtime/config/cluster_config.h"

namespace sealift::config {

// Gives a whole file of at most `limit` bytes.
using FileReader = std::function<Result<std::string>(const std::string& path, size_t limit)>;

// `path` names the file in messages; `src` and `valuesFile` are looked for beside it. An Error (invalid_config) only if
// the text is no YAML: then nothing after the fault can be read.
Result<ParsedConfig> parse_cluster_config(std::string_view text, const std::string& path,
                                          const std::map<std::string, std::string>& variables,
                                          const FileReader& read_file);

}  // namespace sealift::config
