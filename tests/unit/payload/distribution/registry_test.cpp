// SPDX-License-Identifier: Apache-2.0
#include "payload/distribution/registry.h"
#include "payload/base/format.h"

#include <catch2/catch_test_macros.hpp>

#include "payload/trust/x509.h"
#include "tests/support/environment.h"
#include "tests/support/fake_clock.h"
#include "tests/support/hand_server.h"
#include "tests/support/registry_server.h"

using namespace sealift;
using distribution::EndpointOptions;
using distribution::Logins;
using distribution::Registry;
using tests::FakeClock;
using tests::HandServer;
using tests::RegistryServer;

namespace {

constexpr auto* kManifest = R"({"schemaVersion":2})";

struct Reader {
  FakeClock clock;
  Logins logins;
  std::unique_ptr<Registry> registry;

  explicit Reader(const std::string& name, const EndpointOptions& options = {},
                  const std::vector<std::string>& login_files = {}) {
    auto read = Logins::read(login_files);
    REQUIRE(read);
    logins = std::move(*read);
    auto opened = Registry::open(name, options, logins, clock);
    if (!opened) FAIL(opened.error().text());
    registry = std::move(*opened);
  }
  Result<std::string> blob(const Digest& digest, uint64_t size, const CancelToken& cancel = {}) {
    base::MemorySink sink(size_t{64} << 20);
    SEALIFT_TRY(registry->blob("team/app", digest, size, 0, sink, cancel));
    return std::string(base::as_text(sink.data()));
  }
};

std::string long_text(size_t size) {
  std::string out;
  for (size_t i = 0; out.size() < size; ++i) out += std::to_string(i * 7919);
  out.resize(size);
  return out;
}

}  // namespace

TEST_CASE("a manifest by tag and by digest, with its exact bytes and type") {
  RegistryServer server;
  const std::string text = "{ \"schemaVersion\": 2 }\n";
  const Digest digest = server.add_manifest("1.0", text, image::kDockerManifest);
  Reader reader(server.name());
  const auto by_tag = reader.registry->manifest("team/app", "1.0", {});
  REQUIRE(by_tag);
  CHECK(base::as_text(by_tag->bytes) == text);
  CHECK(by_tag->media_type == image::kDockerManifest);
  CHECK(by_tag->digest == digest);
  const auto by_digest = reader.registry->manifest("team/app", digest, {});
  REQUIRE(by_digest);
  CHECK(by_digest->bytes == by_tag->bytes);
  const auto accept = server.asked().front().accept;
  for (const auto type : {image::kOciIndex, image::kDockerList, image::kOciManifest, image::kDockerManifest})
    CHECK(accept.contains(type));
}

TEST_CASE("what the registry does not have is not_found with its own words") {
  RegistryServer server;
  Reader reader(server.name());
  const auto none = reader.registry->manifest("team/app", "9.9", {});
  REQUIRE_FALSE(none);
  CHECK(none.error().code == ErrorCode::not_found);
  CHECK(none.error().what.contains("team/app:9.9"));
  CHECK(none.error().what.contains("manifest unknown"));
  CHECK(server.asked().size() == 1);
}

TEST_CASE("a manifest with other bytes than its digest says is refused") {
  RegistryServer server;
  const Digest digest = server.add_manifest("1.0", kManifest, image::kOciManifest);
  server.manifests[digest.text()].first = R"({"schemaVersion":3})";
  Reader reader(server.name());
  const auto wrong = reader.registry->manifest("team/app", digest, {});
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().code == ErrorCode::corrupt);
}

