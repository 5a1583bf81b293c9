// SPDX-License-Identifier: Apache-2.0
//
// HTTP and HTTPS as a client: one connection to one origin, kept alive. Follows no redirect by itself (the caller
// decides what may travel to another host), knows nothing of registries.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "payload/base/clock.h"
#include "payload/base/stream.h"
#include "payload/http/server.h"

namespace sealift::http {

struct Origin {
  std::string scheme = "https";  // "http", "https"
  std::string host;              // name or address, no brackets
  uint16_t port = 443;
  std::string text() const;  // "https://host:port"
  bool operator==(const Origin&) const = default;
};

struct Url {
  Origin origin;
  std::string target;  // "/path?query", as it goes on the wire
};
// Absolute http(s) URLs; invalid_input otherwise.
// The target may be empty in the text: "/" then.
Result<Url> parse_url(std::string_view text);
// What the system trusts: the file named by $SSL_CERT_FILE or one of the usual bundles; empty if there is none.
std::string system_authorities();
// RFC 3986: all but unreserved characters as %XX.
std::string percent_encode(std::string_view text);

// Where a request goes first. Source: the variables https_proxy, http_proxy and no_proxy, in both spellings.
struct Proxy {
  Origin origin;  // http only: a tunnel is asked for with CONNECT
  std::string user;
  Secret password;
};
// What the environment says for this origin; loopback is never proxied. invalid_input for what is no proxy's URL.
Result<std::optional<Proxy>> proxy_from_environment(const Origin& origin);

struct ClientOptions {
  // What the server's certificate must descend from: PEM; empty = the system's bundle (or $SSL_CERT_FILE).
  std::string authority;
  // Shown to the server (mutual TLS).
  std::string certificate;
  Secret key;
  Duration connect_timeout{10'000};
  Duration read_timeout{60'000};
  std::optional<Proxy> proxy;
};

struct Reply {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case; of several the last
  std::string text;                            // bodies that were not streamed, at most 4 MiB
};

// One thread at a time, but for stop().
class Client {
 public:
  Client(Origin origin, ClientOptions options);
  ~Client();
  Client(Client&&) noexcept;

  const Origin& origin() const { return origin_; }
  Result<Reply> head(const std::string& target, const std::map<std::string, std::string>& headers);
  Result<Reply> get(const std::string& target, const std::map<std::string, std::string>& headers);
  // A form, with `form` as its body ("name=value&…", encoded).
  Result<Reply> post_form(const std::string& target, const std::map<std::string, std::string>& headers,
                          const Secret& form);
  // The body of a 200 or 206 goes to `sink`; other bodies are in Reply::text. `on_head` sees status and headers before
  // the body; its error ends the request.
  Result<Reply> get_to(const std::string& target, const std::map<std::string, std::string>& headers, base::Sink& sink,
                       const std::function<Result<void>(const Reply& head)>& on_head = {});
  // Breaks off the request that runs, which then is `unreachable`; from any thread.
  void stop();

  // Errors of all: unreachable, timeout, untrusted (certificate), protocol, limit_exceeded, what the sink gives.

 private:
  struct State;
  Origin origin_;
  std::unique_ptr<State> state_;
};

}  // namespace sealift::http
