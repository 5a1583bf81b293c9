// SPDX-License-Identifier: Apache-2.0
#include "payload/http/client.h"

#include <catch2/catch_test_macros.hpp>

#include "tests/support/environment.h"
#include "tests/support/hand_server.h"

using namespace sealift;
using http::Client;
using http::Origin;
using http::Server;
using tests::Variable;

namespace {

std::unique_ptr<Server> serve(http::Handler handler) {
  auto started = Server::start({}, std::move(handler));
  if (!started) FAIL(started.error().text());
  return std::move(*started);
}

Client client_of(const Server& server) { return Client(Origin{"http", "127.0.0.1", server.port()}, {}); }

http::Response stream_of(const std::string& text, uint64_t breaks_at = UINT64_MAX) {
  http::Response out;
  out.stream = http::Response::Stream{
      text.size(), [text, breaks_at](uint64_t offset, uint64_t size, base::Sink& sink) -> Result<void> {
        const uint64_t end = std::min(offset + size, breaks_at);
        SEALIFT_TRY(sink.write(base::as_bytes(std::string_view(text).substr(offset, end - offset))));
        if (end < offset + size) return fail(ErrorCode::io, "broken");
        return {};
      }};
  return out;
}

}  // namespace

TEST_CASE("URLs are taken apart") {
  const auto origin = [](const char* text) {
    const auto url = http::parse_url(text);
    REQUIRE(url);
    return url->origin.text() + " " + url->target;
  };
  CHECK(origin("https://registry.example/v2/?a=b#c") == "https://registry.example:443 /v2/?a=b");
  CHECK(origin("HTTP://h:5000") == "http://h:5000 /");
  CHECK(origin("http://[fd00::1]:5000/x") == "http://[fd00::1]:5000 /x");
  CHECK(origin("http://[::1]?q") == "http://[::1]:80 /?q");
  for (const char* bad : {"",
                          "registry.example",
                          "ftp://x",
                          "https://",
                          "https:///x",
                          "https://user:secret@x/",
                          "http://x:0",
                          "http://x:65536",
                          "http://x:port",
                          "http://x:",
                          "http://x:-1",
                          "http://x:80:80",
                          "http://:80/",
                          "http://[]/",
                          "http://[::1",
                          "http://::1/",
                          "http://user@x",
                          "https://:@x/",
                          "http//x",
                          "http://x/a b",
                          "http://x/1 HTTP/1.1\r\nX-Evil: y",
                          "http://x/\t",
                          "http://x\n/",
                          "://x"}) {
    INFO(bad);
    const auto url = http::parse_url(bad);
    REQUIRE_FALSE(url);
    CHECK(url.error().code == ErrorCode::invalid_input);
  }
  CHECK(origin("https://10.7.0.1/a@b?c@d") == "https://10.7.0.1:443 /a@b?c@d");  // no user: "@" is in the path
  CHECK(origin("http://h:65535#f") == "http://h:65535 /");
  CHECK(origin("http://h/a%20b?c=%26") == "http://h:80 /a%20b?c=%26");  // unchanged
}

TEST_CASE("percent encoding keeps what RFC 3986 calls unreserved, and nothing else") {
  CHECK(http::percent_encode("a b/ü~") == "a%20b%2F%C3%BC~");
  CHECK(http::percent_encode("").empty());
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  const auto encoded = http::percent_encode(all);
  CHECK(encoded.size() == 66 + 3 * 190);
  CHECK(encoded.contains("%00%01"));
  CHECK(encoded.contains("-.%2F0123456789%3A"));
  CHECK(encoded.ends_with("%FE%FF"));
}

TEST_CASE("bodies, headers, HEAD and ranges") {
  const auto server = serve([](const http::Request& request) {
    if (request.path == "/stream") return stream_of("0123456789");
    if (request.path == "/none") return http::Response{404, {}, "text/plain", "not here", {}};
    return http::Response{
        200, {{"X-Query", request.query.contains("q") ? request.query.at("q") : ""}}, "text/plain", "hello", {}};
  });
  auto client = client_of(*server);
  for (int again = 0; again < 3; ++again) {
    const auto reply = client.get("/?q=a%20b", {});
    REQUIRE(reply);
    CHECK(reply->status == 200);
    CHECK(reply->text == "hello");
    CHECK(reply->headers.at("x-query") == "a b");
  }
  const auto head = client.head("/stream", {});
  REQUIRE(head);
  CHECK(head->headers.at("content-length") == "10");
  base::MemorySink sink(100);
  const auto part = client.get_to("/stream", {{"Range", "bytes=3-5"}}, sink);
  REQUIRE(part);
  CHECK(part->status == 206);
  CHECK(base::as_text(sink.data()) == "345");
  base::MemorySink untouched(100);
  const auto none = client.get_to("/none", {}, untouched);
  REQUIRE(none);
  CHECK(none->status == 404);
  CHECK(none->text == "not here");
  CHECK(untouched.data().empty());
}

