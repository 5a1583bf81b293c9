// SPDX-License-Identifier: Apache-2.0
#include "payload/console/prompt.h"

#include <fcntl.h>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <cstring>

#include "payload/base/fd.h"

namespace sealift::console {
namespace {

// Echo is off for this object's lifetime, even if a signal arrives meanwhile: the handlers only set a flag.
class NoEcho {
 public:
  explicit NoEcho(int fd) : fd_(fd) {
    if (tcgetattr(fd_, &before_) != 0) return;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    silent.c_lflag |= ECHONL;
    changed_ = tcsetattr(fd_, TCSAFLUSH, &silent) == 0;
  }
  NoEcho(const NoEcho&) = delete;
  NoEcho& operator=(const NoEcho&) = delete;
  ~NoEcho() {
    if (changed_) tcsetattr(fd_, TCSAFLUSH, &before_);
  }
  bool works() const { return changed_; }

 private:
  int fd_;
  termios before_{};
  bool changed_ = false;
};

Result<base::Fd> open_terminal(std::string_view without_terminal) {
  auto tty = base::open_file("/dev/tty", O_RDWR | O_NOCTTY);
  if (!tty || isatty(tty->get()) != 1) return fail(ErrorCode::usage, "{}", without_terminal);
  return std::move(*tty);
}

// At most 1024 bytes, so that no copy of the beginning is left behind by a reallocation.
Result<std::string> read_answer(const base::Fd& tty, const std::string& text, std::string_view prompt,
                                const CancelToken& cancel) {
  SEALIFT_TRY(base::write_all(tty.get(), base::as_bytes(text + ": ")));
  std::string line;
  line.reserve(1024);
  while (line.size() < 1024) {
    // A signal may arrive between this check and poll, so poll waits only briefly.
    if (cancel.cancelled()) return fail(ErrorCode::cancelled, "stopped at {}", prompt);
    pollfd waiting{.fd = tty.get(), .events = POLLIN, .revents = 0};
    if (poll(&waiting, 1, 100) <= 0) continue;
    char c = 0;
    const ssize_t got = ::read(tty.get(), &c, 1);
    if (got <= 0) return fail(ErrorCode::cancelled, "no answer at {}", prompt);
    if (c == '\n' || c == '\r') break;
    line += c;
  }
  return line;
}

}  // namespace

Result<std::string> ask(const std::string& text, std::string_view without_terminal, const CancelToken& cancel) {
  SEALIFT_ASSIGN(const auto tty, open_terminal(without_terminal));
  return read_answer(tty, text, "the prompt", cancel);
}

Result<Secret> ask_secret(const std::string& text, std::string_view without_terminal, const CancelToken& cancel) {
  SEALIFT_ASSIGN(const auto tty, open_terminal(without_terminal));
  NoEcho silent(tty.get());
  if (!silent.works()) return fail(ErrorCode::io, "can't switch off the terminal's echo to ask for a secret");
  SEALIFT_ASSIGN(auto line, read_answer(tty, text, "the prompt for a secret", cancel));
  if (line.empty()) return fail(ErrorCode::cancelled, "no answer at the prompt for a secret ({})", text);
  Secret out(line);
  explicit_bzero(line.data(), line.size());
  return out;
}

}  // namespace sealift::console
