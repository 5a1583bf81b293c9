// SPDX-License-Identifier: Apache-2.0
//
// The door of a registry host for people and other tools of the site: what the payloads hold, as a registry of its own,
// by TLS and with a login. The first part of a repository's name is the registry that it came from:
// "/v2/docker.io/library/redis/manifests/7". Read-only. Nodes never come here; what people get of this host is limited
// apart from what nodes get (Limits below), so that they can't be kept from their images.
//
// What can't stand in a path is written as image::external_repository() does: harbor.example:5000 is
// harbor.example_5000 here.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "payload/base/clock.h"
#include "payload/base/fd.h"
#include "payload/http/server.h"
#include "runtime/node/delivered_payloads.h"
#include "runtime/node/logins.h"
#include "runtime/node/mirror_config.h"
#include "runtime/node/question.h"

namespace sealift::node {

class PeopleDoor {
 public:
  // A request in progress costs as much as a node's.
  static constexpr size_t kRequests = 128;
  // Names or tags in one answer, unless fewer are asked for.
  static constexpr uint64_t kPage = 1000;
  using Ask = std::function<http::Response(const Question&, const http::Request&)>;

  // Closed yet. `listener`: a socket that listens already for the configuration's address. All outlive the door.
  PeopleDoor(MirrorConfig::People config, const std::optional<base::Fd>& listener, DeliveredPayloads& payloads, Ask ask,
             Clock& clock);
  // Reads the certificate and the users (again); opens the door if it is closed. Errors: they can't be read or used,
  // and the present ones stay. One thread.
  Result<void> reload();
  http::Server* server() const { return server_.get(); }  // null while it is closed

 private:
  http::Response answer(const http::Request& request);
  http::Response image(const http::Request& request);
  http::Response catalog(const http::Request& request);
  http::Response tags(const std::string& name, const http::Request& request);
  Result<void> open(http::TlsIdentity identity);

  const MirrorConfig::People config_;
  const std::optional<base::Fd>& listener_;
  DeliveredPayloads& payloads_;
  const Ask ask_;
  Clock& clock_;
  std::unique_ptr<Logins> logins_;
  std::unique_ptr<http::Server> server_;
};

}  // namespace sealift::node
