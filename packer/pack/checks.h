// SPDX-License-Identifier: Apache-2.0
//
// What a payload promises must be in it: found at the factory, not at the site.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

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
};

// LAUNCH and NEEDS name packed applications; base.yaml's files are there for every platform; the images that kubeadm
// and containerd will ask for are packed. Errors: invalid_input with what is missing, command_failed.
Result<void> check_promises(const Promises& promises, EventSink& events, const CancelToken& cancel);

}  // namespace sealift::pack
