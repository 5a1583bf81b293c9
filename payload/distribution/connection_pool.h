// SPDX-License-Identifier: Apache-2.0
//
// Idle connections of one registry's client, by origin, since redirects lead to other hosts. Any thread.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "payload/distribution/endpoint.h"

namespace sealift::distribution {

class Connections {
 public:
  explicit Connections(const Endpoint& endpoint) : endpoint_(endpoint) {}

  // An idle connection or a new one. One that is not given back is closed.
  Result<std::unique_ptr<http::Client>> take(const http::Origin& origin);
  void give_back(std::unique_ptr<http::Client> client);

 private:
  const Endpoint& endpoint_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<http::Client>> idle_;
};

}  // namespace sealift::distribution
