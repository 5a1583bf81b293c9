// SPDX-License-Identifier: Apache-2.0
//
// How an artifact's frames become the blobs of a registry: borders depend on what lies beside them only, so two
// versions of a product have the blobs in common whose content they have in common (packer/REGISTRY.md).
#pragma once

#include <optional>
#include <vector>

#include "payload/format/index.h"

namespace sealift::registry {

struct Blob {
  format::FrameRun frames;       // numbers; they follow each other in the file without a gap
  base::FileOffset offset = 0;   // of the first, in the payload
  uint64_t size = 0;             // stored bytes of all
  std::optional<Digest> digest;  // of these bytes, if it is known without reading them
};

// All frames, in the order of the file. An object of 1 MiB stored or more whose frames are its own is one blob: a layer
// has the digest here that it has in its image's repository. Other frames share blobs of about 2 MiB.
std::vector<Blob> cut_into_blobs(const format::Index& index);

}  // namespace sealift::registry
