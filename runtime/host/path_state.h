// SPDX-License-Identifier: Apache-2.0
//
// What is at a place now, and the small changes that writing and undoing share. All by way of the place's open folder:
// nobody can lead the path elsewhere between the look and the change.
#pragma once

#include <string>

#include "runtime/host/host.h"
#include "runtime/host/open_folder.h"

namespace sealift::host {

struct PathNow {
  PathBefore state;  // never transient, never kept
  base::Fd file;     // of a regular file, open for reading
};
// Files are read to their end for their digest. `path` is for messages, in all of these.
Result<PathNow> look_at(const Place& place, const std::string& path);

// In a ledger: what is under /run is only told to have been there.
PathBefore as_recorded(PathBefore state, const std::string& path);

// A name in the same folder that only this change of this path uses.
std::string temporary_name(const Place& place, const std::string& path, const Reason& reason);

Result<void> set_folder_spec(const Place& place, const std::string& path, const FileSpec& spec);
// Sets owner and mode of an open file, and syncs it.
Result<void> finish_file(int file, const std::string& path, const FileSpec& spec);
Result<void> sync_folder(const Place& place, const std::string& path);

}  // namespace sealift::host
