// SPDX-License-Identifier: Apache-2.0
//
// How to reach the registry of an image name: host, TLS, authorities, proxy.
#pragma once

#include <map>
#include <set>
#include <string>

#include "payload/http/client.h"

namespace sealift::distribution {

struct EndpointOptions {
  std::set<std::string> plain_http;  // registries ("host:port") that speak HTTP
  std::map<std::string, http::Url>
      mirrors;  // registry → where its images are fetched from; a path is prefixed to the repository
};

struct Endpoint {
  std::string registry;  // as in image names
  http::Origin origin;
  std::string repository_prefix;  // "" or "path/"
  http::ClientOptions client;
  std::string login_field;  // where a login for it is given, in users' words; empty: by the machine's container tools
  // For hosts that redirects and challenges lead to; `client` says it for this one.
  enum class Proxies : uint8_t { of_environment, none } proxies = Proxies::of_environment;
};

// Registries on loopback speak HTTP unless there are certificates for them. Certificates come from the system and from
// certs.d/HOST[:PORT]/ of docker and of containers (*.crt: authorities, *.cert and *.key: the client's). Errors:
// invalid_input for an invalid host name or unreadable files.
Result<Endpoint> endpoint_of(const std::string& registry, const EndpointOptions& options);

// What to do when it wants a login or refuses the one there is.
std::string login_hint(const Endpoint& endpoint);

// Adds the certificates for this host ("host:port", or as users write it) from the first certs.d folder that has any.
// False if there are none. Errors: those of reading them.
Result<bool> add_certificates(const std::string& host_and_port, http::ClientOptions& client);
// This machine itself, by name or address.
bool is_loopback(const std::string& host);

}  // namespace sealift::distribution
