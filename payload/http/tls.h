// SPDX-License-Identifier: Apache-2.0
//
// The server's side of TLS on non-blocking sockets, on mbedTLS: TlsServer holds what all sessions of a server share,
// TlsSession is one connection's. Nothing here waits.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "payload/base/bytes.h"
#include "payload/base/error.h"
#include "payload/http/server.h"

namespace sealift::http {

// The result of one attempt to move bytes on a non-blocking connection.
struct Moved {
  enum class State : uint8_t { done, wants_read, wants_write, ended };  // ended: by the other side, or broken
  State state = State::done;
  size_t count = 0;  // with `done`
};

class TlsServer {
 public:
  // `untrusted` if certificate, key or authority can't be used or don't belong together.
  static Result<std::unique_ptr<TlsServer>> make(const TlsIdentity& identity);
  ~TlsServer();
  // A client whose handshake has succeeded has shown a good certificate.
  bool demands_certificates() const;

 private:
  friend class TlsSession;
  struct State;
  explicit TlsServer(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

// Some 40 KiB. Used by one thread at a time; the socket must outlive it, the server need not.
class TlsSession {
 public:
  // Null if memory is short.
  static std::unique_ptr<TlsSession> make(const TlsServer& server, int socket);
  ~TlsSession();
  Moved handshake();
  Moved read(std::span<std::byte> buffer);  // done with 0 bytes never occurs
  // After `wants_…`, the same bytes must be given again.
  Moved write(ByteView data);
  void say_goodbye();  // as far as the socket takes it at once
  // PEM; empty if the server demands none. After the handshake.
  std::string client_certificate() const;

 private:
  struct State;
  explicit TlsSession(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sealift::http
