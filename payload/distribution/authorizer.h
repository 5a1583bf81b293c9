// SPDX-License-Identifier: Apache-2.0
//
// Answers 401: the Authorization header for one repository at one host. Logins are used only for the registry's
// own challenges; a redirect's target gets anonymous tokens at most. Source: the distribution project's token and
// OAuth 2 specifications.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "payload/distribution/connection_pool.h"
#include "payload/distribution/credentials.h"

namespace sealift::distribution {

// Any thread.
class Authorizer {
 public:
  Authorizer(const Endpoint& endpoint, const Logins& logins, Connections& connections)
      : endpoint_(endpoint), logins_(logins), connections_(connections) {}

  // The header known so far; empty = send none.
  Secret known(const http::Origin& origin, const std::string& repository);
  // A new header after a request sent with `used` was answered with 401 and this WWW-Authenticate. auth_failed if
  // nothing better than `used` is available; untrusted if a login would go over plain HTTP.
  Result<Secret> answer(const http::Origin& origin, const std::string& repository, const std::string& challenge,
                        const Secret& used);
  // Why no login could be looked for, if so: anybody may read many images, so it is told only when one is missing.
  std::string trouble();

 private:
  Result<Secret> bearer(const std::map<std::string, std::string>& parameters, const std::string& repository,
                        const std::optional<Login>& login, const http::Origin& asked_by);

  const Endpoint& endpoint_;
  const Logins& logins_;
  Connections& connections_;
  std::mutex mutex_;
  std::map<std::string, Secret> headers_;  // "origin repository" → Authorization
  std::string trouble_;
};

}  // namespace sealift::distribution
