// SPDX-License-Identifier: Apache-2.0
//
// The images of one payload file on this host, complete or still arriving: the agent, another process, writes the file
// and records in its state file which pieces are there (host::PayloadStore).
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <semaphore>
#include <string>
#include <utility>

#include "payload/base/cancel.h"
#include "payload/base/clock.h"
#include "payload/base/file.h"
#include "runtime/host/payload_store.h"
#include "runtime/node/blob_source.h"
#include "runtime/node/catalog.h"

namespace sealift::node {

class PayloadBlobs final : public BlobSource {
 public:
  // The file need not exist yet. `clock` must outlive this object.
  PayloadBlobs(std::string path, Clock& clock) : path_(std::move(path)), clock_(clock) {}

  Result<std::optional<BlobInfo>> stat(const Question& question) override;
  Result<void> await(const BlobInfo& blob) override;
  Result<void> read(const BlobInfo& blob, format::ByteRange range, base::Sink& sink) override;
  void stop() override { stopped_.cancel(); }
  // Adds what it has; nothing before its metadata has arrived.
  void list(Repositories& out);

 private:
  struct Opened {
    std::unique_ptr<base::OpenFile> file;
    std::unique_ptr<format::PayloadReader> reader;
    Catalog catalog;
  };
  using StateStamp = std::pair<int64_t, int64_t>;  // of the state file: size, time of change in ns

  StateStamp state_stamp() const;
  const Opened* opened();
  bool is_here(const Digest& digest);
  Result<void> wait_until(const std::function<bool()>& here, const std::string& what);
  Result<void> read_raw(const BlobInfo& blob, base::FileOffset begin, format::ByteRange range, base::Sink& sink);
  Result<void> read_decoded(const BlobInfo& blob, format::ByteRange range, base::Sink& sink);

  // Frames decoded concurrently; each takes 16 MiB meanwhile.
  static constexpr std::ptrdiff_t kDecoders = 8;

  const std::string path_;
  Clock& clock_;
  CancelSource stopped_;
  std::counting_semaphore<kDecoders> decoders_{kDecoders};
  std::mutex mutex_;
  std::optional<Opened> opened_;         // set once, then unchanged
  std::optional<StateStamp> opened_at_;  // of the last failed attempt
  host::StoredPieces pieces_;
  std::optional<StateStamp> pieces_at_;
};

}  // namespace sealift::node
