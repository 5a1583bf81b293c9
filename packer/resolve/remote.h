// SPDX-License-Identifier: Apache-2.0
//
// What a Kubefile takes from other machines besides images: files by URL and charts. Goes by the lock, and records in
// it what was found.
#pragma once

#include <optional>
#include <string>

#include "packer/charts/charts.h"
#include "packer/downloads/downloads.h"
#include "packer/resolve/locks.h"
#include "packer/resolve/words.h"
#include "packer/sources/image_source.h"
#include "payload/base/cancel.h"
#include "payload/base/event.h"

namespace sealift::resolve {

class Remote {
 public:
  // All references must outlive it. `cache`: the folder of downloads.
  Remote(Locks& locks, const std::string& cache, const sources::RegistryOptions& registries, Clock& clock,
         EventSink& events, const CancelToken& cancel);

  // The file behind a URL, in the cache. Errors: those of Downloads, with the place; corrupt if it is not what the
  // line's checksum or the lock says.
  Result<downloads::CachedFile> file(const Word& url, const std::optional<Digest>& checksum);
  // The archive of a chart, in the cache, not yet looked into. Errors: those of Charts, with the place.
  Result<std::string> chart(const Place& place, const charts::Address& address);

 private:
  Locks& locks_;
  downloads::Downloads downloads_;
  charts::Charts charts_;
  EventSink& events_;
  const CancelToken& cancel_;
};

}  // namespace sealift::resolve
