// SPDX-License-Identifier: Apache-2.0
//
// A mirror whose certificates are replaced while it serves.
#include <catch2/catch_test_macros.hpp>
#include <filesystem>

#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/http/client.h"
#include "runtime/node/mirror.h"
#include "tests/support/recorded_payloads.h"
#include "tests/support/tiny_payload.h"

using namespace sealift;
using tests::TemporaryFolder;
using tests::TinyPayload;
using tests::with_certificates;

namespace {

http::ClientOptions trusting(const node::MirrorConfig& config) {
  http::ClientOptions out;
  const auto authority = base::read_text_file(config.ca, 65536);
  REQUIRE(authority);
  out.authority = *authority;
  return out;
}

void copy(const std::string& from, const std::string& to) {
  const auto text = base::read_text_file(from, 65536);
  REQUIRE(text);
  REQUIRE(base::write_file_atomic(to, base::as_bytes(*text), 0600));
}

// New certificates for the node whose folder is `own`.
void issue(const std::string& authority, const std::string& own) {
  for (const std::string usage : {"server", "client"}) {
    const auto key = node::make_key(own, usage);
    REQUIRE(key);
    std::vector<std::string> addresses;
    if (usage == "server") addresses = {"127.0.0.1"};
    const auto certificate = node::issue_certificate(authority, usage, *key, "node", addresses, base::system_clock());
    REQUIRE(certificate);
    REQUIRE(node::install_certificate(own, usage, *certificate));
  }
}

}  // namespace

TEST_CASE("a mirror takes new certificates without a restart: running answers go on, new connections get them") {
  const TemporaryFolder folder, theirs;
  const TinyPayload tiny(folder);
  tiny.store(folder / "stored.payload");
  Clock& clock = base::system_clock();
  auto registry = with_certificates(folder);
  registry.peer_address = "127.0.0.1";
  registry.artifacts = tests::record_payloads(folder.path(), {folder / "stored.payload"});
  const auto source = node::Mirror::start(registry, clock);
  REQUIRE(source);
  auto worker = registry;
  worker.artifacts.clear();
  worker.peer_address.clear();
  worker.registry_hosts = {base::format("127.0.0.1:{}", (*source)->peer_port())};
  const auto mirror = node::Mirror::start(worker, clock);
  REQUIRE(mirror);
  const auto before = trusting(registry);
  const auto blob = "/v2/library/hello/blobs/" + tiny.other.text() + "?ns=quay.io";

  // Everything becomes another cluster's in the middle of a pull through both: whoever still used the old certificates
  // would not be believed any more.
  const auto other = with_certificates(theirs);
  bool is_replaced = false;
  hash::Sha256 hasher;
  base::FunctionSink sink([&](ByteView data) -> Result<void> {
    hasher.update(data);
    if (is_replaced) return {};
    is_replaced = true;
    copy(other.ca, registry.ca);
    copy(other.server, registry.server);
    copy(other.client, registry.client);
    REQUIRE((*source)->reload());
    REQUIRE((*mirror)->reload());
    return {};
  });
  base::MemorySink again(size_t{16} << 20);
  http::Client running({"https", "127.0.0.1", (*mirror)->local_port()}, before);
  const auto pulled = running.get_to(blob, {}, sink);
  if (!pulled) FAIL(pulled.error().text());
  CHECK(is_replaced);
  CHECK(hasher.finish() == tiny.other);
  http::Client fresh({"https", "127.0.0.1", (*mirror)->local_port()}, trusting(registry));
  const auto pulled_again = fresh.get_to(blob, {}, again);
  if (!pulled_again) FAIL(pulled_again.error().text());
  CHECK(hash::sha256(again.data()) == tiny.other);
  http::Client late({"https", "127.0.0.1", (*mirror)->local_port()}, before);
  CHECK_FALSE(late.get("/v2/", {}));

  // What can't be used is not taken.
  REQUIRE(base::write_file_atomic(registry.server, base::as_bytes("damaged"), 0600));
  for (const auto* one : {&*source, &*mirror}) CHECK_FALSE((*one)->reload());
  REQUIRE(base::write_file_atomic(registry.ca, base::as_bytes("damaged"), 0600));
  for (const auto* one : {&*source, &*mirror}) CHECK_FALSE((*one)->reload());
  http::Client last({"https", "127.0.0.1", (*mirror)->local_port()}, trusting(other));
  CHECK(last.get("/v2/library/hello/manifests/1.0?ns=quay.io", {})->status == 200);
}

TEST_CASE(
    "mirrors while their authority changes: at each of its steps a worker's gets images from the registry host's") {
  const TemporaryFolder folder, theirs;
  const TinyPayload tiny(folder);
  tiny.store(folder / "stored.payload");
  Clock& clock = base::system_clock();
  auto registry = with_certificates(folder);
  registry.peer_address = "127.0.0.1";
  registry.artifacts = tests::record_payloads(folder.path(), {folder / "stored.payload"});
  const auto source = node::Mirror::start(registry, clock);
  REQUIRE(source);
  const std::string pki = folder / "pki", own = theirs / "pki";
  std::filesystem::copy(pki, own, std::filesystem::copy_options::recursive);
  auto worker = registry;
  worker.artifacts.clear();
  worker.peer_address.clear();
  worker.registry_hosts = {base::format("127.0.0.1:{}", (*source)->peer_port())};
  worker.ca = own + "/ca.crt";
  worker.server = node::pair_path(own, "server");
  worker.client = node::pair_path(own, "client");
  const auto mirror = node::Mirror::start(worker, clock);
  REQUIRE(mirror);
  const auto check_pulls = [&](std::string_view when) {
    INFO(when);
    http::Client client({"https", "127.0.0.1", (*mirror)->local_port()}, trusting(worker));
    const auto answer = client.get("/v2/library/hello/manifests/1.0?ns=quay.io", {});
    if (!answer) FAIL(answer.error().text());
    CHECK(answer->status == 200);
  };
  // A change of files, then one mirror after the other notices.
  const auto notices = [&](node::Mirror& one, std::string_view when) {
    REQUIRE(one.reload());
    check_pulls(when);
  };
  auto former = tests::identity_of(registry, registry.client);
  check_pulls("before");

  REQUIRE(node::make_next_authority(pki, "test", clock));
  notices(**source, "the registry host believes both");
  copy(registry.ca, worker.ca);
  notices(**mirror, "the worker believes both");
  REQUIRE(node::promote_next_authority(pki));
  issue(pki, pki);
  notices(**source, "the registry host has certificates of the new authority");
  issue(pki, own);
  notices(**mirror, "the worker has certificates of the new authority");
  REQUIRE(node::retire_former_authorities(pki));
  notices(**source, "the registry host believes the new authority alone");
  copy(registry.ca, worker.ca);
  notices(**mirror, "the worker believes the new authority alone");

  http::ClientOptions options = trusting(registry);
  options.certificate = std::move(former.certificate);
  options.key = std::move(former.key);
  http::Client late({"https", "127.0.0.1", (*source)->peer_port()}, std::move(options));
  CHECK_FALSE(late.get("/v2/library/hello/manifests/1.0?ns=quay.io", {}));
}
