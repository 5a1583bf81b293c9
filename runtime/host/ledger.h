// SPDX-License-Identifier: Apache-2.0
//
// The record, kept on a host, of every change made to it and the state before. Folder <root>/var/lib/sealift/ledger
// (0700): `ledger.jsonl` (0600), a line {"format":3}, then one JSON object per entry (ledger_lines.h); `kept/<sha256>`
// (0600), copies of replaced files of at most 1 MiB. A line torn by a power cut is skipped; a newer format is refused.
// An older ledger is read as it is and gets a line {"format":3} before the first entry that this version adds: such a
// line states the format of the lines after it. Any thread.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "payload/base/fd.h"
#include "runtime/host/host.h"

namespace sealift::host {

class Ledger {
 public:
  // `folder` is made when the first change is recorded: looking leaves no trace.
  static Result<std::unique_ptr<Ledger>> open(std::string folder, Clock& clock);

  Result<void> add(const Reason& reason, Change change);  // appended and synced
  // Keeps a copy of a file that is about to be replaced.
  Result<void> keep(ByteView bytes, const Digest& digest);

  std::optional<std::string> completed(const std::string& step) const;
  std::vector<LedgerEntry> entries() const;
  bool empty() const;
  // The last entry is Synced: nothing has changed since.
  bool synced() const;

 private:
  Ledger(std::string folder, Clock& clock) : folder_(std::move(folder)), clock_(clock) {}
  Result<void> load();
  Result<void> begin_writing();
  void take(LedgerEntry entry);

  std::string folder_;
  Clock& clock_;
  mutable std::mutex mutex_;
  base::Fd fd_;
  uint64_t next_ = 1;
  uint64_t format_ = 0;  // of the last lines; 0 = no format line yet
  bool ends_torn_ = false;
  std::map<std::string, std::string> completed_;
  std::vector<LedgerEntry> entries_;
};

}  // namespace sealift::host
