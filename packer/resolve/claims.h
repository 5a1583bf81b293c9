// SPDX-License-Identifier: Apache-2.0
//
// Who puts what into the payload's tree: each path belongs to one line of the Kubefile.
#pragma once

#include <span>

#include "packer/resolve/inputs.h"

namespace sealift::resolve {

// "COPY etc/ etc/", with the place of the line.
Origin origin_of(const Instruction& instruction, std::string_view operands);

// No path is a file and a folder: of this build's files, of those that it will fetch, and of the base's. invalid_input
// that names both lines.
Result<void> check_shape(const Inputs& inputs, const std::string& target, const Origin& origin);

// Adds files to Inputs::files. Files of the base may be replaced, those of another line must not be, silently:
// different ones at one path are invalid_input that names both lines. Errors of check_shape().
Result<void> claim(Inputs& inputs, const LocalFile& file, const Origin& origin);
Result<void> claim(Inputs& inputs, std::span<const LocalFile> files, const Origin& origin);

}  // namespace sealift::resolve
