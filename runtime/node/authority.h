// SPDX-License-Identifier: Apache-2.0
//
// The door of the certificate authority, on the host that holds its key: nodes ask here for their next certificates, so
// that a certificate lives a year and nobody has to come for it (renewal.h is the caller).
//
//   GET /v1/renew?usage=server&publicKey=PEM              200 and a certificate, PEM; else a text that says why not
//   GET /v1/renew?usage=people&publicKey=PEM&present=PEM   the same, with the DNS names of the present certificate
//
// It is GET since the front takes no bodies, and asking changes nothing here. Who asks has shown a client's certificate
// of the authority that is valid now (mutual TLS), and gets one for the same name and never for another: a client's
// without addresses, a server's for the address that the connection comes from and 127.0.0.1, or one of a people's door
// for that address and for the DNS names that it has now, by a certificate of this authority that is valid and for the
// same node. Neither name nor address can be asked for. What a stolen key is good for stands in SECURITY.md.
//
// The door has a process of its own, which sees ca.key and ca.crt and nothing else of the host; the image mirror, to
// which more hosts talk far more often, sees neither. systemd holds the port (sealift-authority.socket), starts the
// process for the first connection, and it ends when nobody has asked for a minute: the key is in memory only then. Its
// own certificate, for the address it listens on, is made at each start and lives for a few days.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "payload/base/clock.h"
#include "payload/base/error.h"
#include "payload/base/fd.h"
#include "payload/http/server.h"

namespace sealift::node {

struct AuthorityOptions {
  std::string folder;   // with ca.key and ca.crt
  std::string address;  // IPv4 or IPv6
  uint16_t port = 0;
  std::optional<base::Fd> listener = {};  // one that listens there already
};

class Authority {
 public:
  // Listening on return. `clock` must outlive it.
  static Result<std::unique_ptr<Authority>> open(AuthorityOptions options, Clock& clock);
  uint16_t port() const { return server_->port(); }
  // For so long nobody has asked, and nobody is being answered.
  Duration idle() const;
  void close_door() { server_->close_door(); }

 private:
  Authority(AuthorityOptions options, Clock& clock);
  http::Response answer(const http::Request& request);

  const AuthorityOptions options_;
  Clock& clock_;
  std::atomic<Duration> asked_;  // monotonic
  std::unique_ptr<http::Server> server_;
};

}  // namespace sealift::node
