// SPDX-License-Identifier: Apache-2.0
#include "runtime/host/open_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <vector>

#include "payload/base/safe_path.h"
#include "payload/base/text.h"

namespace sealift::host {
namespace {

constexpr int kMaxLinks = 40;  // as the kernel's

bool is_roots(const struct stat& status) { return status.st_uid == 0 || status.st_uid == ::geteuid(); }

// The parts of a path, the first one last.
void push_parts(std::vector<std::string>& parts, std::string_view path) {
  const auto words = base::split(path, '/');
  for (auto word = words.rbegin(); word != words.rend(); ++word) {
    if (!word->empty() && *word != ".") parts.emplace_back(*word);
  }
}

Result<std::string> target_of(const base::Fd& link, const std::string& where) {
  std::array<char, 4096> target{};
  const ssize_t size = ::readlinkat(link.get(), "", target.data(), target.size());
  if (size < 0) return fail_errno(errno, "read the link " + where);
  return std::string(target.data(), static_cast<size_t>(size));
}

Result<void> check_link(const struct stat& status, const std::string& where, const std::string& path) {
  if (is_roots(status)) return {};
  return fail(ErrorCode::permission_denied,
              "{} is a symbolic link that belongs to uid {}, who could lead {} anywhere; remove it, or name the folder "
              "that it leads to",
              where, status.st_uid, path);
}

Result<void> check_folder(const struct stat& status, bool is_last, const std::string& where, const std::string& path) {
  if (!is_roots(status))
    return fail(ErrorCode::permission_denied,
                "{} belongs to uid {}, who could exchange what is in {}; make it root's, or use another folder", where,
                status.st_uid, path);
  const bool keeps_names = (status.st_mode & S_ISVTX) != 0 && !is_last;
  if ((status.st_mode & S_IWOTH) == 0 || keeps_names) return {};
  return fail(ErrorCode::permission_denied,
              "everybody may write to {} (mode {:04o}) and exchange what is in {}; `chmod o-w {}`, or use another "
              "folder",
              where, status.st_mode & 07777U, path, where);
}

}  // namespace

Result<base::Fd> open_folder(const std::string& root, const std::string& path, FolderOwners owners) {
  std::vector<std::string> parts;
  push_parts(parts, path);
  std::string where = root;
  base::Fd at(::open(root.empty() ? "/" : root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!at) return fail_errno(errno, "open the folder " + root);
  for (int links = 0; !parts.empty();) {
    const std::string part = std::move(parts.back());
    parts.pop_back();
    const std::string next_where = part == ".." ? where.substr(0, where.rfind('/')) : where + "/" + part;
    base::Fd next(::openat(at.get(), part.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat status{};
    if (!next || ::fstat(next.get(), &status) != 0) return fail_errno(errno, "open the folder " + next_where);
    if (S_ISLNK(status.st_mode)) {
      if (++links > kMaxLinks) return fail_errno(ELOOP, "open the folder " + path);
      SEALIFT_TRY(check_link(status, next_where, path));
      SEALIFT_ASSIGN(const auto target, target_of(next, next_where));
      push_parts(parts, target);
      if (!target.starts_with('/')) continue;
      at = base::Fd(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
      where.clear();
      continue;
    }
    if (!S_ISDIR(status.st_mode)) return fail_errno(ENOTDIR, "open the folder " + next_where);
    if (owners == FolderOwners::root) SEALIFT_TRY(check_folder(status, parts.empty(), next_where, path));
    at = std::move(next);
    where = next_where;
  }
  base::Fd out(::openat(at.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!out) return fail_errno(errno, "open the folder " + path);
  return out;
}

Result<Place> place_of(const std::string& root, const std::string& path, FolderOwners owners) {
  SEALIFT_ASSIGN(const auto safe, base::safe_absolute_path(path));
  const size_t slash = safe.rfind('/');
  SEALIFT_ASSIGN(auto folder, open_folder(root, safe.substr(0, slash), owners));
  return Place{std::move(folder), safe.substr(slash + 1)};
}

}  // namespace sealift::host
