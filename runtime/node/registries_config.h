// SPDX-License-Identifier: Apache-2.0
//
// Registries of others that this host's mirror asks, with their logins: registries.json, written by
// runtime/steps/registries.cpp. Whoever reads it can pull from them, so it is root's alone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "payload/base/secret.h"
#include "payload/http/client.h"

namespace sealift::node {

struct RegistryPlace {
  http::Url url;          // its path is put before the repositories; "/" for none
  std::string authority;  // PEM: the only ones for its certificate; empty: those that the host trusts
  std::string user;       // empty: no login
  Secret password;
};

struct Upstream {
  std::string match;                  // of names without a tag, as base::is_like(): "harbor.example/team/*"
  std::vector<RegistryPlace> places;  // the registry, then its mirrors; at least one
};

struct RegistriesConfig {
  std::optional<RegistryPlace> external;  // the place of all images; excludes the others
  std::vector<Upstream> upstreams;
  std::string cache_folder;  // empty: nothing is kept
  uint64_t cache_bytes = 0;
};

// {"external": PLACE} or {"upstreams": [{"match": …, "places": [PLACE, …]}, …], "cache": {"folder": …, "bytes": …}};
// PLACE is {"url": …, "ca": …, "user": …, "password": …}, of which only the URL must be there. Errors: corrupt if it is
// not JSON; invalid_config, which names the place and holds no secret.
Result<RegistriesConfig> parse_registries_config(std::string_view json);

}  // namespace sealift::node
