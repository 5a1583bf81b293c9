// SPDX-License-Identifier: Apache-2.0
//
// The record, kept on a host, of every change made to it and the state before. Folder <root>/var/lib/sealift/ledger
// (0700): `ledger.jsonl` (0600), a line {"format":3}, then one JSON object per entry (ledger_lines.h); `kept/<sha256>`,
// copies of replaced files: whatever was there before the first change, and later what is of at most 1 MiB. A copy is
// 0600; a large file is rather linked there, and then keeps its mode. A line torn by a power cut is skipped; a newer
// format is refused.
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
  // Keeps a file that is about to be replaced: `file` is open for reading, `before` what it is. Returns it with the
  // digest of what was kept, or as it is if it is too large for a later change. Errors: no_space, with what to do.
  Result<PathBefore> keep(int file, const std::string& path, PathBefore before);
  // A file that was kept, open for reading; nothing if there is none.
  Result<std::optional<base::Fd>> kept(const Digest& digest) const;
  // Removes all of it, and the folder that it is in if nothing else is there. Afterwards it is empty.
  Result<void> forget();

  std::optional<std::string> completed(const std::string& step) const;
  std::vector<Reason> completed_like(const std::string& prefix) const;
  std::vector<LedgerEntry> entries() const;
  bool empty() const;
  // The last entry is Synced: nothing has changed since.
  bool synced() const;

 private:
  Ledger(std::string folder, Clock& clock) : folder_(std::move(folder)), clock_(clock) {}
  Result<void> load();
  Result<void> begin_writing();
  Result<Digest> keep_copy(int file) const;
  // No change of this path is recorded, or it has been put back since.
  bool is_untouched(const std::string& path) const;
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