TEST_CASE("a blob arrives whole; other bytes, more and fewer bytes are refused") {
  RegistryServer server;
  const std::string text = long_text(300'000);
  const Digest digest = server.add_blob(text);
  Reader reader(server.name());
  auto whole = reader.blob(digest, text.size());
  REQUIRE(whole);
  CHECK(*whole == text);
  auto more = reader.blob(digest, text.size() - 1);
  REQUIRE_FALSE(more);
  CHECK(more.error().code == ErrorCode::corrupt);
  auto fewer = reader.blob(digest, text.size() + 1);
  REQUIRE_FALSE(fewer);
  CHECK((fewer.error().code == ErrorCode::corrupt || fewer.error().code == ErrorCode::protocol));
  server.blobs[digest.text()][5] ^= 1;
  auto other = reader.blob(digest, text.size());
  REQUIRE_FALSE(other);
  CHECK(other.error().code == ErrorCode::corrupt);
  const Digest empty = server.add_blob("");
  CHECK(reader.blob(empty, 0));
}

TEST_CASE("a blob that breaks off goes on where it broke off") {
  RegistryServer server;
  const std::string text = long_text(400'000);
  const Digest digest = server.add_blob(text);
  Reader reader(server.name());
  server.habits.cuts = 2;
  auto resumed = reader.blob(digest, text.size());
  if (!resumed) FAIL(resumed.error().text());
  CHECK(*resumed == text);
  const auto asked = server.asked();
  REQUIRE(asked.size() == 3);
  CHECK(asked[0].range.empty());
  CHECK(asked[1].range.starts_with("bytes="));
  CHECK(asked[1].range != "bytes=0-");
}

namespace {

// Sends the first half of a blob and closes; `next` answers each further request, given the offset it asks for.
Result<std::string> resumed(const std::string& text, const std::function<std::string(size_t from)>& next,
                            std::vector<std::string>* asked = nullptr) {
  int requests = 0;
  HandServer server([&](tests::Connection& connection) {
    const auto request = connection.request();
    if (request.empty()) return;
    if (asked != nullptr) asked->push_back(request);
    if (requests++ == 0) {
      connection.send(base::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", text.size(),
                                   text.substr(0, text.size() / 2)));
      return;
    }
    const size_t at = request.find("Range: bytes=");
    connection.send(next(at == std::string::npos ? 0 : std::stoul(request.substr(at + 13))));
  });
  Reader reader(base::format("127.0.0.1:{}", server.port()));
  return reader.blob(hash::sha256(base::as_bytes(text)), text.size());
}

std::string part(std::string_view text, size_t from, const std::string& range) {
  const auto rest = text.substr(from);
  return base::format("HTTP/1.1 206 Partial Content\r\n{}Content-Length: {}\r\n\r\n{}",
                      range.empty() ? "" : base::format("Content-Range: {}\r\n", range), rest.size(), rest);
}

}  // namespace

TEST_CASE(
    "a registry that knows no ranges sends a broken blob again from its beginning; what came before is not counted twice") {
  const std::string text = long_text(300'000);
  std::vector<std::string> asked;
  const auto blob = resumed(
      text, [&](size_t) { return base::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", text.size(), text); },
      &asked);
  if (!blob) FAIL(blob.error().text());
  CHECK(*blob == text);
  REQUIRE(asked.size() == 2);
  CHECK(asked[1].contains("Range: bytes=150000-"));
}

TEST_CASE("a part that is not the one asked for is refused, whatever its bytes") {
  const std::string text = long_text(300'000);
  const auto right = resumed(text, [&](size_t from) {
    return part(text, from, base::format("bytes {}-{}/{}", from, text.size() - 1, text.size()));
  });
  if (!right) FAIL(right.error().text());
  CHECK(*right == text);
  for (const std::string range : {"", "bytes 0-149999/300000", "bytes 149999-299999/300000",
                                  "bytes 15000-299999/300000", "bytes 1500000-2999999/3000000", "150000-299999"}) {
    INFO(range);
    const auto refused = resumed(text, [&](size_t from) { return part(text, from, range); });
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::protocol);
    CHECK(refused.error().text().contains("another range"));
  }
}

TEST_CASE("a registry that has changed the blob in between gives no mixture") {
  const std::string text = long_text(300'000);
  const std::string other(text.rbegin(), text.rend());
  const auto mixed = resumed(text, [&](size_t from) {
    return part(other, from, base::format("bytes {}-{}/{}", from, text.size() - 1, text.size()));
  });
  REQUIRE_FALSE(mixed);
  CHECK(mixed.error().code == ErrorCode::corrupt);
}

TEST_CASE("503 is repeated with pauses, and not for ever") {
  RegistryServer server;
  server.add_manifest("1.0", kManifest, image::kOciManifest);
  server.habits.failures = 3;
  Reader reader(server.name());
  CHECK(reader.registry->manifest("team/app", "1.0", {}));
  CHECK(reader.clock.monotonic() == Duration{1'000 + 2'000 + 4'000});
  server.habits.failures = 100;
  const auto busy = reader.registry->manifest("team/app", "1.0", {});
  REQUIRE_FALSE(busy);
  CHECK(busy.error().code == ErrorCode::unreachable);
  CHECK(server.asked().size() == 4 + 5);
}

TEST_CASE("Retry-After is followed up to a bound") {
  RegistryServer server;
  server.add_manifest("1.0", kManifest, image::kOciManifest);
  server.habits.failures = 1;
  server.habits.retry_after = "7";
  Reader reader(server.name());
  CHECK(reader.registry->manifest("team/app", "1.0", {}));
  CHECK(reader.clock.monotonic() == Duration{7'000});
  server.habits.failures = 1;
  server.habits.retry_after = "99999999";
  CHECK(reader.registry->manifest("team/app", "1.0", {}));
  CHECK(reader.clock.monotonic() == Duration{7'000 + 30'000});
}

TEST_CASE("nobody there is unreachable, after some attempts") {
  std::string name;
  {
    RegistryServer gone;
    name = gone.name();
  }
  Reader reader(name);
  const auto none = reader.registry->manifest("team/app", "1.0", {});
  REQUIRE_FALSE(none);
  CHECK(none.error().code == ErrorCode::unreachable);
  CHECK(reader.clock.monotonic() >= Duration{15'000});
}

TEST_CASE("cancelling ends the attempts") {
  RegistryServer server;
  server.habits.failures = 1000;
  Reader reader(server.name());
  CancelSource cancel;
  cancel.cancel();
  const auto stopped = reader.registry->manifest("team/app", "1.0", cancel.token());
  REQUIRE_FALSE(stopped);
  CHECK(stopped.error().code == ErrorCode::cancelled);
  CHECK(server.asked().empty());
}

TEST_CASE("blobs that lie on another host are fetched there, without the token") {
  RegistryServer store, server;
  const std::string text = long_text(5'000);
  const Digest digest = store.add_blob(text);
  server.habits.blobs_elsewhere = store.origin();
  server.habits.authorization = "Bearer t0ken";
  server.habits.challenge = R"(Bearer realm="%/token",service="test")";
  server.habits.token = "t0ken";
  Reader reader(server.name());
  auto blob = reader.blob(digest, text.size());
  if (!blob) FAIL(blob.error().text());
  CHECK(*blob == text);
  REQUIRE(store.asked().size() == 1);
  CHECK(store.asked()[0].authorization.empty());
}

TEST_CASE("a redirect without end is an error") {
  RegistryServer server;
  const Digest digest = server.add_blob("text");
  server.habits.blobs_elsewhere = server.origin();
  Reader reader(server.name());
  auto blob = reader.blob(digest, 4);
  REQUIRE_FALSE(blob);
  CHECK(blob.error().code == ErrorCode::protocol);
  CHECK(server.asked().size() < 20);
}

TEST_CASE("a mirror is asked in place of the registry, under its own path") {
  RegistryServer server;
  server.repository = "hub/team/app";
  server.add_manifest("1.0", kManifest, image::kOciManifest);
  EndpointOptions options;
  options.mirrors["docker.io"] = *http::parse_url(server.origin() + "/hub/");
  Reader reader("docker.io", options);
  const auto manifest = reader.registry->manifest("team/app", "1.0", {});
  if (!manifest) FAIL(manifest.error().text());
  CHECK(server.asked()[0].path == "/v2/hub/team/app/manifests/1.0");
}

TEST_CASE("endpoints: TLS but for loopback and what is named; the one name that is not a host") {
  const auto origin = [](const std::string& registry, const EndpointOptions& options = {}) {
    auto endpoint = distribution::endpoint_of(registry, options);
    REQUIRE(endpoint);
    return endpoint->origin.text();
  };
  CHECK(origin("quay.io") == "https://quay.io:443");
  CHECK(origin("registry.example:5000") == "https://registry.example:5000");
  CHECK(origin("localhost:5000") == "http://localhost:5000");
  CHECK(origin("127.0.0.1:5000") == "http://127.0.0.1:5000");
  CHECK(origin("registry.example:5000", {{"registry.example:5000"}, {}}) == "http://registry.example:5000");
  CHECK(origin("docker.io") == "https://registry-1.docker.io:443");
}

TEST_CASE("a server whose certificate nobody vouches for is untrusted") {
  const auto key = trust::generate_key();
  REQUIRE(key);
  const auto now = base::system_clock().now();
  const auto certificate =
      trust::make_authority(key->private_pem, "a stranger", {now - std::chrono::hours(1), now + std::chrono::hours(1)});
  REQUIRE(certificate);
  RegistryServer server(http::TlsIdentity{"", *certificate, key->private_pem});
  EndpointOptions options;
  options.mirrors["registry.example"] = *http::parse_url("https://" + server.name());
  Reader reader("registry.example", options);
  const auto refused = reader.registry->manifest("team/app", "1.0", {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::untrusted);
  CHECK(server.asked().empty());
}

TEST_CASE("behind a proxy all requests go through it, with its login; the registry's tokens are asked for there too") {
  std::vector<std::string> asked;
  HandServer proxy([&](tests::Connection& connection) {
    // One request per connection: the client opens a second one for the token while it keeps the first.
    const auto request = connection.request();
    asked.push_back(request);
    if (request.contains("/token?"))
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"token\":\"abc\"}");
    else if (!request.contains("Authorization: Bearer abc"))
      connection.send(
          "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nWWW-Authenticate: Bearer realm=\"http://tokens.example/token\"\r\n\r\n");
    else
      connection.send(base::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}",
                                   std::string_view(kManifest).size(), kManifest));
  });
  const tests::Variable variable("http_proxy", base::format("http://ann:s3cret@127.0.0.1:{}", proxy.port())),
      none("no_proxy", "intern.example");
  Reader reader("registry.example:5000", {{"registry.example:5000"}, {}});
  const auto manifest = reader.registry->manifest("team/app", "1.0", {});
  if (!manifest) FAIL(manifest.error().text());
  REQUIRE(asked.size() == 3);
  CHECK(asked[0].starts_with("GET http://registry.example:5000/v2/team/app/manifests/1.0 HTTP/1.1\r\n"));
  CHECK(asked[1].starts_with("GET http://tokens.example/token?"));
  for (const auto& request : asked)
    CHECK(request.contains("Proxy-Authorization: Basic " + base::to_base64(base::as_bytes("ann:s3cret"))));
  const auto before = asked.size();
  Reader direct("intern.example:5000", {{"intern.example:5000"}, {}});
  CHECK_FALSE(direct.registry->manifest("team/app", "1.0", {}));
  CHECK(asked.size() == before);
}

TEST_CASE("what goes wrong behind a proxy names it: the answer may be its own") {
  HandServer proxy([](tests::Connection& connection) {
    if (!connection.request().empty())
      connection.send("HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
  });
  const std::string address = base::format("http://127.0.0.1:{}", proxy.port());
  const tests::Variable variable("http_proxy", address), none("no_proxy", "");
  Reader reader("registry.example:5000", {{"registry.example:5000"}, {}});
  const auto refused = reader.registry->manifest("team/app", "1.0", {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().text().contains("registry.example:5000 (through the proxy " + address + ") answers 503"));
}

TEST_CASE("TLS through a proxy is a tunnel; one that gives none is named by the registry that was not reached") {
  std::vector<std::string> asked;
  HandServer proxy([&](tests::Connection& connection) {
    asked.push_back(connection.request());
    connection.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
  });
  const tests::Variable variable("https_proxy", base::format("127.0.0.1:{}", proxy.port())), none("no_proxy", "");
  Reader reader("registry.example");
  const auto refused = reader.registry->manifest("team/app", "1.0", {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().text().contains("registry.example"));
  REQUIRE_FALSE(asked.empty());
  CHECK(asked[0].starts_with("CONNECT registry.example:443 "));
}

TEST_CASE("a place that is known exactly: below its path, with sizes of blobs, and where it redirects to") {
  RegistryServer server, store;
  const std::string text = long_text(100'000);
  server.repository = store.repository = "plant7/app";
  const Digest digest = server.add_blob(text), other = store.add_blob(text);
  REQUIRE(digest == other);
  server.habits.blobs_elsewhere = store.origin();
  server.add_manifest("1.0", kManifest, image::kOciManifest);
  FakeClock clock;
  distribution::Endpoint endpoint;
  endpoint.registry = "harbor.example";
  endpoint.origin = http::parse_url(server.origin())->origin;
  endpoint.repository_prefix = "plant7/";
  const Logins logins;
  const auto registry = Registry::at(std::move(endpoint), logins, clock);
  CHECK(registry->manifest("app", "1.0", {}));
  CHECK(registry->blob_size("app", digest, {}) == text.size());
  base::MemorySink sink(size_t{1} << 20);
  CHECK(registry->blob("app", digest, text.size(), 0, sink, {}));
  CHECK(base::as_text(sink.data()) == text);
  const auto absent = registry->blob_size("app", hash::sha256({}), {});
  REQUIRE_FALSE(absent);
  CHECK(absent.error().code == ErrorCode::not_found);
}
