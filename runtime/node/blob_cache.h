// SPDX-License-Identifier: Apache-2.0
//
// What this host keeps of registries of others: whole blobs by their digests, and under which names it has got them. A
// digest that came under one name is not given out under another: who may pull from one private registry could have
// the layers of another. It knows neither registries nor clients.
//
// The folder is this process's alone. It holds HEX.blob, the bytes, and HEX.ref, one name each (JSON; HEX is of the
// name); anything else is of a process that was killed, and removed at the start.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "payload/base/fd.h"
#include "payload/base/file.h"
#include "payload/hash/digest.h"
#include "runtime/node/question.h"

namespace sealift::node {

// A blob under a name.
struct KeptBlob {
  Digest digest;
  uint64_t size = 0;  // bytes
  std::string media_type;
  bool operator==(const KeptBlob&) const = default;
};

// Any thread.
class BlobCache {
 public:
  // Keeps at most `limit` bytes of blobs. A folder that can't be used keeps nothing: told on standard error once.
  BlobCache(std::string folder, uint64_t limit);

  const std::string& folder() const { return folder_; }
  void set_limit(uint64_t limit);
  uint64_t used() const;  // bytes of blobs, also of arriving ones

  // The blob that was got under this name, if it is here.
  std::optional<KeptBlob> find(const Question& question) const;
  // Got under this name; the bytes may come later.
  void name(const Question& question, const KeptBlob& blob);
  void forget_name(const Question& question);
  // The whole blob, which counts as used now; null if it is not here.
  std::unique_ptr<base::OpenFile> open(const Digest& digest);
  // What is not as its digest says.
  void drop(const Digest& digest);

  // A blob that arrives. Nobody is served from it until it is kept; it is gone if it is not kept. Any thread.
  class Arriving {
   public:
    ~Arriving();
    // In order. no_space, told on standard error once.
    Result<void> write(ByteView data);
    // Of what is written. Any thread.
    Result<void> read_at(uint64_t offset, std::span<std::byte> buffer) const;
    // The bytes are those of the digest: the caller has compared them. After an error it is not kept.
    Result<void> keep();

   private:
    friend class BlobCache;
    Arriving(BlobCache& cache, const Digest& digest, uint64_t size, std::string path, base::Fd fd);
    BlobCache& cache_;
    const Digest digest_;
    const uint64_t size_;
    const std::string path_;
    base::Fd fd_;
    bool is_kept_ = false;
  };
  // Makes room by removing what was not used for longest. Null if it can't be kept: too large, or no space. The cache
  // must outlive it.
  std::unique_ptr<Arriving> begin(const Digest& digest, uint64_t size);

 private:
  struct Blob {
    uint64_t size;
    uint64_t used;  // counts up
  };
  struct Name {
    std::string key;  // of the question
    KeptBlob blob;
  };
  void load();
  void read_name(const std::string& file);
  bool make_room(uint64_t size);
  void remove_blob(const Digest& digest);
  void tell_once(const std::string& what);
  std::string path(const std::string& file) const { return folder_ + "/" + file; }

  const std::string folder_;
  mutable std::mutex mutex_;
  uint64_t limit_, kept_ = 0, arriving_ = 0;  // bytes
  uint64_t uses_ = 0, parts_ = 0;
  bool is_usable_ = true, is_told_ = false;
  std::map<Digest, Blob> blobs_;
  std::map<std::string, Name> names_;  // by file
};

}  // namespace sealift::node
