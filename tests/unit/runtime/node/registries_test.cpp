// SPDX-License-Identifier: Apache-2.0
//
// Registries of others, as the mirror asks them: with a cache and without, with mirrors, away, and wrong.
#include "runtime/node/registries.h"

#include <fcntl.h>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <memory>
#include <thread>

#include "payload/base/retry.h"
#include "payload/upload/image_upload.h"
#include "tests/support/authority.h"
#include "tests/support/fake_clock.h"
#include "tests/support/registry_server.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_payload.h"

using namespace sealift;
using node::Question;
using node::Registries;
using tests::RegistryServer;

namespace {

constexpr auto kManifest = Question::Kind::manifest, kBlob = Question::Kind::blob;

std::string basic(const std::string& login) { return "Basic " + base::to_base64(base::as_bytes(login)); }

// A registry with one image.
struct Harbor {
  std::unique_ptr<RegistryServer> server = std::make_unique<RegistryServer>();
  std::string layer_text = tests::numbers(400'000);
  Digest layer = server->add_blob(layer_text);
  Digest manifest = server->add_manifest("1.0", R"({"the":"manifest"})", image::kOciManifest);

  void demand(const std::string& login) const {
    server->habits.authorization = basic(login);
    server->habits.challenge = R"(Basic realm="harbor")";
  }
  node::RegistryPlace place(const std::string& user = {}, const std::string& password = {}) const {
    return {*http::parse_url(server->origin()), {}, user, Secret(password)};
  }
  void goes_down() { server.reset(); }
};

struct Site {
  tests::TemporaryFolder folder;
  tests::FakeClock clock;
  std::shared_ptr<node::BlobCache> cache;
  node::RegistriesConfig config;

