// SPDX-License-Identifier: Apache-2.0
//
// A mirror whose certificates are replaced while it serves.
#include <catch2/catch_test_macros.hpp>

#include "payload/base/file.h"
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
  worker.registry_hosts = {std::format("127.0.0.1:{}", (*source)->peer_port())};
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
    for (const auto& [from, to] : {std::pair(other.ca, registry.ca), std::pair(other.server, registry.server),
                                   std::pair(other.client, registry.client)}) {
      const auto text = base::read_text_file(from, 65536);
      REQUIRE(text);
      REQUIRE(base::write_file_atomic(to, base::as_bytes(*text), 0600));
    }
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
