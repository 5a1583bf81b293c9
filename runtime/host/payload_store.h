// SPDX-License-Identifier: Apache-2.0
//
// A payload arriving on a registry host: a sparse file, filled piece by piece in any order, and beside it
// `<file>.state`, which lists the pieces that are there and intact.
//
// `<file>.state`: "SEALSTOR" · u32 format 1 · u32 0 · u64 size of the payload, then records of u64 offset · u64 size,
// each appended after its piece's data has reached the disk, and a final record (UINT64_MAX, UINT64_MAX) when
// everything is there. A torn last record is ignored. Two processes may fill one payload at a time: records are
// appended. Little-endian. A finished payload's file is read-only.
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

// The pieces already there; read by the writer and by the mirror, which serves from the same file.
struct StoredPieces {
  bool complete = false;
  uint64_t total = 0;
  std::map<uint64_t, uint64_t> pieces;  // offset → size
  // True if [offset, offset + size) is covered.
  bool covers(uint64_t offset, uint64_t size) const;
};

// An absent file has no pieces. Errors: corrupt, unsupported_version.
Result<StoredPieces> read_stored_pieces(const std::string& payload_path);

class PayloadStore {
 public:
  static Result<std::unique_ptr<PayloadStore>> open(const std::string& payload_path, uint64_t total);
  ~PayloadStore();
  // The data is then in the page cache; it counts as stored only after the next sync, which happens automatically every
  // kSyncBytes, within a second of the last write, and at finish(). Any thread.
  Result<void> write(uint64_t offset, ByteView data);
  Result<void> sync();
  Result<void> finish();

 private:
  explicit PayloadStore(std::string path) : path_(std::move(path)) {}
  void sync_now_and_then();
  std::string path_;
  base::Fd data_, state_;
  std::mutex sync_mutex_;  // held while syncing; taken before mutex_
  std::mutex mutex_;
  std::condition_variable stopped_;
  std::vector<std::pair<uint64_t, uint64_t>> unsynced_;
  uint64_t unsynced_bytes_ = 0;
  bool stop_ = false;
  std::optional<Error> error_;  // of a sync in the background
  Thread syncer_;
};

}  // namespace sealift::host
