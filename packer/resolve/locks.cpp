// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/locks.h"

#include "payload/base/format.h"
#include "payload/base/named_file.h"
#include "payload/base/text.h"
#include "payload/image/reference.h"

namespace sealift::resolve {
namespace {

// As names stand in the lock: "redis:7" is docker.io/library/redis:7.
std::string entry_named(const lock::Lock& lock, const std::string& name) {
  const auto reference = image::parse_reference(name);
  return reference && lock.images.contains(reference->text()) ? reference->text() : name;
}

}  // namespace

lock::Lock Locks::kept() const {
  auto out = used;
  for (const auto& url : elsewhere) {
    if (const auto entry = known.urls.find(url); entry != known.urls.end()) out.urls.insert(*entry);
  }
  return out;
}

Result<Locks> read_locks(const std::string& path, const LockUse& use, const CancelToken& cancel) {
  Locks out;
  out.path = path;
  SEALIFT_ASSIGN(out.before, lock::read(out.path, cancel));
  if (use.exact && !out.before)
    return fail(ErrorCode::invalid_input, "{} is not there, and --locked goes by it; `sealift lock` makes it",
                out.path);
  if (!out.before || use.renew_all) return out;
  out.known = *out.before;
  std::vector<std::string> names;
  for (const auto& name : use.renew) names.push_back(entry_named(out.known, name));
  SEALIFT_TRY(lock::forget(out.known, names));
  return out;
}

Result<void> check_locks(const Locks& locks, const LockUse& use) {
  if (!use.exact) return {};
  const auto lines = lock::differences(locks.before.value_or(lock::Lock{}), locks.kept());
  if (lines.empty()) return {};
  return fail(ErrorCode::invalid_input,
              "{} does not fit any more, and with --locked it must:\n  {}\n`sealift lock` adds what is new and removes "
              "what is gone; `sealift lock --update NAME` moves what has changed",
              locks.path, base::join(lines, "\n  "));
}

Result<std::vector<std::string>> keep_locks(const Locks& locks) {
  if (!locks.has_changed()) return std::vector<std::string>{};
  const auto after = locks.after();
  SEALIFT_TRY(lock::write(base::behind_links(locks.path), after));
  return lock::differences(locks.before.value_or(lock::Lock{}), after);
}

std::unexpected<Error> fail_locked(Error error, const Locks& locks, const std::string& name) {
  error.what += base::format("; {} pins it: if the new one is meant, run `sealift lock --update {}`", locks.path,
                             base::printable(name));
  return fail(std::move(error));
}

}  // namespace sealift::resolve
