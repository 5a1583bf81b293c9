// SPDX-License-Identifier: Apache-2.0
//
// What a line of a Kubefile names on the build machine, file by file. Each file is looked at through a descriptor that
// was opened at its own place, so that nobody can put a link there between two looks.
#pragma once

#include <string>
#include <vector>

#include "packer/resolve/build_context.h"
#include "packer/resolve/tree.h"

namespace sealift::resolve {

// Where symbolic links may lead that lie in a folder which a line names; those that a line names lead anywhere.
enum class Links {
  inside,  // the folder, or the build's context: what somebody else links to does not enter an artifact unseen
  anywhere,
};

// Adds a file, or all files below a folder, at this path of the tree; what .sealiftignore excludes is left out, and
// noted in the context. Errors are invalid_input with `place`: what is excluded as a whole, is not there, is neither a
// file nor a folder (devices and the like: all that there are in one error).
Result<void> walk(const Place& place, const std::string& source, const std::string& target, BuildContext& context,
                  std::vector<LocalFile>& out, Links links = Links::inside);

// The file that a line names. `rule`: "FILE takes one file", for the error if it is a folder.
Result<LocalFile> named_file(const Word& word, const std::string& target, BuildContext& context, std::string_view rule);

}  // namespace sealift::resolve
