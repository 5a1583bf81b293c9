// SPDX-License-Identifier: Apache-2.0
//
// Resolves the secret sources of cluster.yaml once, at start: a file, an environment variable of this process (removed
// afterwards) or a prompt on the terminal without echo. Secrets never appear in argv, in a child's environment or in a
// message.
#pragma once

#include <map>
#include <string>

#include "payload/base/cancel.h"
#include "payload/base/error.h"
#include "payload/base/secret.h"
#include "runtime/config/cluster_config.h"

namespace sealift::cli {

class SecretStore {
 public:
  explicit SecretStore(CancelToken cancel = {}) : cancel_(std::move(cancel)) {}
  // Each source is asked only once. Errors: not_found (file, variable), permission_denied, usage (a prompt without a
  // terminal), cancelled (end of input at the prompt).
  Result<Secret> get(const config::SecretSource& source);

 private:
  CancelToken cancel_;
  std::map<std::string, Secret> known_;
};

// The first line of the file, without its line end; the whole file may be at most 64 KiB. Key files are read elsewhere.
Result<Secret> secret_from_file(const std::string& path);
// Removes the variable from the environment and overwrites its bytes there.
Result<Secret> secret_from_environment(const std::string& name);
// Asks on /dev/tty; an error with a remedy if there is none.
Result<Secret> secret_from_prompt(const std::string& text, const CancelToken& cancel);

}  // namespace sealift::cli
