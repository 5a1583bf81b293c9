// SPDX-License-Identifier: Apache-2.0
// Makes a path what it was before a delivery changed it.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "runtime/host/local_host.h"
#include "runtime/host/path_state.h"
#include "runtime/host/tree_removal.h"

namespace sealift::host {
namespace {

using Kind = PathBefore::Kind;

// One path's way back. Each kind is prepared first, then recorded, then changed.
class Restoration {
 public:
  Restoration(Ledger& ledger, const Place& place, const std::string& path, const PathBefore& before,
              const std::optional<Digest>& written, const Reason& reason)
      : ledger_(ledger), place_(place), path_(path), before_(before), written_(written), reason_(reason) {}

  Result<Restored> run() {
    SEALIFT_ASSIGN(now_, look_at(place_, path_));
    if (is_before()) return Restored::as_before;
    if (is_somebody_elses()) return Restored::changed_since;
    switch (before_.kind) {
      case Kind::absent:
      case Kind::transient: return absent();
      case Kind::file: return file();
      case Kind::directory: return directory();
      case Kind::symlink: return symlink();
      case Kind::other: break;
    }
    return Restored::not_kept;
  }

 private:
  bool now_is(Kind kind) const { return now_.state.kind == kind; }
  bool has_content_of_before() const {
    return now_is(Kind::file) && before_.kind == Kind::file && before_.digest && now_.state.digest == before_.digest;
  }
  bool is_before() const {
    if (before_.kind == Kind::transient) return now_is(Kind::absent);
    if (!now_is(before_.kind)) return false;
    const bool same_spec = !before_.spec || now_.state.spec == before_.spec;
    switch (before_.kind) {
      case Kind::file: return has_content_of_before() && same_spec;
      case Kind::symlink: return now_.state.target == before_.target;
      default: return same_spec;
    }
  }
  // A delivery wrote a file here, and this is neither that nor what was there before it.
  bool is_somebody_elses() const {
    if (!written_ || now_is(Kind::absent)) return false;
    return !has_content_of_before() && now_.state.digest != written_;
  }

  Result<void> record() { return ledger_.add(reason_, PathRestored{path_, as_recorded(now_.state, path_)}); }

  Result<bool> is_full_folder() const {
    if (!now_is(Kind::directory)) return false;
    const base::Fd folder(
        ::openat(place_.folder.get(), place_.name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!folder) return fail_errno(errno, "open the folder " + path_);
    return names_in(folder.get(), path_).transform([](const auto& names) { return !names.empty(); });
  }

  // Removes what is here now: false if it is a folder that is in use after all.
  Result<bool> clear() {
    if (now_is(Kind::absent)) return true;
    const int flags = now_is(Kind::directory) ? AT_REMOVEDIR : 0;
    if (::unlinkat(place_.folder.get(), place_.name.c_str(), flags) == 0 || errno == ENOENT) return true;
    if (flags != 0 && (errno == ENOTEMPTY || errno == EEXIST || errno == EBUSY)) return false;
    return fail_errno(errno, "remove " + path_);
  }

  Result<Restored> absent() {
    SEALIFT_ASSIGN(const bool full, is_full_folder());
    if (full) return Restored::not_empty;
    SEALIFT_TRY(record());
    SEALIFT_ASSIGN(const bool cleared, clear());
    if (!cleared) return Restored::not_empty;
    SEALIFT_TRY(sync_folder(place_, path_));
    return Restored::as_before;
  }

  Result<Restored> file() {
    if (has_content_of_before()) {  // and only owner or mode differ
      SEALIFT_TRY(record());
      SEALIFT_TRY(finish_file(now_.file.get(), path_, *before_.spec));
      return Restored::as_before;
    }
    if (!before_.kept || !before_.digest || !before_.spec) return Restored::not_kept;
    SEALIFT_ASSIGN(const auto kept, ledger_.kept(*before_.digest));
    if (!kept) return Restored::not_kept;
    const std::string temporary = temporary_name(place_, path_, reason_);
    auto done = file_from(*kept, temporary);
    if (!done || *done != Restored::as_before) ::unlinkat(place_.folder.get(), temporary.c_str(), 0);
    return done;
  }

  Result<Restored> file_from(const base::Fd& kept, const std::string& temporary) {
    const int folder = place_.folder.get();
    ::unlinkat(folder, temporary.c_str(), 0);
    const base::Fd fd(::openat(folder, temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd) return fail_errno(errno, "write " + path_);
    hash::Sha256 hashed;
    base::FdSource source(kept.get());
    base::FunctionSink sink([&](ByteView data) {
      hashed.update(data);
      return base::write_all(fd.get(), data);
    });
    SEALIFT_TRY(base::copy(source, sink));
    if (hashed.finish() != *before_.digest) return Restored::not_kept;  // damaged
    SEALIFT_TRY(finish_file(fd.get(), path_, *before_.spec));
    return put(temporary);
  }

  // Renames what was made under this name to the path.
  Result<Restored> put(const std::string& temporary) {
    SEALIFT_ASSIGN(const bool full, is_full_folder());
    if (full) return Restored::not_empty;
    SEALIFT_TRY(record());
    if (now_is(Kind::directory)) {
      SEALIFT_ASSIGN(const bool cleared, clear());
      if (!cleared) return Restored::not_empty;
    }
    const int folder = place_.folder.get();
    if (::renameat(folder, temporary.c_str(), folder, place_.name.c_str()) != 0)
      return fail_errno(errno, "rename to " + path_);
    SEALIFT_TRY(sync_folder(place_, path_));
    return Restored::as_before;
  }

  Result<Restored> symlink() {
    if (!before_.target) return Restored::not_kept;
    const std::string temporary = temporary_name(place_, path_, reason_);
    const int folder = place_.folder.get();
    ::unlinkat(folder, temporary.c_str(), 0);
    if (::symlinkat(before_.target->c_str(), folder, temporary.c_str()) != 0) return fail_errno(errno, "link " + path_);
    auto done = put(temporary);
    if (!done || *done != Restored::as_before) ::unlinkat(folder, temporary.c_str(), 0);
    return done;
  }

  // What was in it has its own entries.
  Result<Restored> directory() {
    if (!before_.spec) return Restored::not_kept;
    SEALIFT_TRY(record());
    if (!now_is(Kind::directory)) {
      SEALIFT_TRY(clear());
      if (::mkdirat(place_.folder.get(), place_.name.c_str(), 0700) != 0)
        return fail_errno(errno, "make folder " + path_);
    }
    SEALIFT_TRY(set_folder_spec(place_, path_, *before_.spec));
    SEALIFT_TRY(sync_folder(place_, path_));
    return Restored::as_before;
  }

  Ledger& ledger_;
  const Place& place_;
  const std::string& path_;
  const PathBefore& before_;
  const std::optional<Digest>& written_;
  const Reason& reason_;
  PathNow now_;
};

}  // namespace

Result<Restored> LocalHost::restore(const std::string& path, const PathBefore& before,
                                    const std::optional<Digest>& written, const Reason& reason) {
  const auto place = place_of(root_, path, FolderOwners::anyone);
  // Without its folder there is nothing here; whoever removed that wanted nothing put back into it.
  if (!place && place.error().code == ErrorCode::not_found)
    return before.kind == Kind::absent || before.kind == Kind::transient ? Restored::as_before
                                                                         : Restored::changed_since;
  if (!place) return fail(place.error());
  return Restoration(*ledger_, *place, path, before, written, reason).run();
}

}  // namespace sealift::host
