// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/balancer.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "payload/base/clock.h"
#include "payload/base/text.h"
#include "payload/json/value.h"

namespace sealift::node {
namespace {

constexpr size_t kBuffer = size_t{128} << 10;
constexpr int64_t kConnectMs = 2000;
constexpr size_t kMaxConnections = 4000;

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
  const sockaddr* get() const {
    return reinterpret_cast<const sockaddr*>(&storage);
  }  // NOLINT(*-reinterpret-cast): sockets API
};

// "10.7.0.11:6443", "[fd00::1]:6443"; port 0 means any free one.
Result<Address> resolve(std::string_view text) {
  const auto refuse = [&] {
    return fail(ErrorCode::invalid_config, "\"{}\" is not an address with a port", base::printable(text));
  };
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return refuse();
  const auto port = base::parse_u64(text.substr(colon + 1));
  std::string host(text.substr(0, colon));
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (!port || *port > 65535) return refuse();
  Address out;
  if (host.contains(':')) {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(static_cast<uint16_t>(*port));
    if (::inet_pton(AF_INET6, host.c_str(), &address.sin6_addr) != 1) return refuse();
    std::memcpy(&out.storage, &address, sizeof address);
    out.size = sizeof address;
  } else {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(*port));
    if (::inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) return refuse();
    std::memcpy(&out.storage, &address, sizeof address);
    out.size = sizeof address;
  }
  return out;
}

int64_t now_ms() { return base::system_clock().monotonic().count(); }

void tune(int fd) {
  const int on = 1, idle = 30, interval = 10, count = 3;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  // A backend whose host lost power never answers: keep-alive notices.
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
}

}  // namespace

Result<BalancerConfig> parse_balancer_config(std::string_view text) {
  SEALIFT_ASSIGN(const auto value, json::parse(text));
  BalancerConfig out;
  SEALIFT_ASSIGN(out.listen, value.text("listen"));
  const auto* backends = value.find("backends");
  if (backends == nullptr || !backends->is_array() || backends->elements()->empty())
    return fail(ErrorCode::invalid_config, "\"backends\" must be a list that is not empty");
  for (const auto& element : *backends->elements()) {
    if (element.string() == nullptr) return fail(ErrorCode::invalid_config, "a backend must be a text");
    SEALIFT_TRY(resolve(*element.string()));
    out.backends.push_back(*element.string());
  }
  return out;
}

Result<Balancer> Balancer::listen(const BalancerConfig& config) {
  SEALIFT_ASSIGN(const auto address, resolve(config.listen));
  base::Fd fd(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return fail_errno(errno, "make a socket");
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(fd.get(), address.get(), address.size) != 0 || ::listen(fd.get(), 256) != 0)
    return fail_errno(errno, "listen on " + config.listen);
  sockaddr_storage own{};
  socklen_t size = sizeof own;
  ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&own), &size);  // NOLINT(*-reinterpret-cast): sockets API
  Balancer out(std::move(fd));
  uint16_t port = 0;  // at the same offset in both families
  std::memcpy(&port, reinterpret_cast<const char*>(&own) + offsetof(sockaddr_in, sin_port),
              sizeof port);  // NOLINT(*-reinterpret-cast)
  out.port_ = ntohs(port);
  out.backends_ = config.backends;
  return out;
}

void Balancer::accept_new() {
  while (connections_.size() < kMaxConnections) {
    base::Fd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd) return;
    tune(fd.get());
    Connection connection;
    connection.client.fd = std::move(fd);
    if (connect_next(connection)) connections_.push_back(std::move(connection));
  }
}

