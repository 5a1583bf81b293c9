// SPDX-License-Identifier: Apache-2.0
//
// Kubefiles of sealer (all versions) and sealos, and the Dockerfiles that sealos builds cluster images from, as
// Kubefiles of ours. packer/MIGRATING.md has the table of instructions.
#pragma once

#include <string>
#include <string_view>

#include "packer/convert/context.h"
#include "packer/convert/conversion.h"

namespace sealift::convert {

// `beside`: the folder of the files that are written, relative to the build's context.
Conversion convert_kubefile(std::string_view text, const std::string& file, const Context& context,
                            const std::string& beside);

// Whether it makes an ordinary container image: that is not for a cluster to deliver, but for IMAGE to name.
bool makes_container_image(std::string_view text);

}  // namespace sealift::convert
