// SPDX-License-Identifier: Apache-2.0
#include "runtime/report/state_directory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "payload/base/fd.h"
#include "payload/base/file.h"
#include "payload/base/safe_path.h"

namespace sealift::report {

Result<std::string> state_path(const std::optional<std::string>& chosen, const std::string& cluster,
                               const std::map<std::string, std::string>& environment) {
  if (chosen) {
    if (chosen->empty()) return fail(ErrorCode::usage, "--state names no folder");
    return *chosen;
  }
  SEALIFT_ASSIGN(std::string safe, base::safe_relative_path(cluster));
  auto variable = [&](const char* name) -> std::string {
    auto found = environment.find(name);
    return found == environment.end() ? std::string() : found->second;
  };
  std::string root = variable("XDG_STATE_HOME");
  // "All paths set in these environment variables must be absolute, … otherwise ignored" (XDG base directory, 0.8).
  if (!root.starts_with('/')) {
    std::string home = variable("HOME");
    if (!home.starts_with('/'))
      return fail(ErrorCode::usage, "no home folder is known for the journal; name a folder with --state DIR");
    root = home + "/.local/state";
  }
  return root + "/sealift/" + safe;
}

Result<void> make_state_directory(const std::string& path) {
  const std::string remedy = "the journal can't be kept there; name another folder with --state DIR";
  auto made = base::make_directories(path, 0700);
  if (!made) return fail(made.error().code, "{}; {}", made.error().text(), remedy);
  auto folder = base::open_file(path, O_DIRECTORY | O_RDONLY);
  if (!folder) return fail(folder.error().code, "{}; {}", folder.error().text(), remedy);
  struct stat status{};
  if (fstat(folder->get(), &status) != 0) return fail_errno(errno, "look at " + path);
  if (status.st_uid != geteuid())
    return fail(ErrorCode::permission_denied, "{} belongs to another user; {}", path, remedy);
  if (faccessat(folder->get(), ".", W_OK | X_OK, AT_EACCESS) != 0) {
    return fail(ErrorCode::permission_denied, "{} can't be written; {}", path, remedy);
  }
  return {};
}

}  // namespace sealift::report
