// SPDX-License-Identifier: Apache-2.0
//
// A registry of others, and what this host keeps of it. By digest, what is kept is given at once; tags are asked for
// each time, and what they last meant is given if the registry does not answer. Bytes are fetched once for all who ask
// at the same time.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "payload/base/thread.h"
#include "runtime/node/blob_cache.h"
#include "runtime/node/registry_blobs.h"

namespace sealift::node {

class CachedBlobs final : public BlobSource {
 public:
  CachedBlobs(std::shared_ptr<BlobCache> cache, std::unique_ptr<RegistryBlobs> registry)
      : cache_(std::move(cache)), registry_(std::move(registry)) {}
  ~CachedBlobs() override;  // ends what is being fetched

  Result<std::optional<BlobInfo>> stat(const Question& question) override;
  // Waits for a blob's first bytes, so that a registry that refuses is told of before an answer begins.
  Result<void> await(const BlobInfo& blob) override;
  Result<void> read(const BlobInfo& blob, format::ByteRange range, base::Sink& sink) override;
  void stop() override;

 private:
  // A blob on its way into the cache. Readers follow it.
  class Fetch {
   public:
    Fetch(BlobInfo blob, std::unique_ptr<BlobCache::Arriving> arriving)
        : blob_(std::move(blob)), arriving_(std::move(arriving)) {}
    const Digest& digest() const { return blob_.digest; }
    Result<void> start(RegistryBlobs& registry);
    bool has_ended();
    // Waits until there are bytes behind `position`, or none will come. Returns how far they go.
    uint64_t wait(uint64_t position);
    std::optional<Error> error();  // why it has ended, if it is not whole
    Result<void> read_at(uint64_t offset, std::span<std::byte> buffer) const {
      return arriving_->read_at(offset, buffer);
    }

   private:
    void run(RegistryBlobs& registry);
    const BlobInfo blob_;
    const std::unique_ptr<BlobCache::Arriving> arriving_;
    std::mutex mutex_;
    std::condition_variable moved_;
    uint64_t arrived_ = 0;
    bool has_ended_ = false;
    std::optional<Error> error_;
    Thread thread_;
  };
  Result<std::optional<BlobInfo>> stat_manifest(const Question& question, bool is_by_tag);
  void keep(const Question& question, const distribution::RemoteManifest& manifest);
  std::shared_ptr<Fetch> fetch(const BlobInfo& blob);

  const std::shared_ptr<BlobCache> cache_;
  const std::unique_ptr<RegistryBlobs> registry_;
  CancelSource stopped_;
  std::mutex mutex_;
  std::vector<std::shared_ptr<Fetch>> fetches_;
};

}  // namespace sealift::node
