// SPDX-License-Identifier: Apache-2.0
//
// Files with keys that one host needs of another: they go through this program's memory, are wiped there, and lie on no
// disk but those two hosts'.
#pragma once

#include <span>
#include <string>

#include "runtime/host/host.h"

namespace sealift::steps {

struct SecretFile {
  std::string path;  // on both hosts
  uint32_t mode = 0600;
};

// Writes those that are not there already; their folders, too (0755). Errors: not_found if `from` lacks one.
Result<void> bring_files(host::HostView& from, const std::string& from_name, host::Host& to,
                         std::span<const SecretFile> files, const host::Reason& reason);

}  // namespace sealift::steps
