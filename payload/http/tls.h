// SPDX-License-Identifier: Apache-2.0
//
// TLS on non-blocking sockets, on mbedTLS: TlsServer holds what all sessions of a server share, TlsStranger what those
// share that ask somebody they don't know; TlsSession is one connection's. Nothing here waits.
#pragma once

#include <memory>
#include <optional>
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

struct TlsSettings;  // of tls.cpp

class TlsServer {
 public:
  // `untrusted` if certificate, key or authority can't be used or don't belong together.
  static Result<std::unique_ptr<TlsServer>> make(const TlsIdentity& identity);
  ~TlsServer();
  // A client whose handshake has succeeded has shown a good certificate.
  bool demands_certificates() const;

 private:
  friend class TlsSession;
  explicit TlsServer(std::shared_ptr<TlsSettings> settings);
  std::shared_ptr<TlsSettings> settings_;
};

// A client that asks for no proof who the server is, and gives none who it is itself. For questions that hold no
// secret, and to whose answers nothing is entrusted; everybody else uses client.h.
class TlsStranger {
 public:
  // `io` if this host has no randomness.
  static Result<std::unique_ptr<TlsStranger>> make();
  ~TlsStranger();

 private:
  friend class TlsSession;
  explicit TlsStranger(std::shared_ptr<TlsSettings> settings);
  std::shared_ptr<TlsSettings> settings_;
};

// Some 40 KiB. Used by one thread at a time; the socket must outlive it, the server need not.
class TlsSession {
 public:
  // Null if memory is short.
  static std::unique_ptr<TlsSession> make(const TlsServer& server, int socket);
  static std::unique_ptr<TlsSession> make(const TlsStranger& client, int socket);
  ~TlsSession();
  // What the socket has shown of the other side: how many bytes have come, and the errno of its end (0: an orderly
  // one).
  struct Heard {
    size_t bytes = 0;
    std::optional<int> end = {};
  };
  Heard heard() const;
  // Reads at most so many more bytes from the socket, then as if the other side had ended. Without it a stranger can
  // keep handshake() and read() busy for as long as it sends what means nothing.
  void allow(size_t bytes);
  Moved handshake();
  Moved read(std::span<std::byte> buffer);  // done with 0 bytes never occurs
  // After `wants_…`, the same bytes must be given again.
  Moved write(ByteView data);
  void say_goodbye();  // as far as the socket takes it at once
  // PEM; empty if the server demands none. After the handshake.
  std::string client_certificate() const;

 private:
  static std::unique_ptr<TlsSession> make(std::shared_ptr<const TlsSettings> settings, int socket);
  struct State;
  explicit TlsSession(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sealift::http