  explicit Site(uint64_t limit = uint64_t{1} << 30) : cache(std::make_shared<node::BlobCache>(folder.path(), limit)) {}
  void add(const std::string& match, std::vector<node::RegistryPlace> places) {
    config.upstreams.push_back({match, std::move(places)});
  }
  Registries& registries() {
    if (!registries_) registries_ = std::make_unique<Registries>(config, cache, clock, http::Patience{.attempts = 2});
    return *registries_;
  }
  // As after a restart of the mirror.
  void restart() {
    registries_.reset();
    cache = std::make_shared<node::BlobCache>(folder.path(), uint64_t{1} << 30);
  }
  // A reader may have all bytes before they are kept.
  void until_kept(const Digest& digest) const {
    for (int i = 0; i < 3000 && cache->open(digest) == nullptr; ++i) base::system_clock().sleep(Duration{10});
    REQUIRE(cache->open(digest));
  }
  // Long enough that a registry which was silent is asked again.
  void later() { clock.advance(Duration{60'000}); }

 private:
  std::unique_ptr<Registries> registries_;
};

Question about(const std::string& registry, Question::Kind kind, const std::string& reference) {
  return {registry, "team/app", kind, reference};
}

struct Got {
  std::string bytes;
  std::optional<Error> error;
  bool is_there = false;
};

// Like the mirror.
Got get(node::BlobSource& source, const Question& question, format::ByteRange range = {}) {
  Got out;
  const auto blob = source.stat(question);
  if (!blob) {
    out.error = blob.error();
    return out;
  }
  if (!*blob) return out;
  out.is_there = true;
  base::FunctionSink sink([&](ByteView data) -> Result<void> {
    out.bytes += base::as_text(data);
    return {};
  });
  const auto done = source.await(**blob).and_then([&] { return source.read(**blob, range, sink); });
  if (!done) out.error = done.error();
  return out;
}

}  // namespace

TEST_CASE("registries: each gets its own images and its own login, and nothing of another's") {
  Harbor a, b;
  a.demand("robot-a:secret-a");
  b.demand("robot-b:secret-b");
  Site site;
  site.add("a.example/*", {a.place("robot-a", "secret-a")});
  site.add("b.example/team/*", {b.place("robot-b", "secret-b")});
  for (const auto* registry : {"a.example", "b.example"}) {
    CHECK(get(site.registries(), about(registry, kManifest, "1.0")).bytes == R"({"the":"manifest"})");
    CHECK(get(site.registries(), about(registry, kBlob, a.layer.text())).bytes == a.layer_text);
  }
  CHECK_FALSE(get(site.registries(), about("c.example", kManifest, "1.0")).is_there);
  const Question elsewhere{"b.example", "other/app", kManifest, "1.0"};
  CHECK_FALSE(get(site.registries(), elsewhere).is_there);
  CHECK(site.registries().asked_for(about("a.example", kManifest, "1.0")) == a.server->origin());
  CHECK(site.registries().asked_for(elsewhere).empty());
  for (const auto& asked : a.server->asked())
    CHECK((asked.authorization.empty() || asked.authorization == basic("robot-a:secret-a")));
  for (const auto& asked : b.server->asked()) {
    CHECK((asked.authorization.empty() || asked.authorization == basic("robot-b:secret-b")));
    CHECK_FALSE(asked.path.contains("other"));
  }
}

TEST_CASE("registries: a redirect takes no login along") {
  Harbor a, store;
  a.demand("robot-a:secret-a");
  a.server->habits.blobs_elsewhere = store.server->origin();
  Site site;
  site.add("a.example/*", {a.place("robot-a", "secret-a")});
  CHECK(get(site.registries(), about("a.example", kBlob, a.layer.text())).bytes == a.layer_text);
  REQUIRE(store.server->asked_for("blobs") > 0);
  for (const auto& asked : store.server->asked()) CHECK(asked.authorization.empty());
}

TEST_CASE("registries: what is kept is given while the registry is away, to names that had it") {
  Harbor a, b;
  b.server->blobs.clear();
  Site site;
  site.add("a.example/*", {a.place()});
  site.add("b.example/*", {b.place()});
  REQUIRE(get(site.registries(), about("a.example", kManifest, "1.0")).is_there);
  REQUIRE(get(site.registries(), about("a.example", kBlob, a.layer.text())).bytes == a.layer_text);
  site.until_kept(a.layer);
  const auto asked = a.server->asked().size();
  // By digest, nothing is asked.
  CHECK(get(site.registries(), about("a.example", kManifest, a.manifest.text())).is_there);
  CHECK(get(site.registries(), about("a.example", kBlob, a.layer.text()), {1000, 500}).bytes ==
        a.layer_text.substr(1000, 500));
  CHECK(a.server->asked().size() == asked);
  // Another registry's user does not get it.
  CHECK_FALSE(get(site.registries(), about("b.example", kBlob, a.layer.text())).is_there);

  a.goes_down();
  site.restart();
  CHECK(get(site.registries(), about("a.example", kManifest, "1.0")).bytes == R"({"the":"manifest"})");
  CHECK(get(site.registries(), about("a.example", kBlob, a.layer.text())).bytes == a.layer_text);
  const auto other = get(site.registries(), about("a.example", kManifest, "2.0"));
  REQUIRE(other.error);
  CHECK(base::may_pass(other.error->code));
}

TEST_CASE("registries: a tag is asked for each time; what it last meant counts only while there is no answer") {
  Harbor a;
  Site site;
  site.add("a.example/*", {a.place()});
  const auto latest = about("a.example", kManifest, "latest");
  CHECK_FALSE(get(site.registries(), latest).is_there);
  a.server->add_manifest("latest", "{}", image::kOciManifest);
  CHECK(get(site.registries(), latest).bytes == "{}");
  a.server->add_manifest("latest", R"({"a":"newer one"})", image::kOciManifest);
  CHECK(get(site.registries(), latest).bytes == R"({"a":"newer one"})");
  a.server->habits.failures = 100;
  CHECK(get(site.registries(), latest).bytes == R"({"a":"newer one"})");
  // It is not asked again and again.
  const auto asked = a.server->asked().size();
  CHECK(get(site.registries(), latest).bytes == R"({"a":"newer one"})");
  CHECK(a.server->asked().size() == asked);
  // It is back, and has it no more.
  a.server->habits.failures = 0;
  a.server->manifests.erase("latest");
  site.later();
  CHECK_FALSE(get(site.registries(), latest).is_there);
  a.server->habits.failures = 100;
  CHECK(get(site.registries(), latest).error);
}

TEST_CASE("registries: a wrong password is told of with what to do, and is no 'not found'") {
  Harbor a;
  a.demand("robot:right");
  Site site;
  site.add("a.example/*", {a.place("robot", "wrong canary")});
  site.add("b.example/*", {a.place()});
  for (const auto kind : {kManifest, kBlob}) {
    const auto refused = get(site.registries(), about("a.example", kind, a.manifest.text()));
    REQUIRE(refused.error);
    CHECK(refused.error->code == ErrorCode::auth_failed);
    CHECK(refused.error->text().contains(a.server->origin()));
    CHECK(refused.error->text().contains("refuses the user robot for team/app"));
    CHECK(refused.error->text().contains("check user and password of this registry in cluster.yaml"));
    CHECK_FALSE(refused.error->text().contains("canary"));
    CHECK_FALSE(refused.error->text().contains("docker login"));
  }
  const auto without = get(site.registries(), about("b.example", kManifest, "1.0"));
  REQUIRE(without.error);
  CHECK(without.error->text().contains("name a user and a password for it in cluster.yaml"));
}

TEST_CASE("registries: a mirror is asked if the registry does not answer, with its own login") {
  Harbor own, mirror;
  own.demand("own:1");
  mirror.demand("mirror:2");
  Site site;
  site.add("a.example/*", {own.place("own", "1"), mirror.place("mirror", "2")});
  CHECK(get(site.registries(), about("a.example", kManifest, "1.0")).is_there);
  CHECK(mirror.server->asked().empty());
  own.server->manifests.erase("1.0");
  CHECK_FALSE(get(site.registries(), about("a.example", kManifest, "1.0")).is_there);
  CHECK(mirror.server->asked().empty());
  own.server->habits.failures = 1000;
  CHECK(get(site.registries(), about("a.example", kManifest, "1.0")).is_there);
  CHECK(get(site.registries(), about("a.example", kBlob, own.layer.text())).bytes == own.layer_text);
  // What only a mirror lacks may be there.
  CHECK(get(site.registries(), about("a.example", kManifest, "3.0")).error);
  for (const auto& asked : mirror.server->asked())
    CHECK((asked.authorization.empty() || asked.authorization == basic("mirror:2")));
  CHECK(site.registries().asked_for(about("a.example", kManifest, "1.0")) == own.server->origin() + " and 1 mirror");
}

TEST_CASE("registries: several who want the same at once are one question, and each gets all of it") {
  Harbor a;
  Site site;
  site.add("a.example/*", {a.place()});
  const auto question = about("a.example", kBlob, a.layer.text());
  const auto blob = site.registries().stat(question);
  REQUIRE((blob && *blob));
  const auto asked = a.server->asked_for("blobs");
  std::atomic<int> good = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 6; ++i) {
      threads.emplace_back([&, i] {
        std::string bytes;
        base::FunctionSink sink([&](ByteView data) -> Result<void> {
          bytes += base::as_text(data);
          return {};
        });
        const auto from = static_cast<uint64_t>(i) * 1000;
        if (site.registries().read(**blob, {from, UINT64_MAX}, sink) && bytes == a.layer_text.substr(from)) ++good;
      });
    }
  }
  CHECK(good == 6);
  CHECK(a.server->asked_for("blobs") == asked + 1);
}

TEST_CASE("registries: a connection that breaks off is resumed, and wrong bytes are neither complete nor kept") {
  Harbor a;
  Site site;
  site.add("a.example/*", {a.place()});
  const auto question = about("a.example", kBlob, a.layer.text());
  a.server->habits.cuts = 1;
  CHECK(get(site.registries(), question).bytes == a.layer_text);
  site.until_kept(a.layer);
  site.cache->drop(a.layer);
  a.server->blobs[a.layer.text()][5] = '?';
  const auto wrong = get(site.registries(), question);
  REQUIRE(wrong.error);
  CHECK(wrong.error->code == ErrorCode::corrupt);
  CHECK(wrong.bytes.size() < a.layer_text.size());
  CHECK_FALSE(site.cache->open(a.layer));
  a.server->blobs[a.layer.text()] = a.layer_text;
  CHECK(get(site.registries(), question).bytes == a.layer_text);
  site.until_kept(a.layer);
  // What is damaged here is noticed, and fetched again.
  {
    const base::Fd fd = std::move(*base::open_file(site.folder / (a.layer.hex() + ".blob"), O_WRONLY));
    REQUIRE(base::pwrite_all(fd.get(), 5, base::as_bytes(std::string_view("?"))));
  }
  CHECK(get(site.registries(), question).error->code == ErrorCode::corrupt);
  CHECK(get(site.registries(), question).bytes == a.layer_text);
}

TEST_CASE("registries: what can't be kept is passed on") {
  Harbor a;
  Site site(1000);
  site.add("a.example/*", {a.place()});
  for (int i = 0; i < 2; ++i) {
    CHECK(get(site.registries(), about("a.example", kBlob, a.layer.text())).bytes == a.layer_text);
    CHECK(get(site.registries(), about("a.example", kBlob, a.layer.text()), {5, 10}).bytes ==
          a.layer_text.substr(5, 10));
    CHECK(get(site.registries(), about("a.example", kBlob, a.layer.text()), {399'990, 10}).bytes ==
          a.layer_text.substr(399'990));
  }
  CHECK(site.cache->used() == 0);
}

TEST_CASE("registries: an external one has all images, each under the registry that it is from") {
  Harbor a;
  a.server->repository = "plant7/harbor.example_8443/team/app";
  Site site;
  auto place = a.place();
  place.url.target = "/plant7";
  site.config.external = place;
  site.cache.reset();
  CHECK(get(site.registries(), about("harbor.example:8443", kManifest, "1.0")).bytes == R"({"the":"manifest"})");
  CHECK(get(site.registries(), about("harbor.example:8443", kManifest, a.manifest.text())).is_there);
  CHECK(get(site.registries(), about("harbor.example:8443", kBlob, a.layer.text()), {10, 20}).bytes ==
        a.layer_text.substr(10, 20));
  CHECK_FALSE(get(site.registries(), about("harbor.example", kManifest, "1.0")).is_there);
  CHECK_FALSE(get(site.registries(), about("no registry", kManifest, "1.0")).is_there);
}

TEST_CASE("registries: an external one that refused an index has it beside the image") {
  Harbor a;
  a.server->repository = "plant7/harbor.example/team/app";
  const std::string index = R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json",)"
                            R"("manifests":[]})";
  const auto digest = a.server->add_blob(index);
  const auto beside = upload::whole_index_manifest(image::kOciIndex, digest, index.size());
  for (const auto& reference : {std::string("1.0"), digest.text()})
    a.server->add_manifest(upload::whole_index_tag(reference), beside, image::kOciManifest);
  Site site;
  auto place = a.place();
  place.url.target = "/plant7";
  site.config.external = place;
  site.cache.reset();
  // The tag means the manifest alone there; the nodes get what it means in the artifact.
  const auto by_tag = site.registries().stat(about("harbor.example", kManifest, "1.0"));
  REQUIRE((by_tag && *by_tag));
  CHECK((*by_tag)->digest == digest);
  CHECK((*by_tag)->media_type == image::kOciIndex);
  for (const auto& reference : {std::string("1.0"), digest.text()})
    CHECK(get(site.registries(), about("harbor.example", kManifest, reference)).bytes == index);
  CHECK(get(site.registries(), about("harbor.example", kManifest, a.manifest.text())).bytes == R"({"the":"manifest"})");
  CHECK_FALSE(get(site.registries(), about("harbor.example", kManifest, "2.0")).is_there);
}

TEST_CASE("registries: stop ends what is asked, and what is being fetched") {
  Harbor a;
  Site site;
  site.add("a.example/*", {a.place()});
  const auto blob = site.registries().stat(about("a.example", kBlob, a.layer.text()));
  REQUIRE((blob && *blob));
  site.registries().stop();
  CHECK(site.registries().stat(about("a.example", kManifest, "1.0")).error().code == ErrorCode::cancelled);
  CHECK(site.registries().await(**blob).error().code == ErrorCode::cancelled);
  base::MemorySink sink(1);
  CHECK(site.registries().read(**blob, {}, sink).error().code == ErrorCode::cancelled);
}

TEST_CASE("registries: each is believed by its own authority, and by no other's") {
  const tests::Authority own, others;
  RegistryServer server(own.identity(tests::kLoopback, ""));
  const Digest layer = server.add_blob("a layer");
  Site site;
  const auto place = [&](const std::string& authority) {
    return node::RegistryPlace{*http::parse_url(server.origin()), authority, {}, {}};
  };
  site.add("a.example/*", {place(own.certificate)});
  site.add("b.example/*", {place(others.certificate)});
  CHECK(get(site.registries(), about("a.example", kBlob, layer.text())).bytes == "a layer");
  const auto refused = get(site.registries(), about("b.example", kBlob, layer.text()));
  REQUIRE(refused.error);
  CHECK(refused.error->code == ErrorCode::untrusted);
  CHECK(refused.error->text().contains("name its certificate as caFile in cluster.yaml"));
}
