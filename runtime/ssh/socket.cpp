// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "payload/base/format.h"
#include "runtime/ssh/handle.h"

namespace sealift::ssh {
namespace {

struct FreeAddresses {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};

void set_option(int fd, int level, int option, int value) {
  // A kernel without one of these options still connects.
  (void)::setsockopt(fd, level, option, &value, sizeof value);
}

std::string reason(int error_number) {
  switch (error_number) {
    case ECONNREFUSED: return "connection refused: is sshd running and the port right?";
    case EHOSTUNREACH:
    case ENETUNREACH: return "no route to the host";
    default: return ::strerror(error_number);
  }
}

// Returns 0 or an errno.
Result<int> connect_one(int fd, const addrinfo& address, const base::Deadline& limit, const std::string& doing) {
  if (::connect(fd, address.ai_addr, address.ai_addrlen) == 0) return 0;
  if (errno != EINPROGRESS && errno != EINTR) return errno;
  for (;;) {
    pollfd polled{fd, POLLOUT, 0};
    const int ready = ::poll(&polled, 1, 200);
    if (ready > 0) break;
    SEALIFT_TRY(limit.check(doing));
  }
  int error_number = 0;
  socklen_t size = sizeof error_number;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error_number, &size) != 0) return errno;
  return error_number;
}

}  // namespace

Result<base::Fd> connect_socket(const std::string& address, uint16_t port, const base::Deadline& limit) {
  const std::string doing = base::format("connecting to {} port {}", address, port);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* list = nullptr;
  if (const int result = ::getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &list); result != 0) {
    return fail(ErrorCode::unreachable, "{}: {}; write the address as a number if this site has no DNS", address,
                ::gai_strerror(result));
  }
  const std::unique_ptr<addrinfo, FreeAddresses> owner(list);
  std::string why = "no address";
  for (const addrinfo* candidate = list; candidate != nullptr; candidate = candidate->ai_next) {
    base::Fd fd(::socket(candidate->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) {
      why = reason(errno);
      continue;
    }
    SEALIFT_ASSIGN(const int error_number, connect_one(fd.get(), *candidate, limit, doing));
    if (error_number != 0) {
      why = reason(error_number);
      continue;
    }
    set_option(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(fd.get(), SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd.get(), IPPROTO_TCP, TCP_KEEPIDLE, 15);
    set_option(fd.get(), IPPROTO_TCP, TCP_KEEPINTVL, 15);
    set_option(fd.get(), IPPROTO_TCP, TCP_KEEPCNT, 4);
    set_option(fd.get(), IPPROTO_TCP, TCP_USER_TIMEOUT, 60'000);
    return fd;
  }
  return fail(ErrorCode::unreachable, "{} port {}: {}", address, port, why);
}

}  // namespace sealift::ssh