TEST_CASE("only GET and HEAD are answered") {
  const auto server = serve([](const http::Request&) { return http::Response{}; });
  auto client = client_of(*server);
  const auto reply = client.post_form("/", {}, Secret("a=b"));
  REQUIRE(reply);
  CHECK(reply->status == 405);
}

TEST_CASE("what any other method gets can be chosen, and no handler is asked") {
  http::ServerOptions options;
  options.for_other_methods = {405, {{"Allow", "GET, HEAD"}}, "application/json", "{}", {}};
  auto server = Server::start(std::move(options), [](const http::Request&) { return http::Response{}; });
  REQUIRE(server);
  const auto reply = client_of(**server).post_form("/", {}, Secret());
  REQUIRE(reply);
  CHECK(reply->status == 405);
  CHECK(reply->text == "{}");
  CHECK(reply->headers.at("content-type") == "application/json");
}

TEST_CASE("a handler sees only headers that were asked for") {
  http::ServerOptions options;
  options.headers = {"x-wanted"};
  std::map<std::string, std::string> seen;
  auto server = Server::start(std::move(options), [&](const http::Request& request) {
    seen = request.headers;
    return http::Response{};
  });
  REQUIRE(server);
  auto client = client_of(**server);
  REQUIRE(client.get("/", {{"X-Wanted", "1"}, {"Authorization", "Bearer secret"}}));
  CHECK(seen == std::map<std::string, std::string>{{"x-wanted", "1"}});
}

TEST_CASE("what breaks off, is too large, is refused by the sink or by the look at its head is an error") {
  const auto server = serve([](const http::Request& request) {
    return request.path == "/large" ? stream_of(std::string(size_t{5} << 20, 'x'))
                                    : stream_of(std::string(1'000'000, 'x'), 400'000);
  });
  auto client = client_of(*server);
  base::MemorySink sink(size_t{8} << 20);
  const auto broken = client.get_to("/", {}, sink);
  REQUIRE_FALSE(broken);
  CHECK(broken.error().code == ErrorCode::unreachable);
  CHECK(sink.data().size() == 400'000);
  const auto large = client.get("/large", {});
  REQUIRE_FALSE(large);
  CHECK(large.error().code == ErrorCode::limit_exceeded);
  base::FunctionSink full([](ByteView) -> Result<void> { return fail(ErrorCode::no_space, "full"); });
  const auto refused = client.get_to("/large", {}, full);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::no_space);
  const auto unwanted = client.get_to("/large", {}, sink, [](const http::Reply& head) -> Result<void> {
    return fail(ErrorCode::protocol, "status {}", head.status);
  });
  REQUIRE_FALSE(unwanted);
  CHECK(unwanted.error().what == "status 200");
}

TEST_CASE("nobody there, and a port that is taken") {
  uint16_t port = 0;
  {
    const auto server = serve([](const http::Request&) { return http::Response{}; });
    port = server->port();
    http::ServerOptions same;
    same.port = port;
    CHECK_FALSE(Server::start(std::move(same), [](const http::Request&) { return http::Response{}; }));
  }
  Client client(Origin{"http", "127.0.0.1", port}, {});
  const auto none = client.get("/", {});
  REQUIRE_FALSE(none);
  CHECK(none.error().code == ErrorCode::unreachable);
}

TEST_CASE("proxies of the environment, and what goes past them") {
  const Variable https("https_proxy", "http://ann:p%40ss@proxy.example:3128"), plain("HTTP_PROXY", "proxy.example:80"),
      none("no_proxy", "intern.example, .lan,10.0.0.1:5000,");
  const auto proxy = [](const char* scheme, const char* host, uint16_t port = 443) {
    auto found = http::proxy_from_environment({scheme, host, port});
    REQUIRE(found);
    return std::move(*found);
  };
  const auto found = proxy("https", "registry.example");
  REQUIRE(found);
  CHECK(found->origin.text() == "http://proxy.example:3128");
  CHECK(found->user == "ann");
  CHECK(found->password.reveal() == "p@ss");
  CHECK(proxy("http", "registry.example")->origin.port == 80);
  for (const char* host : {"localhost", "127.0.0.1", "::1", "intern.example", "a.intern.example", "x.lan"}) {
    INFO(host);
    CHECK_FALSE(proxy("https", host));
  }
  CHECK(proxy("https", "notintern.example"));
  CHECK_FALSE(proxy("https", "10.0.0.1", 5000));
  CHECK(proxy("https", "10.0.0.1", 5001));
  const Variable bad("https_proxy", "socks5://ann:secret@proxy.example");
  const auto refused = http::proxy_from_environment({"https", "registry.example", 443});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::unsupported);
  CHECK_FALSE(refused.error().text().contains("secret"));
}

