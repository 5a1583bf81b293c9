// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include "payload/http/client.h"
#include "tests/support/authority.h"

using namespace sealift;
using http::Client;
using http::ClientOptions;
using http::Origin;
using http::Server;
using http::ServerOptions;
using http::TlsIdentity;
using tests::Authority;
using tests::kLoopback;

namespace {

struct TlsServer {
  std::unique_ptr<Server> server;
  explicit TlsServer(TlsIdentity identity) {
    ServerOptions options;
    options.tls = std::move(identity);
    auto started = Server::start(
        std::move(options), [](const http::Request&) { return http::Response{200, {}, "text/plain", "hello", {}}; });
    if (!started) FAIL(started.error().text());
    server = std::move(*started);
  }
  Result<http::Reply> get(const std::string& host, ClientOptions options) const {
    Client client(Origin{"https", host, server->port()}, std::move(options));
    return client.get("/", {});
  }
};

ErrorCode code_of(const Result<http::Reply>& reply) {
  REQUIRE_FALSE(reply);
  return reply.error().code;
}

}  // namespace

TEST_CASE("a server is believed by its authority, by name and by address") {
  const Authority authority, stranger;
  const TlsServer server(authority.identity(kLoopback, ""));
  for (const char* host : {"127.0.0.1", "localhost"}) {
    INFO(host);
    const auto good = server.get(host, {authority.certificate, "", Secret()});
    if (!good) FAIL(good.error().text());
    CHECK(good->text == "hello");
    CHECK(code_of(server.get(host, {stranger.certificate, "", Secret()})) == ErrorCode::untrusted);
    CHECK(code_of(server.get(host, {})) == ErrorCode::untrusted);  // the system's authorities
  }
}

TEST_CASE("a certificate for another host or out of its time is refused") {
  const Authority authority;
  for (const auto& names :
       {trust::Names{"127.0.0.1", {}, {"127.0.0.2"}}, trust::Names{"localhost", {"example.org"}, {}}}) {
    const TlsServer server(authority.identity(names, ""));
    for (const char* host : {"127.0.0.1", "localhost"})
      CHECK(code_of(server.get(host, {authority.certificate, "", Secret()})) == ErrorCode::untrusted);
  }
  const Authority past(-std::chrono::hours(1));
  const TlsServer expired(past.identity(kLoopback, ""));
  for (const char* host : {"127.0.0.1", "localhost"})
    CHECK(code_of(expired.get(host, {past.certificate, "", Secret()})) == ErrorCode::untrusted);
}

TEST_CASE("a DNS name or a common name that looks like an address does not stand for it") {
  const Authority authority;
  for (const auto& names : {trust::Names{"server", {"127.0.0.1"}, {}}, trust::Names{"127.0.0.1", {"localhost"}, {}},
                            trust::Names{"127.0.0.1", {}, {}}, trust::Names{"server", {"127.0.0.1"}, {"127.0.0.2"}}}) {
    const TlsServer server(authority.identity(names, ""));
    CHECK(code_of(server.get("127.0.0.1", {authority.certificate, "", Secret()})) == ErrorCode::untrusted);
  }
  const TlsServer server(authority.identity({"server", {"other"}, {"127.0.0.2", "127.0.0.1"}}, ""));
  CHECK(server.get("127.0.0.1", {authority.certificate, "", Secret()}));
}

TEST_CASE("mutual TLS: a client without a certificate, or with one of another authority, gets nothing") {
  const Authority authority, stranger;
  const TlsServer server(authority.identity(kLoopback, authority.certificate));
  const auto client = authority.identity({"client", {}, {}}, "");
  const auto good = server.get("127.0.0.1", {authority.certificate, client.certificate, client.key});
  if (!good) FAIL(good.error().text());
  CHECK(good->text == "hello");
  CHECK_FALSE(server.get("127.0.0.1", {authority.certificate, "", Secret()}));
  const auto other = stranger.identity({"client", {}, {}}, "");
  CHECK_FALSE(server.get("127.0.0.1", {authority.certificate, other.certificate, other.key}));
  const Authority past(-std::chrono::hours(1));
  const TlsServer strict(authority.identity(kLoopback, past.certificate));
  const auto late = past.identity({"client", {}, {}}, "");
  CHECK_FALSE(strict.get("127.0.0.1", {authority.certificate, late.certificate, late.key}));
  CHECK(server.get("127.0.0.1", {authority.certificate, client.certificate, client.key}));  // works afterwards
}

TEST_CASE("mutual TLS: the handler is told where a client comes from and by which certificate") {
  const Authority authority;
  http::Request::Client seen;
  const auto ask = [&](const std::string& trusted, ClientOptions client) {
    ServerOptions options;
    options.tls = authority.identity(kLoopback, trusted);
    const auto server = Server::start(std::move(options), [&](const http::Request& request) {
      seen = request.client;
      return http::Response{};
    });
    REQUIRE(server);
    CHECK(Client({"https", "127.0.0.1", (*server)->port()}, std::move(client)).get("/?address=1&certificate=2", {}));
  };
  const auto own = authority.identity({"client", {}, {}}, "");
  ClientOptions client{authority.certificate, own.certificate, own.key};
  client.source = "127.0.0.7";
  ask(authority.certificate, client);
  CHECK(seen.address == "127.0.0.7");
  CHECK(seen.certificate == own.certificate);
  ask("", client);
  CHECK(seen.address == "127.0.0.7");
  CHECK(seen.certificate.empty());  // it was not asked for
}

