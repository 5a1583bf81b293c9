// SPDX-License-Identifier: Apache-2.0
#include "payload/hash/digest.h"

#include <catch2/catch_test_macros.hpp>

#include <unordered_set>

using namespace sealift;

TEST_CASE("a digest's text and back") {
  const Digest digest = hash::sha256(base::as_bytes("abc"));
  CHECK(digest.text() == "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(*Digest::parse(digest.text()) == digest);
  CHECK(*Digest::from_hex(digest.hex()) == digest);
}

TEST_CASE("what is not a digest") {
  const std::string hex(64, 'a');
  for (const auto& text : {std::string(), std::string("sha256:"), hex, "sha512:" + hex, "SHA256:" + hex,
                           "sha256:" + hex + "a", "sha256:" + hex.substr(1), "sha256:" + std::string(64, 'A'),
                           "sha256:" + std::string(64, 'g'), "sha256:" + hex.substr(1) + " ", " sha256:" + hex}) {
    INFO(text);
    const auto digest = Digest::parse(text);
    REQUIRE_FALSE(digest);
    CHECK(digest.error().code == ErrorCode::invalid_input);
  }
}

TEST_CASE("digests have an order and a hash") {
  const Digest a = hash::sha256(base::as_bytes("a"));
  const Digest b = hash::sha256(base::as_bytes("b"));
  CHECK((a < b) == (a.hex() < b.hex()));
  const std::unordered_set<Digest> set{a, b, a};
  CHECK(set.size() == 2);
}
