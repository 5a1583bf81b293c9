// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/secrets.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <format>

#include "payload/base/fd.h"
#include "payload/base/file.h"

namespace sealift::cli {
namespace {

constexpr size_t kLargestSecret = size_t{64} << 10;

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

}  // namespace

Result<Secret> secret_from_file(const std::string& path) {
  auto text = base::read_text_file(path, kLargestSecret);
  if (!text) return fail_while(std::move(text).error(), "reading a secret; check the path in cluster.yaml");
  size_t end = text->find('\n');
  if (end == std::string::npos) end = text->size();
  if (end > 0 && (*text)[end - 1] == '\r') --end;
  std::string line = text->substr(0, end);
  explicit_bzero(text->data(), text->size());
  if (line.empty())
    return fail(ErrorCode::invalid_config, "{}: the first line is empty, a secret was expected there", path);
  return Secret(std::move(line));
}

Result<Secret> secret_from_environment(const std::string& name) {
  char* value = std::getenv(name.c_str());
  if (value == nullptr || *value == '\0') {
    return fail(ErrorCode::not_found, "the environment variable {} is not set, cluster.yaml takes a secret from it",
                name);
  }
  Secret out{std::string(value)};
  // /proc/<pid>/environ shows the original block for the life of the process: overwrite it there.
  explicit_bzero(value, std::strlen(value));
  unsetenv(name.c_str());
  return out;
}

Result<Secret> secret_from_prompt(const std::string& text, const CancelToken& cancel) {
  auto tty = base::open_file("/dev/tty", O_RDWR | O_NOCTTY);
  if (!tty || isatty(tty->get()) != 1) {
    return fail(
        ErrorCode::usage,
        "cluster.yaml asks for a secret at a prompt ({}), but there is no terminal; use {{file: …}} or {{env: …}}",
        text);
  }
  NoEcho silent(tty->get());
  if (!silent.works()) return fail(ErrorCode::io, "can't switch off the terminal's echo to ask for a secret");
  SEALIFT_TRY(base::write_all(tty->get(), base::as_bytes(text + ": ")));
  std::string line;
  line.reserve(1024);  // so that no copy of the beginning is left behind by a reallocation
  while (line.size() < 1024) {
    // A signal may arrive between this check and poll, so poll waits only briefly.
    if (cancel.cancelled()) return fail(ErrorCode::cancelled, "stopped at the prompt for a secret");
    pollfd waiting{.fd = tty->get(), .events = POLLIN, .revents = 0};
    if (poll(&waiting, 1, 100) <= 0) continue;
    char c = 0;
    ssize_t got = ::read(tty->get(), &c, 1);
    if (got <= 0) return fail(ErrorCode::cancelled, "no answer at the prompt for a secret");
    if (c == '\n' || c == '\r') break;
    line += c;
  }
  if (line.empty()) return fail(ErrorCode::cancelled, "no answer at the prompt for a secret ({})", text);
  Secret out(line);
  explicit_bzero(line.data(), line.size());
  return out;
}

Result<Secret> SecretStore::get(const config::SecretSource& source) {
  std::string key = std::format("{}:{}", static_cast<int>(source.kind), source.argument);
  auto found = known_.find(key);
  if (found != known_.end()) return found->second;
  Result<Secret> secret = fail(ErrorCode::internal, "unknown kind of secret");
  switch (source.kind) {
    case config::SecretSource::Kind::file: secret = secret_from_file(source.argument); break;
    case config::SecretSource::Kind::environment: secret = secret_from_environment(source.argument); break;
    case config::SecretSource::Kind::prompt: secret = secret_from_prompt(source.argument, cancel_); break;
  }
  if (secret) known_.emplace(key, *secret);
  return secret;
}

}  // namespace sealift::cli
