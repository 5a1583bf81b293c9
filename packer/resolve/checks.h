// SPDX-License-Identifier: Apache-2.0
//
// What a payload promises must be in it: found at the factory, not at the site.
#pragma once

#include "packer/resolve/inputs.h"

namespace sealift::resolve {

// LAUNCH and NEEDS name packed applications, and nobody waits for himself; base.yaml's files are there for every
// platform; the images that kubeadm, containerd and the manifests will ask for are packed. Errors: invalid_input with
// what is missing and where it is asked for, command_failed. A product without a pod network is a warning.
Result<void> check_promises(const Inputs& inputs, const Request& request, EventSink& events, const CancelToken& cancel);

}  // namespace sealift::resolve
