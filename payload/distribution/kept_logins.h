// SPDX-License-Identifier: Apache-2.0
//
// Keeps logins where this machine's container tools keep them too, so that one login serves all: in
// $REGISTRY_AUTH_FILE, else docker's config.json, or with the credential helper that it names.
#pragma once

#include <string>

#include "payload/distribution/credentials.h"

namespace sealift::distribution {

// Replaces the login of this registry ("harbor.example", "localhost:5000", "docker.io"). Returns where it is kept now:
// a path, or "the credential helper NAME". Errors: usage if no folder for it is known; invalid_input if the file is no
// such document; command_failed; those of writing it.
Result<std::string> keep_login(const std::string& registry, const Login& login);
// False if there is none. Errors: the same.
Result<bool> forget_login(const std::string& registry);

}  // namespace sealift::distribution
