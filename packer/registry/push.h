// SPDX-License-Identifier: Apache-2.0
//
// Sends an artifact to a registry. Only what the repository lacks is sent.
#pragma once

#include <string>

#include "packer/sources/image_source.h"
#include "payload/base/cancel.h"
#include "payload/base/event.h"
#include "payload/format/reader.h"
#include "payload/image/reference.h"

namespace sealift::registry {

struct PushOptions {
  sources::RegistryOptions registries;
  std::string other;  // a repository of the same registry that may have blobs already: "prod/erp-base"; may be empty
  bool adds = false;  // keeps what the name means for other platforms: it becomes an index
};

struct Pushed {
  Digest manifest;  // what the name means now: a manifest or an index
  size_t blobs = 0, sent_blobs = 0;
  uint64_t bytes = 0, sent_bytes = 0;  // stored
};

// `to` has a tag. The name means the artifact when everything is there, not before. Errors: corrupt if the artifact is
// damaged; unsupported_version if it has parts that this Sealift does not know; those of distribution::Registry.
Result<Pushed> push(const format::PayloadReader& artifact, const image::Reference& to, const PushOptions& options,
                    Clock& clock, EventSink& events, const CancelToken& cancel);

}  // namespace sealift::registry
