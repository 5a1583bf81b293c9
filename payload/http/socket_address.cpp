// SPDX-License-Identifier: Apache-2.0
#include "payload/http/socket_address.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "payload/base/text.h"

namespace sealift::http {

namespace {

SocketAddress ask(int (*of)(int, sockaddr*, socklen_t*), int socket) {
  SocketAddress out;
  out.size = sizeof out.storage;
  // NOLINTNEXTLINE(*-reinterpret-cast): sockets API
  return of(socket, reinterpret_cast<sockaddr*>(&out.storage), &out.size) == 0 ? out : SocketAddress{};
}

}  // namespace

// At the same offset in both families.
static_assert(offsetof(sockaddr_in, sin_port) == offsetof(sockaddr_in6, sin6_port));

uint16_t SocketAddress::port() const {
  sockaddr_in address{};
  std::memcpy(&address, &storage, sizeof address);
  return ntohs(address.sin_port);
}

std::string SocketAddress::host() const {
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  std::memcpy(&v4, &storage, sizeof v4);
  std::memcpy(&v6, &storage, sizeof v6);
  const int family = storage.ss_family;
  const void* address = family == AF_INET ? static_cast<const void*>(&v4.sin_addr) : &v6.sin6_addr;
  std::array<char, INET6_ADDRSTRLEN> text{};
  if ((family != AF_INET && family != AF_INET6) || ::inet_ntop(family, address, text.data(), text.size()) == nullptr)
    return {};
  return text.data();
}

Result<SocketAddress> socket_address(const std::string& host, uint16_t port) {
  SocketAddress out;
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (::inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&out.storage, &v4, out.size = sizeof v4);
  } else if (::inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::memcpy(&out.storage, &v6, out.size = sizeof v6);
  } else {
    return fail(ErrorCode::invalid_config, "\"{}\" is not an address", base::printable(host));
  }
  return out;
}

SocketAddress own_address(int socket) { return ask(::getsockname, socket); }
SocketAddress peer_address(int socket) { return ask(::getpeername, socket); }

Result<base::Fd> listen_at(const SocketAddress& address) {
  base::Fd fd(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return fail_errno(errno, "make a socket");
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  // The kernel cuts the queue to its own limit.
  if (::bind(fd.get(), address.get(), address.size) != 0 || ::listen(fd.get(), 4096) != 0)
    return fail_errno(errno, "listen");
  return fd;
}

Result<base::Fd> adopt_listener(int listener) {
  base::Fd fd(::fcntl(listener, F_DUPFD_CLOEXEC, 3));
  if (!fd) return fail_errno(errno, "take over a listening descriptor");
  int listening = 0;
  socklen_t size = sizeof listening;
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0 || listening == 0)
    return fail(ErrorCode::invalid_config, "descriptor {} is not a listening socket", listener);
  if (::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK) != 0)
    return fail_errno(errno, "take over a listening descriptor");
  return fd;
}

}  // namespace sealift::http
