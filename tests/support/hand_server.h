// SPDX-License-Identifier: Apache-2.0
//
// Servers whose every byte is written by the test: slow, wrong or truncated ones.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <functional>
#include <string>
#include <thread>

#include "payload/base/fd.h"
#include "payload/http/client.h"

namespace sealift::tests {

inline sockaddr_in loopback(uint16_t port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(port);
  out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return out;
}

class Listener {
 public:
  explicit Listener(int backlog) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    auto address = loopback(0);
    socklen_t size = sizeof address;
    REQUIRE(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);  // NOLINT(*-reinterpret-cast)
    REQUIRE(::listen(socket_.get(), backlog) == 0);
    REQUIRE(::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size) ==
            0);  // NOLINT(*-reinterpret-cast)
    port_ = ntohs(address.sin_port);
  }
  int get() const { return socket_.get(); }
  uint16_t port() const { return port_; }

 private:
  base::Fd socket_;
  uint16_t port_ = 0;
};

// One client connection, as the server sees it.
class Connection {
 public:
  explicit Connection(base::Fd socket) : socket_(std::move(socket)) {}
  // Reads one request; returns its head, or nothing if the client has gone.
  std::string request() {
    while (!buffer_.contains("\r\n\r\n")) {
      std::array<std::byte, 4096> piece{};
      const auto count = base::read_some(socket_.get(), piece);
      if (!count || *count == 0) return {};
      buffer_ += base::as_text(ByteView(piece).first(*count));
    }
    const size_t end = buffer_.find("\r\n\r\n") + 4;
    std::string out = buffer_.substr(0, end);
    buffer_.erase(0, end);
    return out;
  }
  bool send(std::string_view text) {
    while (!text.empty()) {
      const auto count = ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL);
      if (count <= 0) return false;
      text.remove_prefix(static_cast<size_t>(count));
    }
    return true;
  }
  void close() { socket_.reset(); }
  int get() const { return socket_.get(); }
  void wait_until_gone() {
    while (!request().empty()) {
    }
  }

 private:
  base::Fd socket_;
  std::string buffer_;
};

// Serves one connection after the other.
class HandServer {
 public:
  explicit HandServer(std::function<void(Connection&)> serve) : serve_(std::move(serve)), thread_([this] { run(); }) {}
  ~HandServer() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }
  uint16_t port() const { return listener_.port(); }
  http::Client client(http::ClientOptions options = {}) const {
    return http::Client(http::Origin{"http", "127.0.0.1", port()}, std::move(options));
  }
  int connections() const { return connections_; }

 private:
  void run() {
    for (;;) {
      base::Fd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!socket) return;
      ++connections_;
      Connection connection(std::move(socket));
      serve_(connection);
    }
  }
  std::function<void(Connection&)> serve_;
  Listener listener_{16};
  std::atomic<int> connections_ = 0;
  std::thread thread_;
};

}  // namespace sealift::tests
