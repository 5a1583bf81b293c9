// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/sockets.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>
#include <utility>

#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::node {
namespace {

constexpr int kFirst = 3;  // SD_LISTEN_FDS_START
constexpr uint64_t kMost = 16;

std::optional<std::string> endpoint_of(int fd) {
  int listens = 0;
  socklen_t size = sizeof listens;
  if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || listens == 0) return std::nullopt;
  sockaddr_storage own{};
  size = sizeof own;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&own), &size) != 0) return std::nullopt;  // NOLINT: sockets API
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (own.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(own);  // NOLINT: sockets API
    ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
    return base::format("{}:{}", text.data(), ntohs(v4.sin_port));
  }
  if (own.ss_family != AF_INET6) return std::nullopt;
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(own);  // NOLINT: sockets API
  ::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
  return base::format("[{}]:{}", text.data(), ntohs(v6.sin6_port));
}

std::optional<uint64_t> number(const char* variable) {
  const char* text = std::getenv(variable);
  return text == nullptr ? std::nullopt : base::parse_u64(text);
}

}  // namespace

PassedSockets PassedSockets::take() {
  std::vector<base::Fd> out;
  if (number("LISTEN_PID") == static_cast<uint64_t>(::getpid())) {
    const uint64_t count = std::min(number("LISTEN_FDS").value_or(0), kMost);
    for (int fd = kFirst; fd < kFirst + static_cast<int>(count); ++fd) {
      ::fcntl(fd, F_SETFD, FD_CLOEXEC);
      out.emplace_back(fd);
    }
  }
  for (const auto* variable : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) ::unsetenv(variable);
  return PassedSockets(std::move(out));
}

std::optional<base::Fd> PassedSockets::take_listener(std::string_view endpoint) {
  for (auto& socket : sockets_) {
    if (socket && endpoint_of(socket.get()) == endpoint) return std::exchange(socket, base::Fd());
  }
  return std::nullopt;
}

}  // namespace sealift::node
