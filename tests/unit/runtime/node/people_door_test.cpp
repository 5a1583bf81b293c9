// SPDX-License-Identifier: Apache-2.0
//
// The door for people, as it is open beside the others: with logins, paths that begin with a registry, and lists.
#include "runtime/node/people_door.h"

#include <catch2/catch_test_macros.hpp>

#include "payload/base/file.h"
#include "payload/base/text.h"
#include "payload/http/client.h"
#include "payload/json/value.h"
#include "payload/trust/x509.h"
#include "runtime/node/mirror.h"
#include "tests/support/recorded_payloads.h"
#include "tests/support/tiny_payload.h"

using namespace sealift;
using tests::TemporaryFolder;
using tests::TinyPayload;

namespace {

std::string basic(const std::string& login) { return "Basic " + base::to_base64(base::as_bytes(login)); }

void set_users(const std::string& path, const std::string& user, const std::string& password) {
  trust::PasswordHash one{user, base::to_bytes(user), 3, {}};
  one.hash = *trust::pbkdf2(Secret(password), one.salt, one.rounds);
  REQUIRE(base::write_file_atomic(path, base::as_bytes(trust::to_users_file({one})), 0600));
}

struct Site {
  TemporaryFolder folder;
  TinyPayload tiny;
  node::MirrorConfig config = tests::with_certificates(folder);
  std::unique_ptr<node::Mirror> mirror;

  explicit Site(const std::string& first_registry = "docker.io") : tiny(folder, first_registry) {
    tiny.store(folder / "stored.payload");
    config.peer_address = "127.0.0.1";
    config.artifacts = tests::record_payloads(folder.path(), {folder / "stored.payload"});
    config.people = {"127.0.0.1", 0, folder / "people.pem", folder / "users"};
    set_users(folder / "users", "alice", "right");
    certificate("registry.plant7.lan");
  }
  // For the door, of the same authority.
  void certificate(const std::string& name, const std::string& address = "127.0.0.1") const {
    const auto key = trust::generate_key();
    REQUIRE(key);
    const auto pki = config.ca.substr(0, config.ca.rfind('/'));
    const auto now = base::system_clock().now();
    const auto issued =
        trust::issue(key->public_pem, trust::Usage::server, {name, {name}, {address}},
                     *base::read_text_file(config.ca, 65536), Secret(*base::read_text_file(pki + "/ca.key", 65536)),
                     {now - std::chrono::hours(1), now + std::chrono::hours(1)});
    REQUIRE(issued);
    REQUIRE(node::write_pair(folder / "people.pem", {*issued, key->private_pem}));
  }
  void open() {
    auto started = node::Mirror::start(config, base::system_clock());
    if (!started) FAIL(started.error().text());
    mirror = std::move(*started);
  }
  http::Client client() const {
    http::ClientOptions options;
    options.authority = *base::read_text_file(config.ca, 65536);
    return {{"https", "127.0.0.1", mirror->people_port()}, std::move(options)};
  }
  http::Reply get(const std::string& target, const std::string& login = "alice:right") const {
    std::map<std::string, std::string> headers;
    if (!login.empty()) headers["Authorization"] = basic(login);
    auto reply = client().get(target, headers);
    if (!reply) FAIL(reply.error().text());
    return *reply;
  }
};

}  // namespace

TEST_CASE("without a login the people's door tells nothing, and says how to log in") {
  Site site;
  site.open();
  const auto welcome = site.get("/v2/");
  CHECK(welcome.status == 200);
  CHECK(welcome.headers.at("docker-distribution-api-version") == "registry/2.0");
  for (const std::string target : {"/v2/", "/v2", "/v2/_catalog", "/v2/docker.io/library/hello/manifests/1.0", "/"}) {
    for (const std::string login : {"", "alice:wrong", "bob:right"}) {
      INFO(target << " " << login);
      const auto refused = site.get(target, login);
      CHECK(refused.status == 401);
      CHECK(refused.headers.at("www-authenticate").starts_with("Basic realm="));
      CHECK(refused.text.contains("UNAUTHORIZED"));
      CHECK_FALSE(refused.text.contains("docker.io"));
    }
  }
}

TEST_CASE("the first part of a name is the registry: each one's own image, by tag and by digest") {
  Site site;
  site.open();
  const auto docker = site.get("/v2/docker.io/library/hello/manifests/1.0");
  CHECK(docker.status == 200);
  CHECK(docker.headers.at("docker-content-digest") == site.tiny.docker_manifest.text());
  CHECK(hash::sha256(base::as_bytes(docker.text)) == site.tiny.docker_manifest);
  CHECK(site.get("/v2/quay.io/library/hello/manifests/" + site.tiny.quay_manifest.text()).status == 200);
  CHECK(site.get("/v2/docker.io/library/hello/manifests/" + site.tiny.quay_manifest.text()).status == 404);
  const auto blob = site.get("/v2/docker.io/library/hello/blobs/" + site.tiny.layer.text());
  CHECK(hash::sha256(base::as_bytes(blob.text)) == site.tiny.layer);
  CHECK(site.get("/v2/docker.io/library/hello/referrers/" + site.tiny.docker_manifest.text()).status == 200);
  for (const std::string target : {"/v2/hello/manifests/1.0", "/v2/docker.io", "/v2/docker.io/",
                                   "/v2/docker.io/library/hello", "/v2//library/hello/manifests/1.0", "/v3/"}) {
    INFO(target);
    CHECK(site.get(target).status == 404);
  }
  // What containerd says to its mirror means nothing here.
  CHECK(site.get("/v2/library/hello/manifests/1.0?ns=docker.io").status == 404);
}

