// SPDX-License-Identifier: Apache-2.0
//
// One connection of a server: plain or TLS, non-blocking, with what has been read of its next request. At any time it
// belongs to one thread: the front's, or that of the worker which answers its request.
#pragma once

#include <memory>
#include <string>

#include "payload/base/clock.h"
#include "payload/http/caller.h"
#include "payload/http/tls.h"

namespace sealift::http {

class Connection {
 public:
  enum class State : uint8_t {
    fresh,      // no byte yet: costs a descriptor and this object, no TLS session
    handshake,  // TLS
    head,       // a request, of which nothing or a part is there
    answering,  // in the hands of a worker
    leaving,    // the last answer is on its way: what still comes is thrown away, until the client closes
  };

  Connection(base::Fd socket, const Caller& caller) : socket_(std::move(socket)), caller_(caller) {}
  int socket() const { return socket_.get(); }

  // False if memory is short.
  bool begin_tls(const TlsServer& server);
  Moved handshake() { return tls_->handshake(); }
  Moved read(std::span<std::byte> buffer);
  Moved write(ByteView data);
  // PEM; empty if none was demanded.
  std::string client_certificate() const { return tls_ ? tls_->client_certificate() : std::string(); }
  // Nothing more will be written.
  void end_writing();

  State state = State::fresh;
  Caller& caller() { return caller_; }
  std::string received;       // of the next requests
  size_t known = 0;           // of `received`: looked at without finding a request's end
  bool was_answered = false;  // at least once
  uint32_t events = 0;        // what the front waits for; 0 = not watched

 private:
  base::Fd socket_;
  std::unique_ptr<TlsSession> tls_;
  Caller caller_;
};

}  // namespace sealift::http
