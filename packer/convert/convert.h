// SPDX-License-Identifier: Apache-2.0
//
// Files of other tools as ours: a Kubefile of sealer or sealos, a Clusterfile, a list of images, a package of Zarf.
// What a file is, its content tells. Reads the file and, to see what paths mean, the folder around it; writes nothing.
#pragma once

#include <string>
#include <vector>

#include "packer/convert/conversion.h"
#include "payload/base/error.h"

namespace sealift::convert {

// `path`: a file, or a folder with a Kubefile, a Clusterfile, a zarf.yaml: what of them is there. `output`: the folder
// that the files will be written into, empty if there is none; what they name is named from there.
// Errors: invalid_input for a file that is none of these or can't be read as what it is, not_found, io.
Result<std::vector<Conversion>> convert(const std::string& path, const std::string& output);

}  // namespace sealift::convert
