// SPDX-License-Identifier: Apache-2.0
//
// A payload that arrives on a registry host: a sparse file, filled piece by piece in any order, and beside it
// `<file>.state`, which says what is there and sound.
//
// `<file>.state`: "SEALSTOR" · u32 format 1 · u32 0 · u64 size of the payload, then records of u64 offset · u64 size,
// appended after the piece's data has reached the disk, and one record (UINT64_MAX, UINT64_MAX) when all is there. A
// torn last record is ignored. Little-endian. The file of a finished payload is read-only.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "payload/base/fd.h"
#include "payload/base/thread.h"
#include "runtime/host/host.h"

namespace sealift::host {

// What is there; for the writer and for the mirror that serves from the same file.
struct StoredPieces {
  bool complete = false;
  uint64_t total = 0;
  std::map<uint64_t, uint64_t> pieces;  // offset → size
  // True if [offset, offset + size) is covered.
  bool covers(uint64_t offset, uint64_t size) const;
};

// An absent file gives an empty answer. Errors: corrupt, unsupported_version.
Result<StoredPieces> read_stored_pieces(const std::string& payload_path);

class PayloadStore {
 public:
  static Result<std::unique_ptr<PayloadStore>> open(const std::string& payload_path, uint64_t total);
  ~PayloadStore();
  // Data is in the page cache after this; it counts as stored only after the next sync, which happens by itself every
  // kSyncBytes, within a second of the last write, and at finish(). Any thread.
  Result<void> write(uint64_t offset, ByteView data);
  Result<void> sync();
  Result<void> finish();

 private:
  explicit PayloadStore(std::string path) : path_(std::move(path)) {}
  void sync_now_and_then();
  std::string path_;
  base::Fd data_, state_;
  std::mutex sync_mutex_;  // held by the one who syncs; taken before mutex_
  std::mutex mutex_;
  std::condition_variable stopped_;
  std::vector<std::pair<uint64_t, uint64_t>> unsynced_;
  uint64_t unsynced_bytes_ = 0;
  bool stop_ = false;
  std::optional<Error> error_;  // of a sync in the background
  Thread syncer_;
};

}  // namespace sealift::host
