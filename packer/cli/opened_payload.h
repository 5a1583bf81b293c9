// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "payload/base/file.h"
#include "payload/format/reader.h"

namespace sealift::packer_cli {

struct OpenedPayload {
  std::unique_ptr<base::OpenFile> file;
  std::unique_ptr<format::PayloadReader> reader;  // reads `file`
};
// Of an artifact or a payload: a file, else what the local store has under this name. Errors: those of opening it, with
// its name.
Result<OpenedPayload> open_payload(const std::string& what);

}  // namespace sealift::packer_cli
