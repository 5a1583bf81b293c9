// SPDX-License-Identifier: Apache-2.0
//
// The record on a host of every change made to it, with what was there before. Folder <root>/var/lib/sealift/ledger
// (0700): `ledger.jsonl` (0600), first line {"format":2}, then one JSON object a change; `kept/<sha256>` (0600) copies
// of replaced files of at most 1 MiB. A line torn by a power cut is skipped; a newer format is refused. Any thread.
// Format 2 has "begun": a reader that does not know it would take an older "completed" for true. A ledger of format 1 is
// read as it is, and gets the line {"format":2} before the first entry that this version adds.
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

  // Appends and syncs. kinds: "file", "directory", "symlink", "remove", "run", "unit", "module", "sysctl", "store",
  // "begun" (an earlier "completed" of the step ends here), "completed", "synced".
  Result<void> add(const Reason& reason, std::string kind, std::string target, std::string before);
  // A copy of a file's bytes that are about to be replaced.
  Result<void> keep(ByteView bytes, const Digest& digest);

  std::optional<std::string> completed(const std::string& step) const;
  std::vector<LedgerEntry> entries() const;
  // The last entry is "synced": nothing was begun since.
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
  uint64_t format_ = 0;  // of the file as it is; 0 = no such line yet
  bool ends_torn_ = false;
  std::map<std::string, std::string> completed_;
  std::vector<LedgerEntry> entries_;
};

}  // namespace sealift::host
