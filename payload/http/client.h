// SPDX-License-Identifier: Apache-2.0
//
// An HTTP and HTTPS client: one connection to one origin, kept alive. Follows no redirects itself (the caller decides
// what may go to another host) and knows nothing of registries.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "payload/base/clock.h"
#include "payload/base/stream.h"
#include "payload/http/server.h"

namespace sealift::http {

struct Origin {
  std::string scheme = "https";  // "http", "https"; "unix" for HTTP over a Unix socket
  std::string host;              // name or address, no brackets; the socket's path
  uint16_t port = 443;
  std::string text() const;  // "https://host:port", "unix:///path"
  bool operator==(const Origin&) const = default;
};

struct Url {
  Origin origin;
  std::string target;  // "/path?query", as sent
};
// Absolute http(s) URLs; otherwise invalid_input. An empty target becomes "/".
Result<Url> parse_url(std::string_view text);
// Where a redirect from `from` leads: an absolute URL, "//host/path", "/path", "../path" or "?query" (RFC 3986, section
// 5.2). Path and query stay as they are written, except that bytes which can't stand in a request become %XX. Errors:
// as parse_url().
Result<Url> resolve_url(const Url& from, std::string_view location);
// The authorities that the system trusts: $SSL_CERT_FILE or one of the usual bundles; empty if there is none.
std::string system_authorities();
// RFC 3986: everything but unreserved characters becomes %XX.
std::string percent_encode(std::string_view text);

// The proxy for requests. Source: the variables https_proxy, http_proxy and no_proxy, in lower or upper case.
struct Proxy {
  Origin origin;  // http only; tunnels are opened with CONNECT
  std::string user;
  Secret password;
};
// The environment's proxy for this origin; loopback is never proxied. invalid_input for an invalid proxy URL.
Result<std::optional<Proxy>> proxy_from_environment(const Origin& origin);

struct ClientOptions {
  // Authorities for the server's certificate: PEM; empty = the system's bundle (or $SSL_CERT_FILE).
  std::string authority;
  // The client's own, for mutual TLS.
  std::string certificate;
  Secret key;
  Duration connect_timeout{10'000};
  Duration read_timeout{60'000};
  std::optional<Proxy> proxy;
  std::string source = {};  // an address of this machine to come from; empty: the system's choice
};

struct Reply {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case; the last of several
  std::string text;                            // bodies that were not streamed, at most 4 MiB
};

// What a request carries.
struct Body {
  std::string type;   // Content-Type; empty: no such header
  uint64_t size = 0;  // bytes
  // Fills the buffer with the bytes from `offset` on. Called with each offset in turn, from 0.
  std::function<Result<void>(uint64_t offset, std::span<std::byte> buffer)> read = {};
};

bool is_redirect(int status);
// Where such a reply to `from` leads. Errors: protocol; untrusted if it leads from HTTPS to HTTP. Messages show no
// queries, which may be signatures.
Result<Url> follow_redirect(const Url& from, const Reply& reply);
// Whether a 206 begins at byte `offset`, as asked for; any other status passes. protocol if not.
Result<void> check_part(const Reply& head, uint64_t offset);

// One thread at a time, except for stop().
class Client {
 public:
  Client(Origin origin, ClientOptions options);
  ~Client();
  Client(Client&&) noexcept;

  const Origin& origin() const { return origin_; }
  Result<Reply> head(const std::string& target, const std::map<std::string, std::string>& headers);
  Result<Reply> get(const std::string& target, const std::map<std::string, std::string>& headers);
  // Posts a form; `form` is its encoded body ("name=value&…").
  Result<Reply> post_form(const std::string& target, const std::map<std::string, std::string>& headers,
                          const Secret& form);
  // Streams the body of a 200 or 206 to `sink`; other bodies are in Reply::text. `on_head` receives status and headers
  // before the body; its error ends the request.
  Result<Reply> get_to(const std::string& target, const std::map<std::string, std::string>& headers, base::Sink& sink,
                       const std::function<Result<void>(const Reply& head)>& on_head = {});
  // POST, PUT or PATCH. The reply's body is in Reply::text. A server that refuses before it has read the whole body may
  // close the connection: that is `unreachable`. Further errors: those of the body's read().
  Result<Reply> send(const std::string& method, const std::string& target,
                     const std::map<std::string, std::string>& headers, const Body& body);
  // Aborts the running request, which then returns `unreachable`. Any thread.
  void stop();

  // Errors of all requests: unreachable, timeout, untrusted (certificate), protocol, limit_exceeded, the sink's errors.

 private:
  struct State;
  Origin origin_;
  std::unique_ptr<State> state_;
};

}  // namespace sealift::http
