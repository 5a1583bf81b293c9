// SPDX-License-Identifier: Apache-2.0
//
// Servers whose every byte is written by the test, inside TLS.
#pragma once

#include <poll.h>

#include <functional>
#include <memory>
#include <string>

#include "payload/base/format.h"
#include "payload/http/tls.h"
#include "tests/support/authority.h"
#include "tests/support/hand_server.h"

namespace sealift::tests {

// One client connection; the handshake is made at once.
class TlsConnection {
 public:
  TlsConnection(const http::TlsServer& server, Connection& plain)
      : plain_(plain), session_(http::TlsSession::make(server, plain.get())) {
    (void)finish([&] { return session_->handshake(); });
  }
  // Reads one request; returns its head, or nothing if the client has gone.
  std::string request() {
    std::string out;
    while (!out.contains("\r\n\r\n")) {
      std::array<std::byte, 4096> piece{};
      const auto moved = finish([&] { return session_->read(piece); });
      if (moved.state != http::Moved::State::done) return {};
      out += base::as_text(ByteView(piece).first(moved.count));
    }
    return out;
  }
  bool send(std::string_view text) {
    while (!text.empty()) {
      const auto moved = finish([&] { return session_->write(base::as_bytes(text)); });
      if (moved.state != http::Moved::State::done) return false;
      text.remove_prefix(moved.count);
    }
    return true;
  }
  void say_goodbye() { session_->say_goodbye(); }
  void wait_until_gone() {
    while (!request().empty()) {
    }
  }

 private:
  http::Moved finish(const std::function<http::Moved()>& attempt) const {
    for (;;) {
      const auto moved = attempt();
      const bool reads = moved.state == http::Moved::State::wants_read;
      if (!reads && moved.state != http::Moved::State::wants_write) return moved;
      pollfd polled{plain_.get(), static_cast<short>(reads ? POLLIN : POLLOUT), 0};
      (void)::poll(&polled, 1, -1);
    }
  }
  Connection& plain_;
  std::unique_ptr<http::TlsSession> session_;
};

// Serves one connection after the other.
class TlsHandServer {
 public:
  explicit TlsHandServer(std::function<void(TlsConnection&)> serve)
      : tls_(make(authority_)), server_([this, serve = std::move(serve)](Connection& plain) {
          TlsConnection connection(*tls_, plain);
          serve(connection);
        }) {}
  uint16_t port() const { return server_.port(); }
  int connections() const { return server_.connections(); }
  const Authority& authority() const { return authority_; }

 private:
  static std::unique_ptr<http::TlsServer> make(const Authority& authority) {
    auto out = http::TlsServer::make(authority.identity(kLoopback, ""));
    REQUIRE(out);
    return std::move(*out);
  }
  Authority authority_;
  std::unique_ptr<http::TlsServer> tls_;
  HandServer server_;
};

inline std::string answer_of(int status, std::string_view body) {
  return base::format("HTTP/1.1 {} X\r\nContent-Length: {}\r\n\r\n{}", status, body.size(), body);
}

}  // namespace sealift::tests
