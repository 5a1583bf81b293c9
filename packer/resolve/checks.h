// SPDX-License-Identifier: Apache-2.0
//
// Checks that a payload holds everything it promises: better at the factory than at the site.
#pragma once

#include "packer/resolve/inputs.h"
#include "packer/resolve/tools.h"

namespace sealift::resolve {

// LAUNCH and NEEDS name packed applications, and none waits for itself, even indirectly. Errors: invalid_input with the
// word's place.
Result<void> check_app_names(const Inputs& inputs);

// base.yaml's files exist for every platform; the images that kubeadm and containerd will ask for are packed. Errors:
// invalid_input naming what is missing and where it is required, command_failed. A product without a pod network is a
// warning.
Result<void> check_promises(const Inputs& inputs, const Request& request, Tools& tools, EventSink& events,
                            const CancelToken& cancel);

}  // namespace sealift::resolve
