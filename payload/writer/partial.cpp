// SPDX-License-Identifier: Apache-2.0
#include "payload/writer/partial.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ranges>
#include <vector>

#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::writer {
namespace {

// Whoever finishes a build renames its file, so the one that was opened may have another name by now.
bool is_still_at(int fd, const std::string& path) {
  struct stat opened{}, named{};
  return ::fstat(fd, &opened) == 0 && ::lstat(path.c_str(), &named) == 0 && opened.st_ino == named.st_ino &&
         opened.st_dev == named.st_dev;
}

// Bytes that somebody else can still change must not get into an artifact.
Result<void> check_own(int fd, const std::string& path) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) return fail_errno(errno, "look at " + path);
  if (S_ISREG(status.st_mode) && status.st_uid == ::geteuid() && status.st_nlink == 1) return {};
  return fail(ErrorCode::already_exists,
              "{} is there and is not what an interrupted build of this user left; delete it, or name another output",
              base::printable(path));
}

Result<base::Fd> open_or_make(const std::string& path) {
  const int made = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (made >= 0) return base::Fd(made);
  if (errno != EEXIST) return fail_errno(errno, "open " + path);
  struct stat status{};
  if (::lstat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode))
    return fail(ErrorCode::already_exists, "{} is there and is no ordinary file; delete it, or name another output",
                base::printable(path));
  SEALIFT_ASSIGN(auto fd, base::open_file(path, O_RDWR | O_NOFOLLOW));
  SEALIFT_TRY(check_own(fd.get(), path));
  return fd;
}

// Some file systems know no locks: then two builds of one output must not run at once, as nobody can notice it.
Result<void> lock(int fd, const std::string& output) {
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return {};
  const auto list = Journal::read(Partial::list_of(output));
  return fail(ErrorCode::busy, "another build of {} is running{}; wait for its end, or name another output", output,
              list && list->process != 0 ? base::format(" (process {})", list->process) : "");
}

// To the same places.
Result<void> copy_all(int from, int to) {
  struct stat status{};
  if (::fstat(from, &status) != 0) return fail_errno(errno, "look at what has been written");
  return copy_range(from, 0, to, 0, static_cast<uint64_t>(status.st_size));
}

uint64_t total(const std::map<Digest, Remains>& blobs) {
  uint64_t out = 0;
  for (const auto& blob : blobs | std::views::values) out += blob.received;
  return out;
}

// What of the list can be true for a file of this size.
std::map<Digest, Remains> usable(std::map<Digest, Remains> blobs, uint64_t file_size) {
  std::erase_if(blobs, [&](const auto& item) {
    const Remains& blob = item.second;
    return blob.received == 0 || blob.offset > file_size || blob.received > file_size - blob.offset;
  });
  return blobs;
}

std::map<Digest, Remains> read_list(const std::string& output, uint64_t file_size, base::EventSink& events) {
  if (file_size == 0) return {};
  const auto list = Journal::read(Partial::list_of(output));
  auto found = list ? usable(list->blobs, file_size) : std::map<Digest, Remains>();
  const auto path = Partial::path_of(output);
  if (found.empty()) {
    base::tell(events, Level::info,
               base::format("{} is there, but nothing in it can be used: {}", path,
                            list ? "no blob has come" : Partial::list_of(output) + " does not tell what it holds"));
  } else {
    base::tell(events, Level::info,
               base::format("{} is there: {} that an interrupted build fetched are taken from it", path,
                            base::human_bytes(total(found))));
  }
  return found;
}

}  // namespace

Result<std::unique_ptr<Partial>> Partial::open(const std::string& output, base::EventSink& events) {
  const auto path = path_of(output);
  for (;;) {
    SEALIFT_ASSIGN(auto fd, open_or_make(path));
    SEALIFT_TRY(lock(fd.get(), output));
    if (!is_still_at(fd.get(), path)) continue;
    struct stat status{};
    if (::fstat(fd.get(), &status) != 0) return fail_errno(errno, "look at " + path);
    auto found = read_list(output, static_cast<uint64_t>(status.st_size), events);
    std::unique_ptr<Partial> out(new Partial(output, std::move(fd), std::move(found)));
    SEALIFT_ASSIGN(out->journal_, Journal::create(list_of(output), out->found_));
    return out;
  }
}

