// SPDX-License-Identifier: Apache-2.0
//
// The payload of this run: appended to this program's own ELF, or the file named with --payload. It is read through one
// descriptor; nothing is unpacked.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "payload/base/file.h"
#include "payload/format/reader.h"

namespace sealift::cli {

struct Artifact {
  std::string path;  // for messages
  std::unique_ptr<base::OpenFile> file;
  std::unique_ptr<format::PayloadReader> reader;
};

// Errors: those of PayloadReader::open; not_a_payload with the remedy if this program carries none.
Result<Artifact> open_artifact(const std::optional<std::string>& payload_path);

}  // namespace sealift::cli
