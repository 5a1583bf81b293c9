// SPDX-License-Identifier: Apache-2.0
#include "payload/distribution/registry.h"

#include <catch2/catch_test_macros.hpp>

#include "payload/trust/x509.h"
#include "tests/support/fake_clock.h"
#include "tests/support/registry_server.h"

using namespace sealift;
using distribution::EndpointOptions;
using distribution::Logins;
using distribution::Registry;
using tests::FakeClock;
using tests::RegistryServer;

namespace {

constexpr auto* kManifest = R"({"schemaVersion":2})";

struct Reader {
  FakeClock clock;
  Logins logins;
  std::unique_ptr<Registry> registry;

  explicit Reader(const std::string& name, const EndpointOptions& options = {}, const std::vector<std::string>& login_files = {}) {
    auto read = Logins::read(login_files);
    REQUIRE(read);
    logins = std::move(*read);
    auto opened = Registry::open(name, options, logins, clock);
    if (!opened) FAIL(opened.error().text());
    registry = std::move(*opened);
  }
  Result<std::string> blob(const Digest& digest, uint64_t size, const CancelToken& cancel = {}) {
    base::MemorySink sink(size_t{64} << 20);
    SEALIFT_TRY(registry->blob("team/app", digest, size, sink, cancel));
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
  for (const auto type : {image::kOciIndex, image::kDockerList, image::kOciManifest, image::kDockerManifest}) CHECK(accept.contains(type));
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
  CHECK(origin("docker.io").ends_with(".docker.io:443"));
}

TEST_CASE("a server whose certificate nobody vouches for is untrusted") {
  const auto key = trust::generate_key();
  REQUIRE(key);
  const auto now = base::system_clock().now();
  const auto certificate = trust::make_authority(key->private_pem, "a stranger", {now - std::chrono::hours(1), now + std::chrono::hours(1)});
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
