// SPDX-License-Identifier: Apache-2.0
// What may be sent where: logins, tokens and client certificates stay with the registry, and TLS is never given up.
#include <catch2/catch_test_macros.hpp>

#include "payload/base/format.h"
#include "payload/distribution/registry.h"
#include "tests/support/authority.h"
#include "tests/support/environment.h"
#include "tests/support/fake_clock.h"
#include "tests/support/registry_server.h"
#include "tests/support/temporary_folder.h"

using namespace sealift;
using distribution::Logins;
using tests::Authority;
using tests::kLoopback;
using tests::RegistryServer;

namespace {

constexpr auto* kManifest = R"({"schemaVersion":2})";

// A home with logins and certs.d; reads from registries with them.
class Site {
 public:
  // Trusts this authority for the registry's certificates.
  void trust(const RegistryServer& server, const Authority& authority) const {
    write("certs.d/" + server.name() + "/ca.crt", authority.certificate);
  }
  void show_certificate(const RegistryServer& server, const http::TlsIdentity& identity) const {
    write("certs.d/" + server.name() + "/client.cert", identity.certificate);
    write("certs.d/" + server.name() + "/client.key", std::string(identity.key.reveal()));
  }
  void log_in(const RegistryServer& server) {
    write("auth.json", base::format(R"({{"auths":{{"{}":{{"auth":"{}"}}}}}})", server.name(),
                                    base::to_base64(base::as_bytes("ann:s3cret"))));
    login_files_ = {folder_ / ".config/containers/auth.json"};
  }
  Result<distribution::RemoteManifest> manifest(const RegistryServer& server) {
    SEALIFT_ASSIGN(const auto registry, open(server));
    return registry->manifest("team/app", "1.0", {});
  }
  Result<std::string> blob(const RegistryServer& server, const Digest& digest, uint64_t size) {
    SEALIFT_ASSIGN(const auto registry, open(server));
    base::MemorySink sink(size_t{1} << 20);
    SEALIFT_TRY(registry->blob("team/app", digest, size, 0, sink, {}));
    return std::string(base::as_text(sink.data()));
  }

 private:
  void write(const std::string& path, const std::string& text) const {
    const std::string whole = folder_ / ".config/containers/" + path;
    std::filesystem::create_directories(std::filesystem::path(whole).parent_path());
    REQUIRE(base::write_file_atomic(whole, base::as_bytes(text), 0600));
  }
  Result<std::unique_ptr<distribution::Registry>> open(const RegistryServer& server) {
    SEALIFT_ASSIGN(logins_, Logins::read(login_files_));
    return distribution::Registry::open(server.name(), {}, logins_, clock_);
  }
  tests::TemporaryFolder folder_;
  tests::Variable home_{"HOME", folder_.path()};
  std::vector<std::string> login_files_;
  Logins logins_;
  tests::FakeClock clock_;
};

template <class T>
ErrorCode code_of(const Result<T>& result) {
  REQUIRE_FALSE(result);
  INFO(result.error().text());
  return result.error().code;
}

http::TlsIdentity server_identity(const Authority& authority, const std::string& clients = "") {
  return authority.identity(kLoopback, clients);
}

}  // namespace

TEST_CASE(
    "a registry with TLS is believed by its folder in certs.d, and redirects to another host with TLS are followed") {
  const Authority authority;
  RegistryServer store(server_identity(authority)), server(server_identity(authority));
  Site site;
  site.trust(server, authority);
  server.add_manifest("1.0", kManifest, image::kOciManifest);
  const Digest digest = store.add_blob("some bytes");
  server.habits.blobs_elsewhere = store.origin();
  const auto manifest = site.manifest(server);
  if (!manifest) FAIL(manifest.error().text());
  const auto blob = site.blob(server, digest, 10);
  if (!blob) FAIL(blob.error().text());
  CHECK(*blob == "some bytes");
}

TEST_CASE("a redirect from TLS to none is refused, and nobody is asked there") {
  const Authority authority;
  RegistryServer store, server(server_identity(authority));
  Site site;
  site.trust(server, authority);
  server.habits.blobs_elsewhere = store.origin();
  const auto refused = site.blob(server, store.add_blob("some bytes"), 10);
  CHECK(code_of(refused) == ErrorCode::untrusted);
  CHECK(refused.error().text().contains(store.origin()));
  CHECK(store.asked().empty());
}

TEST_CASE("a registry with TLS can't send for its tokens to a host without: nothing goes there") {
  const Authority authority;
  RegistryServer tokens, server(server_identity(authority));
  tokens.habits.token = "abc";
  server.habits.authorization = "Bearer abc";
  server.habits.challenge = base::format(R"(Bearer realm="{}/token")", tokens.origin());
  Site site;
  site.trust(server, authority);
  site.log_in(server);
  const auto refused = site.manifest(server);
  CHECK(code_of(refused) == ErrorCode::untrusted);
  CHECK(refused.error().text().contains(tokens.origin()));
  CHECK(tokens.asked().empty());
  // one with TLS is fine
  RegistryServer trusted(server_identity(authority));
  trusted.habits.token = "abc";
  server.habits.challenge = base::format(R"(Bearer realm="{}/token")", trusted.origin());
  server.add_manifest("1.0", kManifest, image::kOciManifest);
  const auto read = site.manifest(server);
  if (!read) FAIL(read.error().text());
  CHECK(trusted.asked_for("/token") == 1);
}

TEST_CASE("a login is not given to the host that a redirect leads to, nor to its token service") {
  RegistryServer store, server;
  const Digest digest = store.add_blob("some bytes");
  server.habits.blobs_elsewhere = store.origin();
  Site site;
  site.log_in(server);
  store.habits.authorization = "Basic " + base::to_base64(base::as_bytes("ann:s3cret"));
  store.habits.challenge = R"(Basic realm="store")";
  CHECK(code_of(site.blob(server, digest, 10)) == ErrorCode::auth_failed);
  store.habits.authorization = "Bearer abc";
  store.habits.challenge = R"(Bearer realm="%/token")";
  store.habits.token = "abc";
  const auto anonymous = site.blob(server, digest, 10);
  if (!anonymous) FAIL(anonymous.error().text());
  CHECK(store.asked_for("/token") == 1);
  size_t with_token = 0;
  for (const auto& asked : store.asked()) {
    CHECK_FALSE(asked.authorization.starts_with("Basic"));
    with_token += asked.authorization == "Bearer abc" ? 1 : 0;
  }
  CHECK(with_token == 1);
}

TEST_CASE("a client certificate is shown to its registry and to no other host") {
  const Authority authority;
  RegistryServer store(server_identity(authority, authority.certificate)),
      server(server_identity(authority, authority.certificate));
  const auto client = authority.identity({"client", {}, {}}, authority.certificate);
  const Digest digest = store.add_blob("some bytes");
  server.add_manifest("1.0", kManifest, image::kOciManifest);
  server.habits.blobs_elsewhere = store.origin();
  Site site;
  site.trust(server, authority);
  CHECK_FALSE(site.manifest(server));  // rejected without the certificate
  site.show_certificate(server, client);
  const auto shown = site.manifest(server);
  if (!shown) FAIL(shown.error().text());
  CHECK_FALSE(site.blob(server, digest, 10));
  CHECK(store.asked().empty());
  // only the certificate was missing
  site.trust(store, authority);
  site.show_certificate(store, client);
  const auto blob = site.blob(store, digest, 10);
  if (!blob) FAIL(blob.error().text());
}
