// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "payload/base/error.h"

namespace CLI {
class App;
}

namespace sealift::packer_cli {

struct ConvertArguments {
  std::string what;    // a file or a folder
  std::string output;  // a folder; empty: standard output
};

// `arguments` must outlive `app`.
void define_convert(CLI::App& app, ConvertArguments& arguments);

// `sealift convert`: writes what the file becomes and reports on standard error what became of each line. Returns what
// is for standard output. Errors: already_exists before anything is written; invalid_input if something has no
// equivalent, after everything else was written.
Result<std::string> convert_files(const ConvertArguments& arguments);

}  // namespace sealift::packer_cli