// Begins a connection to the next untried backend; false if none is left.
bool Balancer::connect_next(Connection& connection) {
  while (connection.tried < backends_.size()) {
    const size_t index = (preferred_ + connection.tried++) % backends_.size();
    const auto address = resolve(backends_[index]);
    if (!address) continue;
    base::Fd fd(::socket(address->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) continue;
    tune(fd.get());
    if (::connect(fd.get(), address->get(), address->size) != 0 && errno != EINPROGRESS) continue;
    connection.server.fd = std::move(fd);
    connection.connecting = true;
    connection.deadline_ms = now_ms() + kConnectMs;
    return true;
  }
  return false;
}

// Moves what can be moved; false when the connection is over.
bool Balancer::advance(Connection& connection, short client_events, short server_events) {
  if (connection.connecting) {
    if ((server_events & (POLLOUT | POLLERR | POLLHUP)) == 0 && now_ms() < connection.deadline_ms) return true;
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(connection.server.fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0 || (server_events & POLLOUT) == 0) return connect_next(connection);
    connection.connecting = false;
    if (!backends_.empty()) preferred_ = (preferred_ + connection.tried - 1) % backends_.size();
  }
  const auto read_into = [](Half& half, short events) {
    if ((events & (POLLIN | POLLHUP | POLLERR)) == 0 || half.ended || half.buffer.size() >= kBuffer) return true;
    std::array<std::byte, 65536> piece;
    const ssize_t count = ::recv(half.fd.get(), piece.data(), piece.size(), 0);
    if (count > 0) half.buffer.insert(half.buffer.end(), piece.begin(), piece.begin() + count);
    if (count == 0) half.ended = true;
    return count >= 0 || errno == EAGAIN || errno == EINTR;
  };
  const auto write_from = [](Half& from, Half& to) {
    if (!from.buffer.empty()) {
      const ssize_t count = ::send(to.fd.get(), from.buffer.data(), from.buffer.size(), MSG_NOSIGNAL);
      if (count < 0) return errno == EAGAIN || errno == EINTR;
      from.buffer.erase(from.buffer.begin(), from.buffer.begin() + count);
    }
    if (from.ended && from.buffer.empty() && !from.shut) {
      ::shutdown(to.fd.get(), SHUT_WR);
      from.shut = true;
    }
    return true;
  };
  if (!read_into(connection.client, client_events) || !read_into(connection.server, server_events)) return false;
  if (!write_from(connection.client, connection.server) || !write_from(connection.server, connection.client))
    return false;
  return !(connection.client.shut && connection.server.shut);
}

Result<void> Balancer::serve(int milliseconds, const CancelToken& cancel) {
  const int64_t end = now_ms() + milliseconds;
  std::vector<pollfd> polled;
  while (!cancel.cancelled()) {
    const int64_t left = end - now_ms();
    if (left <= 0) return {};
    polled.assign(1, {listener_.get(), static_cast<short>(connections_.size() < kMaxConnections ? POLLIN : 0), 0});
    for (const auto& connection : connections_) {
      const auto wanted = [](const Half& from, const Half& to) {
        return static_cast<short>((!from.ended && from.buffer.size() < kBuffer ? POLLIN : 0) |
                                  (to.buffer.empty() ? 0 : POLLOUT));
      };
      const bool waiting = connection.connecting;
      // poll skips an fd of -1: a half that neither reads nor writes must not wake it by POLLHUP.
      const short client = waiting ? short{0} : wanted(connection.client, connection.server);
      const short server = waiting ? short{POLLOUT} : wanted(connection.server, connection.client);
      polled.push_back({client == 0 ? -1 : connection.client.fd.get(), client, 0});
      polled.push_back({server == 0 ? -1 : connection.server.fd.get(), server, 0});
    }
    if (::poll(polled.data(), polled.size(), static_cast<int>(std::min<int64_t>(left, 200))) < 0 && errno != EINTR)
      return fail_errno(errno, "poll");
    const size_t count = connections_.size();
    std::vector<bool> over(count, false);
    for (size_t i = 0; i < count; ++i)
      over[i] = !advance(connections_[i], polled[1 + 2 * i].revents, polled[2 + 2 * i].revents);
    size_t index = 0;
    std::erase_if(connections_, [&](const Connection&) { return over[index++]; });
    if ((polled[0].revents & POLLIN) != 0) accept_new();
  }
  return {};
}

}  // namespace sealift::node
