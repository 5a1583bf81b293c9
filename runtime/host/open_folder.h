// SPDX-License-Identifier: Apache-2.0
//
// Folders in which root writes though others may have a hand in the path: reached part by part through descriptors, so
// that nothing can be exchanged between the look and the use.
#pragma once

#include <string>

#include "payload/base/fd.h"

namespace sealift::host {

// Whose the folders on the way may be. "Root" is also the user who runs this process.
enum class FolderOwners {
  anyone,  // an administrator may want a file in a folder of somebody else
  root,    // each folder is root's, and not writable by everybody; above the last one it may be, if it is sticky
};

// The folder that an absolute path without "." and ".." names, below `root` ("": the machine's), open for reading. A
// symbolic link on the way is followed only if it is root's.
// Errors: not_found; permission_denied names the part of the path with which others could lead it elsewhere.
Result<base::Fd> open_folder(const std::string& root, const std::string& path, FolderOwners owners);

// Where a path is written: its name in its folder, which stays open, so that nobody can lead the path elsewhere
// meanwhile.
struct Place {
  base::Fd folder;
  std::string name;
};
// The place of a safe absolute path. Errors: invalid_input; those of open_folder.
Result<Place> place_of(const std::string& root, const std::string& path, FolderOwners owners);

}  // namespace sealift::host
