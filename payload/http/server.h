// SPDX-License-Identifier: Apache-2.0
//
// A small HTTP/1.1 server: plain, or with mutual TLS. One handler for all requests; a response's body is a text or a
// stream of known size, and ranges and HEAD are dealt with here. It takes no request bodies.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "payload/base/clock.h"
#include "payload/base/secret.h"
#include "payload/base/stream.h"

namespace sealift::http {

// PEM texts. A server asks every client for a certificate of `authority` (of none if it is empty); a client shows
// `certificate`.
struct TlsIdentity {
  std::string authority, certificate;
  Secret key;
};

struct Request {
  std::string method, path;  // decoded path
  std::map<std::string, std::string> query;
  std::map<std::string, std::string> headers;  // names in lower case; those that ServerOptions::headers names
  bool is_head() const { return method == "HEAD"; }
};

struct Response {
  int status = 200;
  std::map<std::string, std::string> headers;
  std::string content_type = "text/plain";
  std::string text;
  // Instead of `text`: writes [offset, offset + size) of a body of `size` bytes. An error cuts the connection.
  struct Stream {
    uint64_t size = 0;
    std::function<Result<void>(uint64_t offset, uint64_t size, base::Sink& sink)> write;
  };
  std::optional<Stream> stream;
};

// Called from several threads at once; must not throw.
using Handler = std::function<Response(const Request&)>;

struct ServerOptions {
  std::string address = "127.0.0.1";  // IPv4 or IPv6
  uint16_t port = 0;                  // 0 = any free one
  std::optional<TlsIdentity> tls;
  // Each open connection has a thread of its own, so one that waits or is slow keeps no other waiting. One beyond these
  // is closed at once; whoever wants to say more than that counts requests in the handler, below this limit.
  unsigned connections = 64;
  // A client that takes not a byte for so long loses its connection.
  Duration write_timeout{60'000};
  // The request headers that the handler gets to see, in lower case. A handler that sees none can leak none.
  std::vector<std::string> headers = {};
};

class Server {
 public:
  // Listens when it returns. Errors: io (port in use …), untrusted (bad certificates).
  static Result<std::unique_ptr<Server>> start(ServerOptions options, Handler handler);
  ~Server();  // stops
  uint16_t port() const;
  // Answers nobody any more: streams are cut, handlers that run are waited for, and so is a write for at most
  // `write_timeout`. Called again it does nothing.
  void stop();

 private:
  struct State;
  explicit Server(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sealift::http
