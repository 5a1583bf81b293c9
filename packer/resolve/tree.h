// SPDX-License-Identifier: Apache-2.0
//
// Files of the build machine that go into the payload's tree: where each comes from and where it goes. Paths are read
// in sorted order, so that a build does not depend on the folder's own order.
#pragma once

#include <string>
#include <vector>

#include "packer/resolve/kubefile.h"

namespace sealift::resolve {

struct LocalFile {
  std::string source;  // on this machine
  std::string target;  // in the tree, safe and relative
  uint32_t mode = 0644;
};

// COPY: a folder's contents, or files into a folder (destination with "/" at its end, or several sources).
Result<std::vector<LocalFile>> copied_files(const Copy& copy, const std::string& context);

// A file, or the files below a folder, to this place in the tree. invalid_input with `place`.
Result<void> walk(const Place& place, const std::string& source, const std::string& target,
                  std::vector<LocalFile>& out);

std::string without_slashes(std::string path);   // at its end
std::string last_part(const std::string& path);  // the file's name
// A path of a Kubefile: absolute, or counted from the build's context.
std::string in_context(const std::string& context, const std::string& path);

}  // namespace sealift::resolve