Partial::~Partial() {
  if (finished_ || received() != 0) return;
  ::unlink(path_of(output_).c_str());
  ::unlink(list_of(output_).c_str());
}

uint64_t Partial::waiting_for(const std::string& output) {
  struct stat status{};
  if (::lstat(path_of(output).c_str(), &status) != 0) return 0;
  const auto list = Journal::read(list_of(output));
  return list ? total(usable(list->blobs, static_cast<uint64_t>(status.st_size))) : 0;
}

Result<OutputFile> Partial::arrange(const std::map<Digest, Remains>& planned, OutputFile written) {
  std::erase_if(found_, [&](const auto& item) {
    const auto plan = planned.find(item.first);
    return plan == planned.end() || plan->second.size != item.second.size;
  });
  const auto is_in_place = [&](const auto& item) { return planned.at(item.first).offset == item.second.offset; };
  const bool go_on = !found_.empty() && std::ranges::all_of(found_, is_in_place) && clear_around();
  if (go_on) SEALIFT_TRY(copy_all(written.fd(), fd_.get()));
  auto file = go_on ? OutputFile::adopt(std::move(fd_), output_, path_of(output_)) : move(planned, std::move(written));
  if (!file) return file;
  auto list = planned;
  const std::lock_guard guard(mutex_);
  for (auto& [digest, blob] : list) {
    blob.received = found(digest);
    received_[digest] = blob.received;
  }
  SEALIFT_ASSIGN(journal_, Journal::create(list_of(output_), list));
  return file;
}

// False if the file system can't take bytes out of a file.
bool Partial::clear_around() {
  std::vector<Remains> kept;
  for (const auto& blob : found_ | std::views::values) kept.push_back(blob);
  std::ranges::sort(kept, {}, &Remains::offset);
  uint64_t at = 0;
  for (const auto& blob : kept) {
    if (blob.offset > at && ::fallocate(fd_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(at),
                                        static_cast<off_t>(blob.offset - at)) != 0)
      return false;
    at = blob.offset + blob.received;
  }
  return ::ftruncate(fd_.get(), static_cast<off_t>(at)) == 0;
}

Result<OutputFile> Partial::move(const std::map<Digest, Remains>& planned, OutputFile fresh) {
  const uint64_t bytes = total(found_);
  for (auto& [digest, blob] : found_) {
    const uint64_t to = planned.at(digest).offset;
    auto copied = copy_range(fd_.get(), blob.offset, fresh.fd(), to, blob.received);
    if (!copied)
      return fail_while(
          std::move(copied).error(),
          base::format("moving the {} that an interrupted build fetched to new places, where they need their "
                       "room twice until all are moved",
                       base::human_bytes(bytes)));
    blob.offset = to;
  }
  SEALIFT_TRY(lock(fresh.fd(), output_));
  SEALIFT_TRY(fresh.keep_as(path_of(output_)));
  fd_.reset();
  return fresh;
}

uint64_t Partial::found(const Digest& digest) const {
  const auto at = found_.find(digest);
  return at == found_.end() ? 0 : at->second.received;
}

uint64_t Partial::received() {
  const std::lock_guard guard(mutex_);
  if (received_.empty()) return total(found_);
  uint64_t out = 0;
  for (const auto bytes : received_ | std::views::values) out += bytes;
  return out;
}

void Partial::note(const Digest& digest, uint64_t received) {
  journal_->note(digest, received);
  const std::lock_guard guard(mutex_);
  received_[digest] = received;
}

void Partial::finished() {
  finished_ = true;
  ::unlink(list_of(output_).c_str());
}

}  // namespace sealift::writer
