// SPDX-License-Identifier: Apache-2.0
//
// Registry logins as kept by the machine's container tools: `docker login`, `podman login` and the like write them,
// credential helpers provide them. Sealift stores none of its own. Source: docker's config.json ("auths",
// "credHelpers", "credsStore"), containers-auth.json(5).
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
  Secret identity_token;  // instead of a password; exchanged for an access token (OAuth 2)
};

// The login files named by the environment: $REGISTRY_AUTH_FILE, then $DOCKER_CONFIG/config.json or
// ~/.docker/config.json, then $XDG_RUNTIME_DIR/containers/auth.json. Only existing files, in this order.
std::vector<std::string> login_files();

// Any thread.
class Logins {
 public:
  // Skips files that do not exist; one that is not such a document is invalid_input with its path.
  static Result<Logins> read(const std::vector<std::string>& files);
  // This one only, for this registry.
  static Logins of(const std::string& registry, const Login& login);
  // For "docker.io", "localhost:5000" …; the repository selects logins for a part of a registry. nullopt if there is no
  // login: many registries need none. not_found if a credential helper is not installed, command_failed if it fails:
  // neither keeps anybody from an image that needs no login.
  Result<std::optional<Login>> find(const std::string& registry, const std::string& repository) const;

 private:
  std::vector<json::Value> documents_;
};

}  // namespace sealift::distribution
