// SPDX-License-Identifier: Apache-2.0
//
// A small HTTP/1.1 server: plain or with TLS, mutual or not. One handler serves all requests; a response's body is a
// text or a stream of known size; ranges and HEAD are handled here. Request bodies are not accepted. Strangers can't
// keep it from answering others: what they get of it is limited (ServerLimits, front.h).
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
#include "payload/http/admission.h"

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
  // Where the request comes from and, of a server that demands certificates, the certificate (PEM), which is good.
  struct Client {
    std::string address, certificate;
  };
  Client client = {};
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

// What a server gives to its clients at most. Connections that wait and clients that are slow cost little, and delay
// nobody else; a request in progress costs a thread.
struct ServerLimits {
  // A caller is a user of this machine, or another machine. One who has too many connections loses the one of them that
  // has waited longest; if all are too many, the caller with most of them does.
  ShareLimits connections{.all = 1024, .reserved = 256, .per_caller = 128};
  // One too many is answered with 503.
  ShareLimits requests{.all = 64, .reserved = 16, .per_caller = 48};
  Duration head_time{10'000};  // handshake and head in all, and a request's head later
  Duration idle_time{60'000};  // from an answer to the next request's first byte
  // A client that accepts no byte for this long is disconnected,
  Duration write_timeout{60'000};
  // and so is one that was waited for so long and took fewer bytes a second.
  Duration slow_for{30'000};
  uint64_t slowest = 4096;
};

struct ServerOptions {
  std::string address = "127.0.0.1";  // IPv4 or IPv6
  uint16_t port = 0;                  // 0 = any free port
  std::optional<TlsIdentity> tls = {};
  // A descriptor that listens already, instead of `address` and `port`. It stays the caller's, and open.
  std::optional<int> listener = {};
  ServerLimits limits = {};
  // The request headers passed to the handler, in lower case. A handler that sees none can leak none.
  std::vector<std::string> headers = {};
  // To any request but GET and HEAD.
  Response for_other_methods = {
      405, {{"Allow", "GET, HEAD"}}, "text/plain", "only GET and HEAD are answered here\n", {}};
};

class Server {
 public:
  // Listening when it returns. Errors: io (port in use …), untrusted (bad certificates), invalid_config (no address,
  // or a descriptor that doesn't listen).
  static Result<std::unique_ptr<Server>> start(ServerOptions options, Handler handler);
  ~Server();  // stops
  uint16_t port() const;
  // For connections that come from now on; it demands certificates as before, or none. `untrusted` if it can't be used:
  // the present one stays. Any thread; only of a server with TLS.
  Result<void> set_identity(const TlsIdentity& identity);
  // Takes no more connections and closes what waits; answers in progress go on. The listener stays open.
  void close_door();
  bool answers() const;  // whether any is in progress
  // Stops answering: closes what waits, cuts streams, waits for running handlers; a write that would have to wait
  // fails. Further calls do nothing.
  void stop();

 private:
  struct State;
  explicit Server(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sealift::http
