// SPDX-License-Identifier: Apache-2.0
//
// What reading and keeping logins share. Internal to payload/distribution.
#pragma once

#include <string>
#include <string_view>

#include "payload/base/bytes.h"
#include "payload/base/process.h"

namespace sealift::distribution {

// Of the environment; empty if it is not set.
std::string variable(const char* name);
// The registry, and the part of it, that a key of "auths" or "credHelpers" stands for: "quay.io/team", "docker.io".
std::string registry_in_key(std::string_view key);
// docker-credential-NAME with one of its verbs: get, store, erase. Its output may hold a secret. invalid_input if that
// can't be a helper's name; not_found if it is not installed.
Result<base::ExitStatus> run_helper(const std::string& name, const std::string& verb, ByteView input);

}  // namespace sealift::distribution
