// SPDX-License-Identifier: Apache-2.0
#include "runtime/host/processes.h"

#include <dirent.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <map>

#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/base/process.h"
#include "payload/base/text.h"

namespace sealift::host {
namespace {

constexpr Duration kPatience{10'000}, kPause{50};

std::string without_mark(std::string program) {
  constexpr std::string_view kDeleted = " (deleted)";
  if (program.ends_with(kDeleted)) program.resize(program.size() - kDeleted.size());
  return program;
}

// Kernel threads and zombies run no program.
std::map<pid_t, std::string> programs() {
  std::map<pid_t, std::string> out;
  std::error_code ignored;
  for (std::filesystem::directory_iterator entry("/proc", ignored), end; entry != end && !ignored;
       entry.increment(ignored)) {
    const auto number = base::parse_u64(entry->path().filename().string());
    if (!number) continue;
    const auto pid = static_cast<pid_t>(*number);
    if (auto program = base::program_of(pid)) out.emplace(pid, without_mark(std::move(*program)));
  }
  return out;
}

// This process and those that it descends from.
std::set<pid_t> own_line() {
  std::set<pid_t> out;
  for (pid_t pid = ::getpid(); pid > 0 && out.insert(pid).second;) {
    // "PID (NAME) STATE PARENT …"; the name may hold anything.
    const std::string text = base::read_text_file(base::format("/proc/{}/stat", pid), 65536).value_or("");
    const auto words = base::split_words(std::string_view(text).substr(std::min(text.rfind(')') + 1, text.size())));
    pid = words.size() < 2 ? 0 : static_cast<pid_t>(base::parse_u64(words[1]).value_or(0));
  }
  return out;
}

bool runs(const std::string& running, const std::string& wanted) {
  if (wanted.empty()) return false;
  if (wanted.contains('/')) return running == wanted;
  return running.substr(running.rfind('/') + 1) == wanted;
}

// Calls `is_done` until it is true. Errors: its own; busy with `still` after ten seconds.
Result<void> wait_until(const std::function<Result<bool>()>& is_done, Clock& clock, const std::string& still) {
  const Duration end = clock.monotonic() + kPatience;
  for (;;) {
    SEALIFT_ASSIGN(const bool done, is_done());
    if (done) return {};
    if (clock.monotonic() >= end) return fail(ErrorCode::busy, "{}", still);
    clock.sleep(kPause);
  }
}

// A group and those below it, the deepest first.
void collect_groups(const std::string& path, std::vector<std::string>& out) {
  std::error_code ignored;
  for (std::filesystem::directory_iterator entry(path, ignored), end; entry != end && !ignored;
       entry.increment(ignored)) {
    std::error_code unknown;
    if (std::filesystem::is_directory(entry->symlink_status(unknown))) collect_groups(entry->path().string(), out);
  }
  out.push_back(path);
}

void kill_in_group(const std::string& group, const std::set<pid_t>& spared) {
  const auto listed = base::read_text_file(group + "/cgroup.procs", 16U << 20);
  if (!listed) return;
  for (const auto line : base::split(*listed, '\n')) {
    const auto number = base::parse_u64(line);
    // 0: a process of another PID namespace; to kill it would be to kill this process's own group.
    if (!number || *number < 2 || spared.contains(static_cast<pid_t>(*number))) continue;
    ::kill(static_cast<pid_t>(*number), SIGKILL);
  }
}

}  // namespace

std::set<std::string> running_programs() {
  std::set<std::string> out;
  for (auto& [pid, program] : programs()) out.insert(std::move(program));
  out.erase(without_mark(base::own_program().value_or("")));
  return out;
}

bool runs_elsewhere(const std::string& program) {
  const std::set<pid_t> spared = own_line();
  return std::ranges::any_of(programs(),
                             [&](const auto& one) { return runs(one.second, program) && !spared.contains(one.first); });
}

Result<void> end_program(const std::string& program, Clock& clock) {
  const std::set<pid_t> spared = own_line();
  return wait_until(
      [&]() -> Result<bool> {
        bool none = true;
        for (const auto& [pid, running] : programs()) {
          if (!runs(running, program) || spared.contains(pid)) continue;
          if (::kill(pid, SIGKILL) != 0 && errno != ESRCH)
            return fail_errno(errno, base::format("end process {} ({})", pid, running));
          none = false;
        }
        return none;
      },
      clock, base::format("{} still runs, ten seconds after it was killed", base::printable(program)));
}

Result<void> end_control_group(const std::string& path, Clock& clock) {
  const std::set<pid_t> spared = own_line();
  return wait_until(
      [&]() -> Result<bool> {
        std::vector<std::string> groups;
        collect_groups(path, groups);
        for (const auto& group : groups) kill_in_group(group, spared);
        for (const auto& group : groups) {
          if (::rmdir(group.c_str()) == 0 || errno == ENOENT) continue;
          if (errno != EBUSY && errno != ENOTEMPTY) return fail_errno(errno, "remove the control group " + group);
          return false;
        }
        return true;
      },
      clock, base::format("the control group {} still has processes, ten seconds after they were killed", path));
}

}  // namespace sealift::host
