// SPDX-License-Identifier: Apache-2.0
//
// Requests to one registry as a caller sees them: each is led through redirects, challenges and retries to an answer.
// Internal to payload/distribution.
#pragma once

#include <expected>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "payload/base/cancel.h"
#include "payload/base/stream.h"
#include "payload/distribution/authorizer.h"
#include "payload/distribution/connection_pool.h"
#include "payload/http/patience.h"

namespace sealift::distribution {

struct Ask {
  std::string what;        // for messages, behind "has no" and "refuses": "docker.io/library/redis:7"
  std::string repository;  // whose rights are needed, with the endpoint's prefix; empty for none
  http::Url url;
  std::map<std::string, std::string> headers = {};
  std::string method = "GET";
  const http::Body* body = nullptr;  // of POST, PUT and PATCH
  // Of a GET: where a body goes (none: to Reply::text, at most a manifest's size), and what is asked before.
  base::Sink* sink = nullptr;
  std::function<Result<void>(const http::Reply& head)> on_head = {};
  std::vector<int> answers = {};  // statuses that are no errors, besides 200 and 206
};

class Requests {
 public:
  struct Failure {
    Error error;
    std::optional<http::Reply> reply;  // that says so; may ask for a pause
  };

  // `logins` and `clock` must outlive this.
  Requests(Endpoint reached, const Logins& logins, Clock& clock, const http::Patience& patience)
      : endpoint_(std::move(reached)),
        connections_(endpoint_),
        authorizer_(endpoint_, logins, connections_),
        clock_(clock),
        patience_(patience) {}

  const Endpoint& endpoint() const { return endpoint_; }
  const http::Patience& patience() const { return patience_; }
  Clock& clock() const { return clock_; }
  // Of this registry; `path` begins with "/v2/".
  http::Url url(std::string path) const { return {endpoint_.origin, std::move(path)}; }
  std::string path_of(const std::string& repository) const { return endpoint_.repository_prefix + repository; }

  // One attempt.
  std::expected<http::Reply, Failure> once(const Ask& ask);
  // Asks `next` for each attempt: the request says where the body continues. `received` counts what has come of it.
  Result<http::Reply> patiently(const std::function<Ask()>& next, const CancelToken& cancel,
                                const std::function<uint64_t()>& received = {});

 private:
  Result<http::Reply> send(const http::Url& url, const Ask& ask, const Secret& authorization);
  Result<http::Reply> through(const Ask& ask);
  Error error_of(const http::Reply& reply, const Ask& ask) const;

  Endpoint endpoint_;
  Connections connections_;
  Authorizer authorizer_;
  Clock& clock_;
  http::Patience patience_;
};

// Link: </v2/…?last=…>; rel="next"
std::optional<http::Url> next_page(const http::Url& page, const http::Reply& reply);

}  // namespace sealift::distribution
