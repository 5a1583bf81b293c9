// SPDX-License-Identifier: Apache-2.0
//
// Files out of an archive (tar; tar with gzip, zstd or xz), onto this machine. Their names stay within this program:
// on the disk they have numbers, so nothing in an archive leads anywhere.
#pragma once

#include <string>
#include <vector>

#include "payload/base/cancel.h"
#include "payload/base/error.h"

namespace sealift::sources {

struct Selection {
  size_t strip = 0;               // so many leading parts of each name are removed; shorter names are left out
  std::vector<std::string> only;  // names after that, "*" stands for any text; empty = all
};

struct UnpackedFile {
  std::string name;    // in the archive, stripped: safe and relative
  std::string source;  // on this machine
  bool is_executable = false;
};

// Into `folder`, which is there. Sorted by name; names that are one file in the archive (links) share a source. Errors:
// those of stored_archive(); invalid_input if a pattern fits nothing (with what there is), two names become the same or
// a name is no UTF-8; corrupt for a link that leads out of the archive or to no file, for devices and the like; those
// of writing. All name the archive.
Result<std::vector<UnpackedFile>> unpack_files(const std::string& archive, const Selection& selection,
                                               const std::string& folder, const CancelToken& cancel);

}  // namespace sealift::sources
