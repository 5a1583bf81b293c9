// SPDX-License-Identifier: Apache-2.0
//
// The instructions of a Kubefile that stand for themselves: from a line's words to what they say. Errors: invalid_input
// and unsupported with the place of the line or the word.
#pragma once

#include "packer/resolve/operands.h"

namespace sealift::resolve {

// kubefile_bases.cpp
Result<What> read_from(Given& given);
Result<What> read_include(Given& given);
Result<What> read_requires(Given& given);
Result<What> read_remove(Given& given);
// kubefile_files.cpp
Result<What> read_copy(Given& given);
Result<What> read_add(Given& given);
Result<What> read_file(Given& given);
// kubefile_apps.cpp
Result<What> read_app(Given& given);
Result<What> read_network(Given& given);
Result<What> read_values(Given& given);
Result<What> read_launch(Given& given);
// kubefile_images.cpp
Result<What> read_image(Given& given);
Result<What> read_rules(Given& given);
Result<What> read_ignored_image(Given& given);

}  // namespace sealift::resolve
