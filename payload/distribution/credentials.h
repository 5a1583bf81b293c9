// SPDX-License-Identifier: Apache-2.0
//
// Logins for registries as the machine's container tools keep them: `docker login`, `podman login` and the like write
// them, credential helpers hand them out. Sealift stores none of its own.
// Source: docker's config.json ("auths", "credHelpers", "credsStore"), containers-auth.json(5).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "payload/base/error.h"
#include "payload/base/secret.h"
#include "payload/json/value.h"

namespace sealift::distribution {

struct Login {
  std::string user;
  Secret password;
  Secret identity_token;  // instead of a password: to be exchanged for an access token (OAuth 2)
};

// Reading the environment: $REGISTRY_AUTH_FILE, else $DOCKER_CONFIG/config.json or ~/.docker/config.json, then
// $XDG_RUNTIME_DIR/containers/auth.json. Those that exist, in this order.
std::vector<std::string> login_files();

// Any thread.
class Logins {
 public:
  // Files that do not exist are skipped; one that is no such document is invalid_input with its path.
  static Result<Logins> read(const std::vector<std::string>& files);
  // For "docker.io", "localhost:5000" …, and with a path for logins that hold for a part of a registry. Nothing if
  // there is no login: many registries need none. command_failed if a credential helper fails.
  Result<std::optional<Login>> find(const std::string& registry, const std::string& repository) const;

 private:
  std::vector<json::Value> documents_;
};

}  // namespace sealift::distribution
