// SPDX-License-Identifier: Apache-2.0
//
// Resolves the secret sources of cluster.yaml once, at start: a file, an environment variable of this process (removed
// afterwards) or a prompt on the terminal without echo. Secrets never appear in argv, in a child's environment or in a
// message.
#pragma once

#include <map>
#include <set>
#include <string>

#include "payload/base/cancel.h"
#include "payload/base/error.h"
#include "payload/base/secret.h"
#include "runtime/config/cluster_config.h"

namespace sealift::cli {

// Files with secrets that other users of this machine may read.
enum class Readable { refused, allowed };

class SecretStore {
 public:
  explicit SecretStore(CancelToken cancel = {}, Readable readable = Readable::refused)
      : cancel_(std::move(cancel)), readable_(readable) {}
  // Each source is asked only once. Errors: not_found (file, variable), permission_denied (also of a file that others
  // may read), usage (a prompt without a terminal), cancelled (end of input at the prompt).
  Result<Secret> get(const config::SecretSource& source);
  // The same rule for a file that is read elsewhere: a private key. One that is not there decides nothing here.
  Result<void> check_file(const std::string& path);
  // About the files that others may read and that were allowed all the same, each once.
  const std::set<std::string>& warnings() const { return warnings_; }

 private:
  CancelToken cancel_;
  Readable readable_;
  std::map<std::string, Secret> known_;
  std::set<std::string> warnings_;
};

// The first line of the file, without its line end; the whole file may be at most 64 KiB. Key files are read elsewhere.
Result<Secret> secret_from_file(const std::string& path);
// Removes the variable from the environment and overwrites its bytes there.
Result<Secret> secret_from_environment(const std::string& name);
// Asks on /dev/tty; an error with a remedy if there is none.
Result<Secret> secret_from_prompt(const std::string& text, const CancelToken& cancel);

}  // namespace sealift::cli