TEST_CASE("no_proxy takes networks and addresses of both families; a name lies in no network") {
  const Variable https("https_proxy", "http://proxy.example:3128"),
      none("no_proxy",
           "192.0.2.0/24,198.51.100.128/25, fd00:7::/32,[2001:db8::1],203.0.113.7,10.0.0.0/33,10.1.0.0/,/8,0.0.0.0/x");
  const auto goes_through = [](const char* host) {
    auto found = http::proxy_from_environment({"https", host, 443});
    REQUIRE(found);
    return found->has_value();
  };
  for (const char* host : {"192.0.2.0", "192.0.2.255", "198.51.100.128", "198.51.100.255", "fd00:7::1",
                           "fd00:7:ffff::", "2001:db8::1", "2001:db8:0::1", "203.0.113.7"}) {
    INFO(host);
    CHECK_FALSE(goes_through(host));
  }
  for (const char* host : {"192.0.3.0", "192.0.1.255", "198.51.100.127", "fd00:8::1", "2001:db8::2", "203.0.113.8",
                           "10.0.0.1", "10.1.0.1", "192.0.2.example", "registry.example"}) {
    INFO(host);
    CHECK(goes_through(host));
  }
  const Variable all("no_proxy", "0.0.0.0/0");
  CHECK_FALSE(goes_through("203.0.113.8"));
  CHECK(goes_through("fd00:8::1"));
}

TEST_CASE("a target goes out byte for byte: signed URLs fit no other spelling") {
  const std::string target =
      "/sto%2Fre/x%3Ay?X-Amz-Credential=AKIA%2F20250101%2Fus&sig=a%2Bb%2Fc%3D&se=00%3A00Z&sp=r&empty=&flag&r=content%20x%7Ey+z&&=v&sp=r";
  std::string seen;
  tests::HandServer server([&](tests::Connection& connection) {
    seen = connection.request();
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  });
  auto client = server.client();
  REQUIRE(client.get(target, {}));
  CHECK(seen.substr(0, seen.find("\r\n")) == "GET " + target + " HTTP/1.1");
}

TEST_CASE("redirects lead where RFC 3986 says") {
  const auto from = http::parse_url("https://host.example:5000/a/b/c?q=1");
  REQUIRE(from);
  const auto to = [&](std::string_view location) {
    const auto url = http::resolve_url(*from, location);
    return url ? url->origin.text() + " " + url->target : url.error().text();
  };
  const std::string here = "https://host.example:5000 ";
  CHECK(to("http://x.example/y?z#f") == "http://x.example:80 /y?z");
  CHECK(to("HTTPS://x.example") == "https://x.example:443 /");
  CHECK(to("//x.example/y%2Fz?sig=a%2Bb") == "https://x.example:443 /y%2Fz?sig=a%2Bb");
  CHECK(to("/x/../y") == here + "/x/../y");  // absolute: as it is written
  CHECK(to("x") == here + "/a/b/x");
  CHECK(to("./x?y=http://z") == here + "/a/b/x?y=http://z");
  CHECK(to("../x") == here + "/a/x");
  CHECK(to("../../x/./y/") == here + "/x/y/");
  CHECK(to("../../../../x") == here + "/x");
  CHECK(to("..") == here + "/a/");
  CHECK(to("?r=2") == here + "/a/b/c?r=2");
  CHECK(to("") == here + "/a/b/c?q=1");
  CHECK(to("x y\xc3\xbc\r\nz") == here + "/a/b/x%20y%C3%BC%0D%0Az");
  for (const char* bad : {"ftp://x/y", "javascript:1", "//", "https:x", "//user:secret@x/"}) {
    INFO(bad);
    CHECK_FALSE(http::resolve_url(*from, bad));
  }
}

TEST_CASE("values of headers are taken as they were sent") {
  const std::string value = "<https://h/x?a=%2Fb%0D%0AX: y+%zz%>; c=\"d%20e\"";
  tests::HandServer server([&](tests::Connection& connection) {
    connection.request();
    connection.send("HTTP/1.1 200 OK\r\nLink: " + value + "\r\nContent-Length: 0\r\n\r\n");
  });
  const auto reply = server.client().get("/", {});
  REQUIRE(reply);
  CHECK(reply->headers.at("link") == value);
}
