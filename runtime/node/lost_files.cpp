// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/lost_files.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include "payload/base/file.h"
#include "payload/base/text.h"

namespace sealift::node {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxStateFile = size_t{1} << 20;  // none of the plugins' files is larger

Result<std::vector<std::string>> files_under(const std::string& folder) {
  std::vector<std::string> out;
  std::error_code error;
  auto at = fs::recursive_directory_iterator(folder, error);
  if (error == std::errc::no_such_file_or_directory) return out;
  for (; !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
    if (fs::is_regular_file(at->symlink_status(error))) out.push_back(at->path().string());
  }
  if (error) return fail_errno(error.value(), "list " + folder);
  std::ranges::sort(out);
  return out;
}

bool is_lost(ByteView bytes) {
  return std::ranges::all_of(bytes, [](std::byte byte) { return byte == std::byte{0}; });
}

Result<void> remove(const std::string& path) {
  std::error_code error;
  fs::remove(path, error);
  if (error) return fail_errno(error.value(), "remove " + path);
  return {};
}

}  // namespace

Result<std::vector<std::string>> remove_lost_network_state(const std::string& root) {
  const std::string state = root + "/var/lib/cni", sandboxes = state + "/flannel/", reservations = state + "/networks/";
  std::vector<std::string> removed;
  std::map<std::string, std::vector<std::string>> reserved;  // by sandbox
  SEALIFT_ASSIGN(const auto files, files_under(state));
  for (const auto& path : files) {
    // host-local's lock is always empty
    if (path.ends_with("/lock")) continue;
    const auto bytes = base::read_file(path, kMaxStateFile);
    if (!bytes) continue;
    if (!is_lost(*bytes)) {
      if (path.starts_with(reservations))
        reserved[std::string(base::trim(base::split(base::as_text(*bytes), '\n').front()))].push_back(path);
      continue;
    }
    SEALIFT_TRY(remove(path));
    removed.push_back(path);
  }
  // A sandbox without its file can't be removed, which would have released its address.
  const size_t sandbox_files = removed.size();
  for (size_t i = 0; i < sandbox_files; ++i) {
    if (!removed[i].starts_with(sandboxes)) continue;
    for (const auto& path : reserved[removed[i].substr(sandboxes.size())]) {
      SEALIFT_TRY(remove(path));
      removed.push_back(path);
    }
  }
  return removed;
}

}  // namespace sealift::node
