// SPDX-License-Identifier: Apache-2.0
#include "packer/cli/opened_payload.h"

namespace sealift::packer_cli {

Result<OpenedPayload> open_payload(const std::string& path) {
  SEALIFT_ASSIGN(auto file, base::OpenFile::open(path));
  auto reader = format::PayloadReader::open(*file);
  if (!reader) return fail_while(std::move(reader).error(), "opening " + path);
  return OpenedPayload{std::move(file), std::move(*reader)};
}

}  // namespace sealift::packer_cli
