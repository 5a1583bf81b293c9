// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "payload/base/error.h"

namespace CLI {
class App;
}

namespace sealift::packer_cli {

struct InspectArguments {
  std::string file;
  bool images = false;  // with the reason for each
  bool tree = false;    // its files: mode, bytes, path
  bool json = false;
  bool lock = false;         // the lock of its Kubefile
  bool attachments = false;  // signatures, bills of materials and the like of its images
  std::string sbom;          // its own bill of materials: "spdx" or "cyclonedx"
  std::string extract;       // the digest of an object, or its first digits
  std::string output;        // where that goes
};

// --sbom, --attachments, --extract; `arguments` must outlive the command.
void define_inspect_details(CLI::App& command, InspectArguments& arguments);

// Prints a page for people, or with `json` the canonical contents document.
Result<std::string> inspect_artifact(const InspectArguments& arguments);

}  // namespace sealift::packer_cli
