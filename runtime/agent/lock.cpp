// SPDX-License-Identifier: Apache-2.0
#include "runtime/agent/lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "payload/base/clock.h"
#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/base/process.h"
#include "payload/base/text.h"

namespace sealift::agent {
namespace {

constexpr Duration kPatience{5'000};

struct Holder {
  std::string owner, run;
  pid_t process = 0;
};

Holder read_holder(const std::string& file) {
  const auto text = base::read_text_file(file, 4096);
  const auto lines = base::split(text ? std::string_view(*text) : std::string_view(), '\n');
  Holder out;
  if (!lines.empty()) out.owner = base::printable(lines[0]);
  if (out.owner.empty()) out.owner = "another operator";
  if (lines.size() > 1) out.run = lines[1];
  if (lines.size() > 2) out.process = static_cast<pid_t>(base::parse_u64(lines[2]).value_or(0));
  return out;
}

// Ends an agent that the same run left behind when its connection broke, instead of waiting until it notices. The
// process number may have been reused: only an agent running this very file is ended.
void end_predecessor(const Holder& holder) {
  if (holder.process <= 0) return;
  const auto own = base::own_program(), its = base::program_of(holder.process);
  if (own && its && *own == *its) ::kill(holder.process, SIGTERM);
}

Result<void> wait_for_lock(int fd, const std::string& file, const AgentOptions& options, std::string& note) {
  Clock& clock = base::system_clock();
  const Duration begin = clock.monotonic();
  bool asked = false;
  while (::flock(fd, (options.changes ? LOCK_EX : LOCK_SH) | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return fail_errno(errno, "lock " + file);
    const Holder holder = read_holder(file);
    if (!options.changes) {
      note = holder.owner;  // looking during someone's apply is fine
      return {};
    }
    if (!asked && !options.run.empty() && holder.run == options.run) {
      end_predecessor(holder);
      asked = true;
    }
    if (clock.monotonic() - begin > kPatience)
      return fail(ErrorCode::busy, "this host is being worked on by {}; wait until that run has ended", holder.owner);
    clock.sleep(Duration{100});
  }
  return {};
}

}  // namespace

Result<base::Fd> take_lock(const AgentOptions& options, std::string& note) {
  const std::string file = options.lock_folder + "/lock";
  SEALIFT_TRY(base::make_directories(options.lock_folder, 0755));
  SEALIFT_ASSIGN(auto fd, base::open_file(file, O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
  // Whoever may read a file may lock it, and keep every run away. Earlier versions let everybody read this one.
  if (::fchmod(fd.get(), 0600) != 0) return fail_errno(errno, "chmod " + file);
  SEALIFT_TRY(wait_for_lock(fd.get(), file, options, note));
  if (!note.empty()) return base::Fd();
  if (!options.changes) return fd;
  // One that is to leave nothing has removed itself already.
  if (!options.remove_self && base::own_program().value_or("").ends_with(" (deleted)"))
    return fail(ErrorCode::unreachable, "another operator's `plan` has just removed the agent; try again");
  if (::ftruncate(fd.get(), 0) != 0) return fail_errno(errno, "write " + file);
  SEALIFT_TRY(base::pwrite_all(fd.get(), 0,
                               base::as_bytes(base::format("{}\n{}\n{}\n", options.owner, options.run, ::getpid()))));
  return fd;
}

}  // namespace sealift::agent
