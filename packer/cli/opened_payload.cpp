// SPDX-License-Identifier: Apache-2.0
#include "packer/cli/opened_payload.h"

#include "packer/store/store.h"

namespace sealift::packer_cli {

Result<OpenedPayload> open_payload(const std::string& what) {
  auto opened = base::OpenFile::open(what);
  std::string path = what;
  if (!opened && opened.error().code == ErrorCode::not_found && store::is_name(what)) {
    const auto stored = store::Store(store::Store::default_folder()).find(what);
    if (stored && *stored) {
      path = (*stored)->path;
      opened = base::OpenFile::open(path);
    }
  }
  if (!opened) return std::unexpected(std::move(opened).error());
  auto file = std::move(*opened);
  auto reader = format::PayloadReader::open(*file);
  if (!reader) return fail_while(std::move(reader).error(), "opening " + path);
  return OpenedPayload{std::move(file), std::move(*reader)};
}

}  // namespace sealift::packer_cli
