// SPDX-License-Identifier: Apache-2.0
//
// Files that people name on a command line: they may be symbolic links, or pipes (`-f <(generate)`).
#pragma once

#include <string>

#include "payload/base/cancel.h"
#include "payload/base/error.h"

namespace sealift::base {

// What a file of this name really is: symbolic links are followed, also one that leads to a file that is not there yet.
// The path itself if it is no link, or if its links lead nowhere.
std::string behind_links(const std::string& path);

// All of it, at most `limit` bytes (else limit_exceeded). A pipe is read to its end, which comes once it has had
// writers and they are gone; cancelled while it waits for one.
Result<std::string> read_named_file(const std::string& path, size_t limit, const CancelToken& cancel);

}  // namespace sealift::base
