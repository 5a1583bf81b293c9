// SPDX-License-Identifier: Apache-2.0
//
// Packages of Zarf (zarf.yaml): their components' charts, manifests, images and files as a Kubefile. Source: Zarf's
// package schema v1alpha1.
#pragma once

#include <string>

#include "packer/convert/context.h"
#include "packer/convert/conversion.h"
#include "payload/yaml/node.h"

namespace sealift::convert {

bool is_zarf(const yaml::Node& document);

// `beside`: the folder of the files that are written, relative to the build's context, which is the package's folder.
Conversion convert_zarf(const yaml::Node& document, const std::string& file, const Context& context,
                        const std::string& beside);

}  // namespace sealift::convert
