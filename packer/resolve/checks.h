// SPDX-License-Identifier: Apache-2.0
//
// Checks that a payload holds everything it promises: better at the factory than at the site.
#pragma once

#include <span>

#include "packer/resolve/inputs.h"
#include "packer/resolve/problems.h"
#include "packer/resolve/tools.h"

namespace sealift::resolve {

// LAUNCH and NEEDS name packed applications, and none waits for itself, even indirectly. Problems: invalid_input with
// the word's place.
void check_app_names(const Inputs& inputs, Problems& problems);

// A name that two lines take from two sources must be one image. Those that could be planned count. Errors:
// invalid_input.
Result<void> check_image_names(std::span<const ImageInput> images);

// A product without a pod network is a warning.
void warn_without_network(const Inputs& inputs, EventSink& events);

// base.yaml's files exist for every platform; the images that kubeadm and containerd will ask for are packed. Errors:
// invalid_input naming what is missing and where it is required, command_failed.
Result<void> check_promises(const Inputs& inputs, const Request& request, Tools& tools, EventSink& events,
                            const CancelToken& cancel);

}  // namespace sealift::resolve
