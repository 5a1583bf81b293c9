// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/secrets.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/console/prompt.h"

namespace sealift::cli {
namespace {

constexpr size_t kLargestSecret = size_t{64} << 10;

// Who may read it besides its owner, for messages; empty: nobody, or it is no file (a pipe of the shell is private).
std::string readers_of(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
  if ((status.st_mode & (S_IRGRP | S_IROTH)) != 0)
    return base::format("the file {} may be read by other users (mode {:04o})", path, status.st_mode & 07777U);
  if (status.st_uid != ::geteuid() && status.st_uid != 0)
    return base::format("the file {} belongs to another user (uid {})", path, status.st_uid);
  return {};
}

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
  return console::ask_secret(
      text,
      base::format("cluster.yaml asks for a secret at a prompt ({}), but there is no terminal; use {{file: …}} or "
                   "{{env: …}}",
                   text),
      cancel);
}

Result<Secret> SecretStore::get(const config::SecretSource& source) {
  std::string key = base::format("{}:{}", static_cast<int>(source.kind), source.argument);
  auto found = known_.find(key);
  if (found != known_.end()) return found->second;
  Result<Secret> secret = fail(ErrorCode::internal, "unknown kind of secret");
  switch (source.kind) {
    case config::SecretSource::Kind::file:
      SEALIFT_TRY(check_file(source.argument));
      secret = secret_from_file(source.argument);
      break;
    case config::SecretSource::Kind::environment: secret = secret_from_environment(source.argument); break;
    case config::SecretSource::Kind::prompt: secret = secret_from_prompt(source.argument, cancel_); break;
  }
  if (secret) known_.emplace(key, *secret);
  return secret;
}

Result<void> SecretStore::check_file(const std::string& path) {
  const auto readers = readers_of(path);
  if (readers.empty()) return {};
  if (readable_ == Readable::refused)
    return fail(ErrorCode::permission_denied,
                "{}, and holds a secret; make it yours alone (chmod 600), or allow it with --allow-readable-secrets",
                readers);
  warnings_.insert(readers + ", and holds a secret");
  return {};
}

}  // namespace sealift::cli
