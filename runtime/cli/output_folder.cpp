// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/output_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "payload/base/beneath.h"
#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/base/safe_path.h"
#include "payload/base/text.h"

namespace sealift::cli {
namespace {

// Opens a folder one level down, never through a link.
Result<base::Fd> enter(int folder, const std::string& part, const std::string& shown) {
  auto opened = base::open_beneath(folder, part, O_DIRECTORY | O_PATH);
  if (opened) return std::move(*opened);
  const int error = opened.error();
  if (error == ELOOP || error == ENOTDIR || error == EXDEV) {
    return fail(ErrorCode::permission_denied, "{}: {} is a link or a file, not a folder; nothing is written through it",
                shown, part);
  }
  return fail_errno(error, base::format("open {} in {}", part, shown));
}

constexpr std::string_view kOwnBegin = ".sealift-", kOwnEnd = ".tmp";

// Whether a part of the path is such a name as files have until they are complete.
bool is_own(std::string_view path) {
  return std::ranges::any_of(base::split(path, '/'), [](std::string_view part) {
    return part.starts_with(kOwnBegin) && part.ends_with(kOwnEnd);
  });
}

}  // namespace

Result<OutputFolder> OutputFolder::open(const std::string& path) {
  SEALIFT_TRY(base::make_directories(path, 0755));
  SEALIFT_ASSIGN(base::Fd fd, base::open_file(path, O_DIRECTORY | O_RDONLY));
  return OutputFolder(std::move(fd), path);
}

Result<void> OutputFolder::has_room(uint64_t bytes) const {
  struct statvfs room{};
  if (fstatvfs(fd_.get(), &room) != 0) return fail_errno(errno, "look at " + path_);
  const uint64_t free = uint64_t{room.f_bavail} * room.f_frsize;
  if (bytes <= free) return {};
  return fail(ErrorCode::no_space, "{} has {} free, and the files take {}; name another folder, or extract fewer",
              path_, base::human_bytes(free), base::human_bytes(bytes));
}

Result<base::Fd> OutputFolder::folder_of(const std::string& name) const {
  base::Fd current(fcntl(fd_.get(), F_DUPFD_CLOEXEC, 0));
  if (!current) return fail_errno(errno, "open " + path_);
  auto parts = base::split(name, '/');
  for (size_t i = 0; i + 1 < parts.size(); ++i) {
    std::string part(parts[i]);
    if (mkdirat(current.get(), part.c_str(), 0755) != 0 && errno != EEXIST)
      return fail_errno(errno, base::format("make {} for {}", part, name));
    SEALIFT_ASSIGN(current, enter(current.get(), part, path_ + "/" + name));
  }
  return current;
}

Result<void> OutputFolder::write(const std::string& name, unsigned mode, Overwrite overwrite,
                                 const std::function<Result<void>(base::Sink&)>& fill) {
  SEALIFT_ASSIGN(std::string safe, base::safe_relative_path(name));
  if (is_own(safe))
    return fail(ErrorCode::invalid_input, "{}: unfinished files have such names; extract the others by name",
                base::printable(safe));
  SEALIFT_ASSIGN(base::Fd folder, folder_of(safe));
  std::string last(base::split(safe, '/').back());
  std::string shown = path_ + "/" + safe;
  auto exists = [&]() -> Result<bool> {
    struct stat status{};
    if (fstatat(folder.get(), last.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) return true;
    if (errno == ENOENT) return false;
    return fail_errno(errno, "look at " + shown);
  };
  auto refuse_existing = [&]() -> Result<void> {
    return fail(ErrorCode::already_exists,
                "{} is there already; take another folder or allow overwriting with --overwrite", shown);
  };
  SEALIFT_ASSIGN(bool there, exists());
  if (there && overwrite == Overwrite::refuse) return refuse_existing();
  std::string temporary = base::format("{}{}{}", kOwnBegin, getpid(), kOwnEnd);
  unlinkat(folder.get(), temporary.c_str(), 0);
  int made = openat(folder.get(), temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (made < 0) return fail_errno(errno, "write in the folder of " + shown);
  base::Fd file(made);
  auto finish = [&]() -> Result<void> {
    base::FdSink sink(file.get());
    SEALIFT_TRY(fill(sink));
    // File systems without modes (FAT, exFAT) refuse or ignore this; only the content matters there.
    if (fchmod(file.get(), mode) != 0 && errno != EPERM && errno != EOPNOTSUPP)
      return fail_errno(errno, "set the mode of " + shown);
    SEALIFT_ASSIGN(bool there_now, exists());
    if (there_now && overwrite == Overwrite::refuse) return refuse_existing();
    if (renameat(folder.get(), temporary.c_str(), folder.get(), last.c_str()) != 0)
      return fail_errno(errno, "rename to " + shown);
    return {};
  };
  auto done = finish();
  if (!done) unlinkat(folder.get(), temporary.c_str(), 0);
  return done;
}

}  // namespace sealift::cli
