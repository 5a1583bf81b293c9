// SPDX-License-Identifier: Apache-2.0
//
// What a payload promises must be in it: found at the factory, not at the site.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "packer/resolve/tree.h"
#include "payload/base/cancel.h"
#include "payload/base/event.h"
#include "payload/format/base_document.h"
#include "payload/format/contents.h"

namespace sealift::pack {

struct Promises {
  const format::Contents& contents;
  const std::vector<Architecture>& platforms;
  const std::map<std::string, std::string>& local_paths;  // tree path → file of this machine
  const std::string& launch_place;                        // "Kubefile:9", of LAUNCH
  const std::optional<std::string>& tools;                // folder with kubeadm for this machine
  const std::vector<resolve::WantedImage>& wanted;        // by the manifests that this build added
  const std::optional<format::BaseDocument>& base;        // of contents.base_document, also an inherited one
};

// LAUNCH and NEEDS name packed applications; base.yaml's files are there for every platform; the images that kubeadm,
// containerd and the manifests will ask for are packed. Errors: invalid_input with what is missing, command_failed.
// A product without a pod network is a warning.
Result<void> check_promises(const Promises& promises, EventSink& events, const CancelToken& cancel);

}  // namespace sealift::pack
