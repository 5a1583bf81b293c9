// SPDX-License-Identifier: Apache-2.0
#include "runtime/host/payload_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <utility>

#include "payload/base/checked.h"
#include "payload/base/file.h"

namespace sealift::host {
namespace {

constexpr std::string_view kStateMagic = "SEALSTOR";
constexpr uint32_t kStateFormat = 1;
constexpr size_t kMaxStateBytes = size_t{256} << 20;
constexpr uint64_t kSyncBytes = uint64_t{64} << 20;

std::string state_path(const std::string& payload_path) { return payload_path + ".state"; }

// A file that lay there before, of somebody who would read along, or under another name as well.
Result<void> check_ours(const base::Fd& fd, const std::string& path) {
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return fail_errno(errno, "stat " + path);
  if (S_ISREG(status.st_mode) && status.st_uid == ::geteuid() && status.st_nlink == 1) return {};
  return fail(ErrorCode::permission_denied,
              "{} is not a file of Sealift's (uid {}, {} names); remove it and run the same command again", path,
              status.st_uid, status.st_nlink);
}

Bytes record(uint64_t offset, uint64_t size) {
  base::ByteWriter writer;
  writer.u64(offset);
  writer.u64(size);
  return writer.take();
}

}  // namespace

bool StoredPieces::covers(uint64_t offset, uint64_t size) const {
  if (complete) return base::range_within(offset, size, total);
  while (size > 0) {
    auto found = pieces.upper_bound(offset);
    if (found == pieces.begin()) return false;
    --found;
    if (offset >= found->first + found->second) return false;
    const uint64_t there = found->first + found->second - offset;
    if (there >= size) return true;
    offset += there;
    size -= there;
  }
  return true;
}

Result<StoredPieces> read_stored_pieces(const std::string& payload_path) {
  StoredPieces out;
  auto bytes = base::read_file(state_path(payload_path), kMaxStateBytes);
  if (!bytes) {
    if (bytes.error().code == ErrorCode::not_found) return out;
    return std::unexpected(std::move(bytes).error());
  }
  base::ByteReader reader(*bytes);
  const auto magic = reader.bytes(kStateMagic.size());
  const auto format = reader.u32();
  const auto reserved = reader.u32();
  const auto total = reader.u64();
  if (!magic || !format || !reserved || !total) return out;  // torn while being created: nothing is stored yet
  if (base::as_text(*magic) != kStateMagic)
    return fail(ErrorCode::corrupt, "{} is not a state file of a payload; remove it and run again",
                state_path(payload_path));
  if (*format > kStateFormat)
    return fail(ErrorCode::unsupported_version, "{} has format {}; use the Sealift that wrote it",
                state_path(payload_path), *format);
  out.total = *total;
  while (reader.left() >= 16) {
    const uint64_t offset = *reader.u64(), size = *reader.u64();
    if (offset == UINT64_MAX && size == UINT64_MAX) {
      out.complete = true;
    } else if (base::range_within(offset, size, out.total)) {
      out.pieces[offset] = std::max(out.pieces[offset], size);
    } else {
      return fail(ErrorCode::corrupt, "{} names bytes beyond the payload; remove it and run again",
                  state_path(payload_path));
    }
  }
  // A state without its payload file means nothing.
  struct stat status{};
  if (::stat(payload_path.c_str(), &status) != 0 || static_cast<uint64_t>(status.st_size) != out.total)
    return StoredPieces{};
  return out;
}

Result<std::unique_ptr<PayloadStore>> PayloadStore::open(const std::string& payload_path, uint64_t total) {
  std::unique_ptr<PayloadStore> out(new PayloadStore(payload_path));
  SEALIFT_ASSIGN(const auto there, read_stored_pieces(payload_path));
  const bool fresh = there.total != total;
  SEALIFT_ASSIGN(out->data_, base::open_file(payload_path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0600));
  SEALIFT_TRY(check_ours(out->data_, payload_path));
  SEALIFT_ASSIGN(out->state_, base::open_file(state_path(payload_path),
                                              O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK, 0600));
  SEALIFT_TRY(check_ours(out->state_, state_path(payload_path)));
  if (fresh) {
    if (::ftruncate(out->data_.get(), 0) != 0 || ::ftruncate(out->data_.get(), static_cast<off_t>(total)) != 0 ||
        ::ftruncate(out->state_.get(), 0) != 0)
      return fail_errno(errno, "size " + payload_path);
    base::ByteWriter header;
    header.bytes(base::as_bytes(kStateMagic));
    header.u32(kStateFormat);
    header.u32(0);
    header.u64(total);
    SEALIFT_TRY(base::write_all(out->state_.get(), header.data()));
  } else {
    // Cut off a torn record, so that the next one starts at its place.
    const off_t size = ::lseek(out->state_.get(), 0, SEEK_END);
    const off_t whole = 24 + (size - 24) / 16 * 16;
    if (whole != size && ::ftruncate(out->state_.get(), whole) != 0)
      return fail_errno(errno, "open " + state_path(payload_path));
  }
  SEALIFT_ASSIGN(out->syncer_, Thread::start([store = out.get()] { store->sync_now_and_then(); }));
  return out;
}

PayloadStore::~PayloadStore() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    stopped_.notify_all();
  }
  syncer_.join();
  (void)sync();  // an orderly end keeps everything written; a power cut loses at most a second or kSyncBytes
}

