// SPDX-License-Identifier: Apache-2.0
//
// What a Kubefile takes from other machines besides images: files by URL and charts. Goes by the lock, and records in
// it what was found.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "packer/charts/charts.h"
#include "packer/downloads/downloads.h"
#include "packer/resolve/locks.h"
#include "packer/resolve/words.h"
#include "packer/sources/image_source.h"
#include "payload/base/cancel.h"
#include "payload/base/event.h"

namespace sealift::resolve {

struct FileWanted {
  Word url;
  std::optional<Digest> checksum;  // as the line gives it: decides over the lock
  std::optional<Word> checksums;   // URL of a published file of checksums: must agree with the lock
};

class Remote {
 public:
  // All references must outlive it. `cache`: the folder of downloads.
  Remote(Locks& locks, const std::string& cache, const sources::RegistryOptions& registries, Clock& clock,
         EventSink& events, const CancelToken& cancel);

  // The files behind some URLs, in the cache, in the order of `wanted`; four are fetched at once. Errors: those of
  // Downloads, with the place; corrupt if one is not what its line's checksum, the published one or the lock says;
  // those of find_checksum().
  std::vector<Result<downloads::CachedFile>> files(std::span<const FileWanted> wanted);
  // The archive of a chart, in the cache, not yet looked into. Errors: those of Charts, with the place.
  Result<std::string> chart(const Place& place, const charts::Address& address);

 private:
  using Checksums = std::map<std::string, Result<std::string>>;  // published files of them, by URL

  std::optional<downloads::CachedFile> cached(const FileWanted& wanted) const;
  Checksums fetch_checksums(std::span<const FileWanted> wanted,
                            std::span<const std::optional<downloads::CachedFile>> there);
  Result<std::optional<Digest>> digest_of(const FileWanted& wanted, const Checksums& checksums) const;
  Result<downloads::CachedFile> fetch(const FileWanted& wanted, const Checksums& checksums);
  void warn_of_page(const FileWanted& wanted, const std::string& path);
  std::optional<Digest> locked(const FileWanted& wanted) const;
  static Result<void> check_chart(const std::string& archive, const charts::Address& address);

  Locks& locks_;
  downloads::Downloads downloads_;
  charts::Charts charts_;
  EventSink& events_;
  const CancelToken& cancel_;
};

}  // namespace sealift::resolve
