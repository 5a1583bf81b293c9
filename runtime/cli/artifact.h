// SPDX-License-Identifier: Apache-2.0
//
// The payload of this run: appended to this program's own ELF, or the file named with --payload. It is read through one
// descriptor; nothing is unpacked.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "payload/base/file.h"
#include "payload/format/reader.h"
#include "runtime/cli/arguments.h"

namespace sealift::cli {

struct Artifact {
  std::string path;  // for messages
  std::unique_ptr<base::OpenFile> file;
  std::unique_ptr<format::PayloadReader> reader;
};

// Which artifacts may be opened.
struct Demand {
  std::vector<Digest> identities;  // one of these
  std::string by;                  // who demands it, for messages
};

// What the command line demands.
std::vector<Demand> demands_of(const Arguments& arguments);

// The demands are met before more of the payload than its trailer is read. Errors: untrusted with both identities if
// one is not met; those of PayloadReader::open; not_a_payload with the remedy if this program carries none.
Result<Artifact> open_artifact(const std::optional<std::string>& payload_path, std::span<const Demand> demands);

}  // namespace sealift::cli
