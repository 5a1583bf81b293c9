// SPDX-License-Identifier: Apache-2.0
//
// Opening a file where its path says that it is: below a folder, and through no link that somebody has put in the way.
#pragma once

#include <expected>
#include <string>

#include "payload/base/fd.h"

namespace sealift::base {

// What lies at this relative path (without "..") below the folder; `flags` as for open(2), O_CLOEXEC is added. Errors:
// errno; ELOOP or ENOTDIR where a symbolic link stands in the path, its last part included; EXDEV if it leads out.
std::expected<Fd, int> open_beneath(int folder, const std::string& path, int flags);

// The same, folder by folder: for kernels without openat2 (before 5.6).
std::expected<Fd, int> open_by_steps(int folder, const std::string& path, int flags);

}  // namespace sealift::base
