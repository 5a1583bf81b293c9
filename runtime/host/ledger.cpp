// SPDX-License-Identifier: Apache-2.0
#include "runtime/host/ledger.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/host/ledger_lines.h"

namespace sealift::host {
namespace {

constexpr size_t kMaxBytes = size_t{256} << 20;

}  // namespace

Result<std::unique_ptr<Ledger>> Ledger::open(std::string folder, Clock& clock) {
  std::unique_ptr<Ledger> out(new Ledger(std::move(folder), clock));
  SEALIFT_TRY(out->load());
  return out;
}

Result<void> Ledger::load() {
  auto text = base::read_text_file(folder_ + "/ledger.jsonl", kMaxBytes);
  if (!text) {
    if (text.error().code == ErrorCode::not_found) return {};
    return std::unexpected(std::move(text).error());
  }
  ends_torn_ = !text->empty() && !text->ends_with('\n');
  size_t number = 0;
  for (const auto line : base::split(*text, '\n')) {
    ++number;
    const auto value = json::parse(line);
    if (!value) continue;  // torn by a power cut
    if (const auto* format = value->find("format")) {
      format_ = format->unsigned_integer().value_or(0);
      if (format_ > kLedgerFormat)
        return fail(ErrorCode::unsupported_version,
                    "the ledger {} was written by a newer Sealift (format {}); use that version", folder_, format_);
      continue;
    }
    auto entry = parse_ledger_line(*value, format_);
    // Skipping a damaged entry could revive a success that the entry ended.
    if (!entry)
      return fail(ErrorCode::corrupt, "the ledger {}/ledger.jsonl is damaged in line {}: {}", folder_, number,
                  entry.error().what);
    next_ = std::max(next_, entry->sequence + 1);
    take(std::move(*entry));
  }
  return {};
}

void Ledger::take(LedgerEntry entry) {
  if (std::holds_alternative<Completed>(entry.change)) completed_[entry.step] = entry.inputs;
  if (std::holds_alternative<Begun>(entry.change)) completed_.erase(entry.step);
  entries_.push_back(std::move(entry));
}

Result<void> Ledger::begin_writing() {
  if (fd_) return {};
  SEALIFT_TRY(base::make_directories(folder_.substr(0, folder_.rfind('/')), 0755));
  SEALIFT_TRY(base::make_directories(folder_, 0700));
  SEALIFT_ASSIGN(fd_, base::open_file(folder_ + "/ledger.jsonl", O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0600));
  struct stat status{};
  if (::fstat(fd_.get(), &status) != 0) return fail_errno(errno, "stat " + folder_ + "/ledger.jsonl");
  if (ends_torn_) SEALIFT_TRY(base::write_all(fd_.get(), base::as_bytes("\n")));
  if (format_ < kLedgerFormat)
    SEALIFT_TRY(base::write_all(fd_.get(), base::as_bytes(base::format("{{\"format\":{}}}\n", kLedgerFormat))));
  format_ = kLedgerFormat;
  return status.st_size == 0 ? base::sync_directory(folder_) : Result<void>{};
}

Result<void> Ledger::add(const Reason& reason, Change change) {
  const std::lock_guard lock(mutex_);
  SEALIFT_TRY(begin_writing());
  LedgerEntry entry{next_++, base::to_iso8601(clock_.now()), reason.step, reason.inputs, std::move(change)};
  SEALIFT_TRY(base::write_all(fd_.get(), base::as_bytes(ledger_line(entry))));
  if (::fdatasync(fd_.get()) != 0) return fail_errno(errno, "sync the ledger");
  take(std::move(entry));
  return {};
}

std::optional<std::string> Ledger::completed(const std::string& step) const {
  const std::lock_guard lock(mutex_);
  const auto found = completed_.find(step);
  return found == completed_.end() ? std::nullopt : std::optional(found->second);
}

std::vector<Reason> Ledger::completed_like(const std::string& prefix) const {
  const std::lock_guard lock(mutex_);
  std::vector<Reason> out;
  for (auto at = completed_.lower_bound(prefix); at != completed_.end() && at->first.starts_with(prefix); ++at)
    out.push_back({at->first, at->second});
  return out;
}

bool Ledger::synced() const {
  const std::lock_guard lock(mutex_);
  return !ends_torn_ && !entries_.empty() && std::holds_alternative<Synced>(entries_.back().change);
}

bool Ledger::empty() const {
  const std::lock_guard lock(mutex_);
  return entries_.empty();
}

std::vector<LedgerEntry> Ledger::entries() const {
  const std::lock_guard lock(mutex_);
  return entries_;
}

}  // namespace sealift::host