TEST_CASE("a registry with a port is written with an underscore, which no other registry can have") {
  Site site("harbor.example:5000");
  site.open();
  CHECK(site.get("/v2/harbor.example_5000/library/hello/manifests/1.0").headers.at("docker-content-digest") ==
        site.tiny.docker_manifest.text());
  CHECK(site.get("/v2/harbor.example_5001/library/hello/manifests/1.0").status == 404);
  CHECK(site.get("/v2/harbor.example_5000/library/hello/tags/list").text ==
        R"({"name":"harbor.example_5000/library/hello","tags":["1.0"]})");
}

TEST_CASE("the catalog and tags, as long as the caller wants them") {
  Site site;
  site.open();
  CHECK(site.get("/v2/_catalog").text == R"({"repositories":["docker.io/library/hello","quay.io/library/hello"]})");
  const auto first = site.get("/v2/_catalog?n=1");
  CHECK(first.text == R"({"repositories":["docker.io/library/hello"]})");
  CHECK(first.headers.at("link") == R"(</v2/_catalog?last=docker.io%2Flibrary%2Fhello&n=1>; rel="next")");
  const auto second = site.get("/v2/_catalog?last=docker.io%2Flibrary%2Fhello&n=1");
  CHECK(second.text == R"({"repositories":["quay.io/library/hello"]})");
  CHECK_FALSE(second.headers.contains("link"));
  const auto none = site.get("/v2/_catalog?n=0");
  CHECK(none.text == R"({"repositories":[]})");
  CHECK_FALSE(none.headers.contains("link"));
  CHECK(site.get("/v2/_catalog?n=99999999999999999999").status == 400);
  CHECK(site.get("/v2/_catalog?n=-1").status == 400);
  CHECK(site.get("/v2/quay.io/library/hello/tags/list").text == R"({"name":"quay.io/library/hello","tags":["1.0"]})");
  CHECK(site.get("/v2/quay.io/library/hello/tags/list?last=1.0").text.contains("\"tags\":[]"));
  const auto unknown = site.get("/v2/quay.io/library/other/tags/list");
  CHECK(unknown.status == 404);
  CHECK(unknown.text.contains("NAME_UNKNOWN"));
}

TEST_CASE("the people's door is read-only") {
  Site site;
  site.open();
  const auto refused = site.client().post_form("/v2/docker.io/library/hello/blobs/uploads/",
                                               {{"Authorization", basic("alice:right")}}, Secret());
  REQUIRE(refused);
  CHECK(refused->status == 405);
  CHECK(refused->text.contains("UNSUPPORTED"));
  CHECK(refused->text.contains("read-only"));
}

TEST_CASE("other doors ask for no login") {
  Site site;
  site.open();
  http::ClientOptions options;
  options.authority = *base::read_text_file(site.config.ca, 65536);
  http::Client containerd({"https", "127.0.0.1", site.mirror->local_port()}, options);
  const auto reply = containerd.get("/v2/library/hello/manifests/1.0?ns=quay.io", {});
  REQUIRE(reply);
  CHECK(reply->status == 200);
}

TEST_CASE("new users and another certificate are taken over while the door is open; what is damaged is not") {
  Site site;
  site.open();
  CHECK(site.get("/v2/").status == 200);
  set_users(site.folder / "users", "carol", "other");
  REQUIRE(site.mirror->reload_people());
  CHECK(site.get("/v2/").status == 401);
  CHECK(site.get("/v2/", "carol:other").status == 200);
  site.certificate("registry.plant7.lan", "127.0.0.9");
  REQUIRE(site.mirror->reload_people());
  CHECK_FALSE(site.client().get("/v2/", {}));  // for another address
  site.certificate("registry.plant7.lan");
  REQUIRE(site.mirror->reload_people());
  REQUIRE(base::write_file_atomic(site.folder / "people.pem", base::as_bytes("damaged"), 0600));
  CHECK_FALSE(site.mirror->reload_people());
  CHECK(site.get("/v2/", "carol:other").status == 200);
}

TEST_CASE("a door that can't open keeps no node from its images, and opens once it can") {
  Site site;
  REQUIRE(base::write_file_atomic(site.folder / "people.pem", base::as_bytes("damaged"), 0600));
  site.open();
  CHECK(site.mirror->people_port() == 0);
  CHECK(site.mirror->local_port() != 0);
  CHECK_FALSE(site.mirror->reload_people());
  site.certificate("registry.plant7.lan");
  REQUIRE(site.mirror->reload_people());
  CHECK(site.get("/v2/").status == 200);
  // No other host has one.
  auto worker = site.config;
  worker.artifacts.clear();
  const auto elsewhere = node::Mirror::start(worker, base::system_clock());
  REQUIRE(elsewhere);
  CHECK((*elsewhere)->people_port() == 0);
}