TEST_CASE("a server's identity is replaced for new connections; open ones go on, and a bad one changes nothing") {
  const Authority before, after;
  const TlsServer server(before.identity(kLoopback, before.certificate));
  const auto of_before = before.identity({"client", {}, {}}, ""), of_after = after.identity({"client", {}, {}}, "");
  Client open(Origin{"https", "127.0.0.1", server.server->port()},
              {before.certificate, of_before.certificate, of_before.key});
  REQUIRE(open.get("/", {}));
  auto halves = after.identity(kLoopback, after.certificate);
  halves.key = before.identity(kLoopback, "").key;
  const auto refused = server.server->set_identity(halves);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::untrusted);
  CHECK(server.get("127.0.0.1", {before.certificate, of_before.certificate, of_before.key}));
  REQUIRE(server.server->set_identity(after.identity(kLoopback, after.certificate)));
  CHECK(open.get("/", {}));
  CHECK(server.get("127.0.0.1", {after.certificate, of_after.certificate, of_after.key}));
  CHECK_FALSE(server.get("127.0.0.1", {before.certificate, of_before.certificate, of_before.key}));
  CHECK_FALSE(server.get("127.0.0.1", {after.certificate, of_before.certificate, of_before.key}));
}

TEST_CASE("mutual TLS keeps its connection, streams, and gives ranges") {
  const Authority authority;
  ServerOptions options;
  options.tls = authority.identity(kLoopback, authority.certificate);
  const std::string body(3'000'000, 'x');
  const auto server = Server::start(std::move(options), [&](const http::Request&) {
    http::Response out;
    out.stream =
        http::Response::Stream{body.size(), [&](uint64_t offset, uint64_t size, base::Sink& sink) {
                                 return sink.write(base::as_bytes(std::string_view(body).substr(offset, size)));
                               }};
    return out;
  });
  REQUIRE(server);
  const auto identity = authority.identity({"client", {}, {}}, "");
  Client client(Origin{"https", "127.0.0.1", (*server)->port()},
                {authority.certificate, identity.certificate, identity.key});
  for (int i = 0; i < 5; ++i) {
    base::MemorySink sink(body.size());
    REQUIRE(client.get_to("/", {}, sink));
    CHECK(sink.data().size() == body.size());
    const auto part = client.get("/", {{"Range", "bytes=10-19"}});
    REQUIRE(part);
    CHECK(part->text.size() == 10);
    CHECK(client.head("/", {})->headers.at("content-length") == "3000000");
  }
}

TEST_CASE("certificates and keys that are none, or don't belong together, are refused at the start") {
  const Authority authority;
  const auto good = authority.identity(kLoopback, authority.certificate), other = authority.identity(kLoopback, "");
  const std::string cut = good.certificate.substr(0, good.certificate.size() / 2);
  for (const auto& identity : {TlsIdentity{good.authority, "no certificate", good.key},
                               {good.authority, cut, good.key},
                               {good.authority, good.certificate, Secret("no key")},
                               {good.authority, good.certificate, other.key},
                               {"no authority", good.certificate, good.key}}) {
    INFO(identity.authority.substr(0, 20) << " / " << identity.certificate.substr(0, 20));
    ServerOptions options;
    options.tls = identity;
    const auto server = Server::start(std::move(options), [](const http::Request&) { return http::Response{}; });
    REQUIRE_FALSE(server);
    CHECK(server.error().code == ErrorCode::untrusted);
  }
  const TlsServer server(authority.identity(kLoopback, ""));
  CHECK(code_of(server.get("127.0.0.1", {authority.certificate, cut, good.key})) == ErrorCode::untrusted);
  CHECK(code_of(server.get("127.0.0.1", {authority.certificate, good.certificate, Secret("no key")})) ==
        ErrorCode::untrusted);
  CHECK(code_of(server.get("127.0.0.1", {"no authority", "", Secret()})) == ErrorCode::untrusted);
}

TEST_CASE("TLS with a server that speaks none, and none with a server that wants it") {
  const auto plain = Server::start({}, [](const http::Request&) { return http::Response{}; });
  REQUIRE(plain);
  const Authority authority;
  ClientOptions options{authority.certificate, "", Secret()};
  options.connect_timeout = Duration{300};
  Client client(Origin{"https", "127.0.0.1", (*plain)->port()}, std::move(options));
  CHECK_FALSE(client.get("/", {}));
  const TlsServer server(authority.identity(kLoopback, ""));
  Client naked(Origin{"http", "127.0.0.1", server.server->port()}, {});
  CHECK_FALSE(naked.get("/", {}));
}
