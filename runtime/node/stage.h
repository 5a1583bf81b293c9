// SPDX-License-Identifier: Apache-2.0
//
// Lays out an application's files on a control plane for helm and kubectl: the packed ones from the payload that lies
// there, the others from what comes in. The payload need not be complete.
#pragma once

#include <map>
#include <string>

#include "payload/base/error.h"

namespace sealift::node {

struct Staging {
  std::string payload;  // the payload's file
  std::string root;     // the application's folder in the payload's tree
  std::string folder;   // what is there is replaced; folders get 0700, files 0600
  // By path below `folder`; they win over packed files, which go to tree/.
  std::map<std::string, std::string> files = {};
};

// A JSON object of texts by path, as `files`. Errors: protocol.
Result<std::map<std::string, std::string>> staged_files_of(std::string_view text);

// With patches among the files also a link to this program (patch.h). Errors: corrupt if a packed file is not there
// (yet) or damaged; those of writing.
Result<void> stage(const Staging& staging);

}  // namespace sealift::node
