// SPDX-License-Identifier: Apache-2.0
#include "payload/distribution/connection_pool.h"

#include <algorithm>

namespace sealift::distribution {

Result<std::unique_ptr<http::Client>> Connections::take(const http::Origin& origin) {
  {
    const std::lock_guard guard(mutex_);
    const auto found = std::ranges::find(idle_, origin, [](const auto& client) { return client->origin(); });
    if (found != idle_.end()) {
      auto client = std::move(*found);
      idle_.erase(found);
      return client;
    }
  }
  http::ClientOptions options = endpoint_.client;
  if (origin != endpoint_.origin) {
    // Another host: must not see the client certificate, and may or may not be behind the proxy.
    options.certificate.clear();
    options.key = Secret();
    options.proxy.reset();
    if (endpoint_.proxies == Endpoint::Proxies::of_environment) {
      SEALIFT_ASSIGN(options.proxy, http::proxy_from_environment(origin));
    }
  }
  return std::make_unique<http::Client>(origin, std::move(options));
}

void Connections::give_back(std::unique_ptr<http::Client> client) {
  const std::lock_guard guard(mutex_);
  idle_.push_back(std::move(client));
}

}  // namespace sealift::distribution
