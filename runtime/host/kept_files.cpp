// SPDX-License-Identifier: Apache-2.0
// What a ledger keeps of files that are replaced, and its end.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ranges>

#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/host/descriptions.h"
#include "runtime/host/ledger.h"
#include "runtime/host/tree_removal.h"

namespace sealift::host {
namespace {

constexpr uint64_t kSmall = uint64_t{1} << 20;

const std::string* path_of(const Change& change) {
  return std::visit(
      []<class T>(const T& one) -> const std::string* {
        // A payload that a later version removes is not what was here before a delivery, and is large.
        if constexpr (PathChange<T> || std::same_as<T, FileWritten> || std::same_as<T, PayloadStored>)
          return &one.path;
        else
          return nullptr;
      },
      change);
}

Result<void> copy_to(int from, const std::string& path, hash::Sha256& hashed) {
  SEALIFT_ASSIGN(const auto to, base::open_file(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  if (::lseek(from, 0, SEEK_SET) != 0) return fail_errno(errno, "read the file from its beginning");
  base::FdSource source(from);
  base::FunctionSink sink([&](ByteView data) {
    hashed.update(data);
    return base::write_all(to.get(), data);
  });
  SEALIFT_TRY(base::copy(source, sink));
  if (::fsync(to.get()) != 0) return fail_errno(errno, "sync " + path);
  return {};
}

}  // namespace

bool Ledger::is_untouched(const std::string& path) const {
  const std::lock_guard lock(mutex_);
  for (const auto& entry : entries_ | std::views::reverse) {
    const auto* changed = path_of(entry.change);
    if (changed != nullptr && *changed == path) return std::holds_alternative<PathRestored>(entry.change);
  }
  return true;
}

Result<PathBefore> Ledger::keep(int file, const std::string& path, PathBefore before) {
  if (!before.digest || !before.size) return before;
  const bool small = *before.size <= kSmall;
  if (!small && !is_untouched(path)) return before;
  const std::string folder = folder_ + "/kept", kept = folder + "/" + before.digest->hex();
  before.kept = true;
  if (::access(kept.c_str(), F_OK) == 0) return before;
  SEALIFT_TRY(base::make_directories(folder_.substr(0, folder_.rfind('/')), 0755));
  SEALIFT_TRY(base::make_directories(folder_, 0700));
  SEALIFT_TRY(base::make_directories(folder, 0700));
  // A link takes no room, and the file is about to go from where it was.
  const std::string open = base::format("/proc/self/fd/{}", file);
  if (!small && ::linkat(AT_FDCWD, open.c_str(), AT_FDCWD, kept.c_str(), AT_SYMLINK_FOLLOW) == 0) {
    SEALIFT_TRY(base::sync_directory(folder));
    return before;
  }
  auto copied = keep_copy(file);
  if (!copied && copied.error().code == ErrorCode::no_space)
    return fail(ErrorCode::no_space,
                "no room in {} to keep {} ({}) before it is replaced, so that this can be undone; make room there",
                folder, path, base::human_bytes(*before.size));
  if (!copied) return fail_while(std::move(copied).error(), "keeping what is replaced at " + path);
  before.digest = *copied;
  return before;
}

Result<Digest> Ledger::keep_copy(int file) const {
  const std::string folder = folder_ + "/kept", temporary = base::format("{}/new.{}", folder, ::gettid());
  ::unlink(temporary.c_str());
  hash::Sha256 hashed;
  auto copied = copy_to(file, temporary, hashed);
  const Digest digest = hashed.finish();
  if (copied && ::rename(temporary.c_str(), (folder + "/" + digest.hex()).c_str()) != 0)
    copied = fail_errno(errno, "rename " + temporary);
  if (!copied) {
    ::unlink(temporary.c_str());
    return fail(std::move(copied).error());
  }
  SEALIFT_TRY(base::sync_directory(folder));
  return digest;
}

Result<std::optional<base::Fd>> Ledger::kept(const Digest& digest) const {
  auto file = base::open_file(folder_ + "/kept/" + digest.hex(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (file) return std::optional(std::move(*file));
  if (file.error().code == ErrorCode::not_found) return std::optional<base::Fd>{};
  return fail(std::move(file).error());
}

Result<void> Ledger::forget() {
  const std::lock_guard lock(mutex_);
  const std::string above = folder_.substr(0, folder_.rfind('/'));
  fd_.reset();
  const auto place = place_of("", folder_, FolderOwners::anyone);
  if (!place && place.error().code != ErrorCode::not_found) return fail(place.error());
  if (place) {
    // The lines last: until then they tell that there is something to be forgotten.
    const auto inside = open_folder("", folder_, FolderOwners::anyone);
    if (inside) {
      SEALIFT_ASSIGN(const auto names, names_in(inside->get(), folder_));
      for (const auto& name : names) {
        if (name == "ledger.jsonl") continue;
        SEALIFT_ASSIGN(const auto in, place_of("", folder_ + "/" + name, FolderOwners::anyone));
        SEALIFT_TRY(remove_tree(in, folder_ + "/" + name));
      }
    }
    SEALIFT_TRY(remove_tree(*place, folder_));
    if (::rmdir(above.c_str()) != 0 && errno != ENOTEMPTY && errno != EEXIST && errno != ENOENT)
      return fail_errno(errno, "remove " + above);
    const auto parent = base::sync_directory(above.substr(0, above.rfind('/')));
    if (!parent && parent.error().code != ErrorCode::not_found) return parent;
  }
  next_ = 1;
  format_ = 0;
  ends_torn_ = false;
  completed_.clear();
  entries_.clear();
  return {};
}

}  // namespace sealift::host
