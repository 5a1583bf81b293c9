// SPDX-License-Identifier: Apache-2.0
//
// How the registry of an image name is reached: host, TLS, authorities, proxy.
#pragma once

#include <map>
#include <set>
#include <string>

#include "payload/http/client.h"

namespace sealift::distribution {

struct EndpointOptions {
  std::set<std::string> plain_http;  // registries ("host:port") that speak HTTP
  std::map<std::string, http::Url>
      mirrors;  // registry → where its images are taken from; a path goes before the repository
};

struct Endpoint {
  std::string registry;  // as image names say it
  http::Origin origin;
  std::string repository_prefix;  // "" or "path/"
  http::ClientOptions client;
};

// Registries on loopback speak HTTP unless certificates are kept for them. Certificates come from the system and from
// certs.d/HOST[:PORT]/ of docker and of containers (*.crt authorities, *.cert and *.key of the client).
// Errors: invalid_input for a name that is no host or files that can't be read.
Result<Endpoint> endpoint_of(const std::string& registry, const EndpointOptions& options);

}  // namespace sealift::distribution
