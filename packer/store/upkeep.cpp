// SPDX-License-Identifier: Apache-2.0
// Store::prune and Store::check.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "packer/store/folders.h"
#include "packer/store/store.h"
#include "packer/store/verified.h"
#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/format/reader.h"

namespace sealift::store {
namespace {

// The files of builds/ but for locks, with the build that each belongs to. Sorted.
std::vector<std::pair<std::string, std::string>> build_files(const std::string& folder) {
  std::vector<std::pair<std::string, std::string>> out;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(builds_of(folder), error)) {
    const auto path = entry.path().string();
    const size_t end = path.find(std::string(kSuffix), builds_of(folder).size());
    if (!path.ends_with(".lock") && end != std::string::npos)
      out.emplace_back(path.substr(0, end + kSuffix.size()), path);
  }
  std::ranges::sort(out);
  return out;
}

bool is_running(const base::Fd& lock) { return ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK; }

Result<void> take_away(const std::string& path, uint64_t size, bool dry, Removed& out) {
  if (!dry && ::unlink(path.c_str()) != 0 && errno != ENOENT) return fail_errno(errno, "remove " + path);
  out.bytes += size;
  return {};
}

// Of an artifact: what is wrong with it, or nothing.
Result<std::string> fault_of(const Artifact& artifact, unsigned threads, const CancelToken& cancel) {
  const auto file = base::OpenFile::open(artifact.path);
  if (!file) return file.error().text();
  const auto reader = format::PayloadReader::open(**file);
  if (!reader) return reader.error().text();
  if ((*reader)->identity() != artifact.identity)
    return base::format("it has the identity {}", (*reader)->identity().text());
  SEALIFT_ASSIGN(const auto damage, (*reader)->verify(threads, {}, cancel));
  return damage.empty() ? std::string() : base::format("{}: {}", damage.front().where, damage.front().error.text());
}

}  // namespace

Result<Removed> Store::prune(bool dry) const {
  SEALIFT_ASSIGN(const auto guard, lock());
  SEALIFT_ASSIGN(const auto all, list());
  Removed out;
  for (const auto& artifact : all) {
    if (!artifact.names.empty()) continue;
    SEALIFT_TRY(take_away(artifact.path, artifact.size, dry, out));
    out.lines.push_back("the artifact " + artifact.identity.text() + ", which has no name");
  }
  for (const auto& [build, path] : build_files(folder_)) {
    SEALIFT_ASSIGN(const auto build_lock, base::open_file(lock_of(build), O_RDWR | O_CREAT));
    if (is_running(build_lock)) continue;
    std::error_code error;
    const uint64_t size = std::filesystem::file_size(path, error);
    SEALIFT_TRY(take_away(path, error ? 0 : size, dry, out));
    out.lines.push_back("what an interrupted build left: " + path);
  }
  return out;
}

Result<std::vector<std::string>> Store::check(unsigned threads, const CancelToken& cancel) const {
  std::vector<std::string> out;
  SEALIFT_ASSIGN(const auto names, read_names());
  SEALIFT_ASSIGN(const auto all, list());
  for (const auto& [name, identity] : names) {
    if (!std::ranges::contains(all, identity, &Artifact::identity))
      out.push_back(
          base::format("{} means {}, which is not there; `sealift rm {}` takes the name away, building or "
                       "loading it again brings it back",
                       name, identity.text(), name));
  }
  const Verified verified(folder_);
  for (const auto& artifact : all) {
    SEALIFT_ASSIGN(const auto fault, fault_of(artifact, threads, cancel));
    if (fault.empty()) {
      verified.note(artifact.path);
      continue;
    }
    verified.forget(artifact.path);
    out.push_back(base::format("{} ({}) is damaged: {}; `sealift rm {}` removes it, then build or load it again",
                               artifact.names.empty() ? "an artifact without a name" : base::join(artifact.names, ", "),
                               artifact.path, fault, artifact.identity.hex().substr(0, 12)));
  }
  return out;
}

}  // namespace sealift::store
