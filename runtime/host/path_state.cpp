// SPDX-License-Identifier: Apache-2.0
#include "runtime/host/path_state.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "payload/base/format.h"
#include "payload/hash/digest.h"

namespace sealift::host {
namespace {

using Kind = PathBefore::Kind;

FileSpec spec_of(const struct stat& status) { return {status.st_mode & 07777U, status.st_uid, status.st_gid}; }

}  // namespace

Result<PathNow> look_at(const Place& place, const std::string& path) {
  struct stat status{};
  if (::fstatat(place.folder.get(), place.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return PathNow{};
    return fail_errno(errno, "stat " + path);
  }
  PathNow out;
  if (S_ISLNK(status.st_mode)) {
    std::array<char, 4096> target{};
    const ssize_t size = ::readlinkat(place.folder.get(), place.name.c_str(), target.data(), target.size());
    if (size < 0) return fail_errno(errno, "read the link " + path);
    out.state = {.kind = Kind::symlink, .target = std::string(target.data(), static_cast<size_t>(size))};
    return out;
  }
  if (!S_ISREG(status.st_mode)) {
    out.state = {.kind = S_ISDIR(status.st_mode) ? Kind::directory : Kind::other, .spec = spec_of(status)};
    return out;
  }
  out.file = base::Fd(
      ::openat(place.folder.get(), place.name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!out.file || ::fstat(out.file.get(), &status) != 0) return fail_errno(errno, "open " + path);
  if (!S_ISREG(status.st_mode)) return fail(ErrorCode::io, "{} was exchanged while it was opened", path);
  base::FdSource source(out.file.get());
  SEALIFT_ASSIGN(const Digest digest, hash::sha256(source));
  out.state = {
      .kind = Kind::file, .spec = spec_of(status), .size = static_cast<uint64_t>(status.st_size), .digest = digest};
  return out;
}

PathBefore as_recorded(PathBefore state, const std::string& path) {
  if (state.kind == Kind::absent || !path.starts_with("/run/")) return state;
  return PathBefore{.kind = Kind::transient};
}

std::string temporary_name(const Place& place, const std::string& path, const Reason& reason) {
  return base::format("{}.sealift-{}", place.name, hash::sha256(base::as_bytes(path + reason.step)).hex().substr(0, 8));
}

Result<void> set_folder_spec(const Place& place, const std::string& path, const FileSpec& spec) {
  const base::Fd folder(
      ::openat(place.folder.get(), place.name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat status{};
  if (!folder || ::fstat(folder.get(), &status) != 0) return fail_errno(errno, "open the folder " + path);
  if ((spec.uid != status.st_uid || spec.gid != status.st_gid) && ::fchown(folder.get(), spec.uid, spec.gid) != 0)
    return fail_errno(errno, "chown " + path);
  if (::fchmod(folder.get(), spec.mode) != 0) return fail_errno(errno, "chmod " + path);
  return {};
}

Result<void> finish_file(int file, const std::string& path, const FileSpec& spec) {
  struct stat status{};
  if (::fstat(file, &status) != 0) return fail_errno(errno, "stat " + path);
  // A file's owner is set first: that takes away the bits to run as him.
  if ((spec.uid != status.st_uid || spec.gid != status.st_gid) && ::fchown(file, spec.uid, spec.gid) != 0)
    return fail_errno(errno, "chown " + path);
  if (::fchmod(file, spec.mode) != 0) return fail_errno(errno, "chmod " + path);
  if (::fsync(file) != 0) return fail_errno(errno, "sync " + path);
  return {};
}

Result<void> sync_folder(const Place& place, const std::string& path) {
  // Some file systems (and FUSE) return EINVAL for folders: nothing more can be done then.
  if (::fsync(place.folder.get()) != 0 && errno != EINVAL) return fail_errno(errno, "sync the folder of " + path);
  return {};
}

}  // namespace sealift::host
