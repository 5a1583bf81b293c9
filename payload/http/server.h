// SPDX-License-Identifier: Apache-2.0
//
// A small HTTP/1.1 server: plain or with mutual TLS. One handler serves all requests; a response's body is a text or a
// stream of known size; ranges and HEAD are handled here. Request bodies are not accepted.
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

// PEM texts. A server requires every client to have a certificate from `authority` (none if it is empty); a
// client presents `certificate`.
struct TlsIdentity {
  std::string authority, certificate;
  Secret key;
};

struct Request {
  std::string method, path;  // path: decoded
  std::map<std::string, std::string> query;
  std::map<std::string, std::string> headers;  // names in lower case; only those in ServerOptions::headers
  bool is_head() const { return method == "HEAD"; }
};

struct Response {
  int status = 200;
  std::map<std::string, std::string> headers;
  std::string content_type = "text/plain";
  std::string text;
  // Instead of `text`: writes [offset, offset + size) of a body of `size` bytes. An error closes the connection.
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
  uint16_t port = 0;                  // 0 = any free port
  std::optional<TlsIdentity> tls;
  // Each open connection has its own thread, so that a waiting or slow one delays no other. Connections beyond this
  // limit are closed at once; a handler that wants to send a proper refusal counts requests itself, below this limit.
  unsigned connections = 64;
  // A client that accepts no byte for this long is disconnected.
  Duration write_timeout{60'000};
  // The request headers passed to the handler, in lower case. A handler that sees none can leak none.
  std::vector<std::string> headers = {};
};

class Server {
 public:
  // Listening when it returns. Errors: io (port in use …), untrusted (bad certificates).
  static Result<std::unique_ptr<Server>> start(ServerOptions options, Handler handler);
  ~Server();  // stops
  uint16_t port() const;
  // Stops answering: cuts streams, waits for running handlers, and at most `write_timeout` for a write. Further
  // calls do nothing.
  void stop();

 private:
  struct State;
  explicit Server(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sealift::http