// Readers of the file soon see the last pieces, even if nothing follows them.
void PayloadStore::sync_now_and_then() {
  std::unique_lock lock(mutex_);
  while (!stopped_.wait_for(lock, std::chrono::seconds(1), [&] { return stop_; })) {
    if (unsynced_.empty()) continue;
    lock.unlock();
    auto synced = sync();
    lock.lock();
    if (!synced) error_ = synced.error();
  }
}

Result<void> PayloadStore::sync() {
  const std::lock_guard syncing(sync_mutex_);
  std::vector<std::pair<uint64_t, uint64_t>> pieces;
  {
    const std::lock_guard lock(mutex_);
    pieces = std::exchange(unsynced_, {});
    unsynced_bytes_ = 0;
  }
  if (pieces.empty()) return {};
  if (::fdatasync(data_.get()) != 0) return fail_errno(errno, "sync " + path_);
  base::ByteWriter records;
  for (const auto& [offset, size] : pieces) records.bytes(record(offset, size));
  SEALIFT_TRY(base::write_all(state_.get(), records.data()));
  if (::fdatasync(state_.get()) != 0) return fail_errno(errno, "sync " + state_path(path_));
  return {};
}

Result<void> PayloadStore::write(uint64_t offset, ByteView data) {
  SEALIFT_TRY(base::pwrite_all(data_.get(), offset, data));
  {
    const std::lock_guard lock(mutex_);
    if (error_) return fail(*error_);
    unsynced_.emplace_back(offset, data.size());
    unsynced_bytes_ += data.size();
    if (unsynced_bytes_ < kSyncBytes) return {};
  }
  return sync();
}

Result<void> PayloadStore::finish() {
  SEALIFT_TRY(sync());
  const std::lock_guard syncing(sync_mutex_);
  {
    const std::lock_guard lock(mutex_);
    if (error_) return fail(*error_);
  }
  SEALIFT_ASSIGN(const auto there, read_stored_pieces(path_));
  if (!there.covers(0, there.total))
    return fail(ErrorCode::truncated, "{} is not complete: parts of it were never written; run the same command again",
                path_);
  if (::fsync(data_.get()) != 0) return fail_errno(errno, "sync " + path_);
  SEALIFT_TRY(base::write_all(state_.get(), record(UINT64_MAX, UINT64_MAX)));
  if (::fsync(state_.get()) != 0) return fail_errno(errno, "sync " + state_path(path_));
  if (::fchmod(data_.get(), 0400) != 0) return fail_errno(errno, "chmod " + path_);
  return base::sync_directory(path_.substr(0, path_.rfind('/')));
}

}  // namespace sealift::host
