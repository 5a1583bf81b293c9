// SPDX-License-Identifier: Apache-2.0
//
// Sends the container images of an artifact to a registry, byte for byte, for clusters that are served by that.
#pragma once

#include <string>
#include <vector>

#include "packer/registry/push.h"

namespace sealift::registry {

// How images are called below a registry's path.
enum class Naming {
  short_names,  // docker.io/library/redis:7 → PREFIX/library/redis:7
  scoped,       // docker.io/library/redis:7 → PREFIX/docker.io/library/redis:7
};

struct SentImage {
  std::string from, to;  // full references
  Digest root;           // of what the new name means
  // The index names platforms that are not packed, which registries refuse: only what is packed has been sent, under
  // another digest.
  bool is_reduced = false;
};

// `prefix`: "harbor.example/prod". Errors: invalid_input if two images would have one name; those of push().
Result<std::vector<SentImage>> push_images(const format::PayloadReader& artifact, const std::string& prefix,
                                           Naming naming, const PushOptions& options, Clock& clock, EventSink& events,
                                           const CancelToken& cancel);

}  // namespace sealift::registry
