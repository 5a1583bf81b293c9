// SPDX-License-Identifier: Apache-2.0
//
// Internet addresses as the sockets API wants them, and listening sockets. Knows no names, only numeric addresses.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>

#include "payload/base/error.h"
#include "payload/base/fd.h"

namespace sealift::http {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  const sockaddr* get() const {
    return reinterpret_cast<const sockaddr*>(&storage);
  }  // NOLINT(*-reinterpret-cast): sockets API
  uint16_t port() const;
  std::string host() const;  // "10.7.0.11", "fd00::1"; empty if there is none
};

// "10.7.0.11", "fd00::1"; port 0 means any free one. `invalid_config` for anything else.
Result<SocketAddress> socket_address(const std::string& host, uint16_t port);
// Of a bound or connected socket; empty for any other descriptor.
SocketAddress own_address(int socket);
SocketAddress peer_address(int socket);
// A listening socket, non-blocking. Its port is never shared with another listener.
Result<base::Fd> listen_at(const SocketAddress& address);
// A listening descriptor that somebody else has made and keeps (systemd, for one): a duplicate, non-blocking.
Result<base::Fd> adopt_listener(int listener);

}  // namespace sealift::http
