// SPDX-License-Identifier: Apache-2.0
#include "packer/lock/lock.h"

#include <catch2/catch_test_macros.hpp>

#include "payload/base/file.h"
#include "tests/support/temporary_folder.h"

using namespace sealift;
using lock::Lock;

namespace {

Digest digest(char c) { return *Digest::from_hex(std::string(64, c)); }

Lock full() {
  Lock out;
  out.bases["kubernetes.run"] = digest('a');
  out.charts["repo:https://h.example/erp@1.2.3"] = {digest('b'), {}};
  out.charts["oci://r.example/erp:1.2.3"] = {digest('c'), digest('d')};
  out.images["docker.io/library/redis:7"] = {digest('e'),
                                             {{Architecture::amd64, digest('f')}, {Architecture::arm64, digest('0')}}};
  out.urls["https://h.example/x?a=b#c: d"] = digest('1');
  return out;
}

std::string refused(const std::string& text) {
  INFO(text);
  const auto out = lock::parse(text, "Kubefile.lock");
  REQUIRE_FALSE(out);
  return out.error().text();
}

}  // namespace

TEST_CASE("a lock is sorted, a line or a short block for each entry, and read as it was written") {
  const auto text = lock::to_text(full());
  const auto d = [](char c) { return "sha256:" + std::string(64, c); };
  CHECK(text.substr(text.find('\n') + 1) ==
        "apiVersion: sealift.dev/v1\nkind: Lock\nbases:\n  kubernetes.run: " + d('a') +
            "\ncharts:\n  \"oci://r.example/erp:1.2.3\":\n    archive: " + d('c') + "\n    manifest: " + d('d') +
            "\n  \"repo:https://h.example/erp@1.2.3\": " + d('b') +
            "\nimages:\n  \"docker.io/library/redis:7\":\n    digest: " + d('e') + "\n    linux/amd64: " + d('f') +
            "\n    linux/arm64: " + d('0') + "\nurls:\n  \"https://h.example/x?a=b#c: d\": " + d('1') + "\n");
  const auto back = lock::parse(text, "x");
  if (!back) FAIL(back.error().text());
  CHECK(*back == full());
  CHECK(lock::parse(lock::to_text({}), "x") == Lock{});
}

TEST_CASE("a lock that somebody has changed by hand is read strictly") {
  const std::string head = "apiVersion: sealift.dev/v1\nkind: Lock\n";
  CHECK(refused("kind: Pod\n").contains("no lock"));
  CHECK(refused("").contains("no lock"));
  CHECK(refused("kind: Lock\napiVersion: sealift.dev/v9\n").contains("v9"));
  CHECK(refused(head + "image: {}\n").contains("\"image\" is not known"));
  CHECK(refused(head + "urls: []\n").contains("urls are names with digests"));
  CHECK(refused(head + "urls:\n  https://x: abc\n").starts_with("Kubefile.lock:4:3: sha256:"));
  CHECK(refused(head + "images:\n  a: {linux/amd64: sha256:" + std::string(64, 'a') + "}\n")
            .contains("an image has a digest"));
  CHECK(refused(head + "images:\n  a: {digest: sha256:" + std::string(64, 'a') +
                ", linux/vax: sha256:" + std::string(64, 'a') + "}\n")
            .contains("no platform"));
  CHECK(refused(head + "charts:\n  a: {manifest: sha256:" + std::string(64, 'a') + "}\n")
            .contains("digest of its archive"));
  CHECK(refused(head + "urls: {a: x, a: y}\n").contains("a"));
}

TEST_CASE("each difference is a line: moved, new and gone") {
  CHECK(lock::differences(full(), full()).empty());
  Lock now = full();
  now.images["docker.io/library/redis:7"].root = digest('9');
  now.images["quay.io/x:1"] = {digest('2'), {}};
  now.urls.clear();
  now.charts["oci://r.example/erp:1.2.3"].manifest = digest('3');
  now.bases["kubernetes.run"] = digest('4');
  const auto lines = lock::differences(full(), now);
  REQUIRE(lines.size() == 5);
  CHECK(lines[0] == "FROM kubernetes.run: " + digest('a').text() + " → " + digest('4').text());
  CHECK(lines[1].starts_with("chart oci://r.example/erp:1.2.3: "));
  CHECK(lines[2] == "IMAGE docker.io/library/redis:7: " + digest('e').text() + " → " + digest('9').text());
  CHECK(lines[3] == "IMAGE quay.io/x:1: " + digest('2').text() + " (new)");
  CHECK(lines[4].ends_with(" (gone)"));
}

TEST_CASE("a build for one platform changes nothing about the others") {
  Lock now = full();
  now.images["docker.io/library/redis:7"].platforms.erase(Architecture::arm64);
  CHECK(lock::differences(full(), now).empty());
  CHECK(lock::merged(full(), now) == full());
  // a platform that the lock does not have is a difference, and so is another manifest
  CHECK(lock::differences(now, full()).size() == 1);
  now.images["docker.io/library/redis:7"].platforms[Architecture::amd64] = digest('9');
  CHECK(lock::differences(full(), now).size() == 1);
  // of another index nothing is kept
  now.images["docker.io/library/redis:7"].root = digest('8');
  CHECK(lock::merged(full(), now) == now);
}

TEST_CASE("entries are forgotten by name, of any kind") {
  for (const auto* name : {"kubernetes.run", "oci://r.example/erp:1.2.3", "docker.io/library/redis:7"}) {
    Lock some = full();
    CHECK(lock::forget(some, std::vector<std::string>{name}));
    CHECK(lock::differences(full(), some).size() == 1);
  }
  Lock some = full();
  const auto none = lock::forget(some, std::vector<std::string>{"docker.io/library/redis:8"});
  REQUIRE_FALSE(none);
  CHECK(none.error().code == ErrorCode::not_found);
  CHECK(none.error().text().contains("did you mean docker.io/library/redis:7?"));
}

TEST_CASE("a lock that is not there is none") {
  const tests::TemporaryFolder folder;
  const auto path = lock::path_of(folder / "Kubefile");
  CHECK(path == folder / "Kubefile.lock");
  CHECK(lock::read(path).value() == std::nullopt);
  REQUIRE(lock::write(path, full()));
  CHECK(lock::read(path).value() == full());
  CHECK_FALSE(lock::read(folder.path()));
}

TEST_CASE("a merge conflict in a lock is called by its name") {
  const auto conflict =
      "apiVersion: sealift.dev/v1\nkind: Lock\nurls:\n<<<<<<< HEAD\n  a: b\n=======\n  a: c\n>>>>>>> x\n";
  const auto out = lock::parse(conflict, "Kubefile.lock");
  REQUIRE_FALSE(out);
  CHECK(out.error().text() ==
        "Kubefile.lock holds a merge conflict; resolve it, or remove the file, and `sealift lock` makes it anew");
}
