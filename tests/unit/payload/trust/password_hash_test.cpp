// SPDX-License-Identifier: Apache-2.0
#include "payload/trust/password_hash.h"

#include <catch2/catch_test_macros.hpp>

using namespace sealift;

namespace {

trust::PasswordHash cheap(const std::string& user, const std::string& password) {
  trust::PasswordHash out{user, base::to_bytes("salt"), 10, {}};
  const auto hash = trust::pbkdf2(Secret(password), out.salt, out.rounds);
  REQUIRE(hash);
  out.hash = *hash;
  return out;
}

}  // namespace

// The first 32 bytes of RFC 7914, section 11: a block of PBKDF2 does not depend on those after it.
TEST_CASE("a password's hash is PBKDF2 with HMAC-SHA-256") {
  const auto hash = [](const std::string& password, std::string_view salt, uint32_t rounds) {
    const auto out = trust::pbkdf2(Secret(password), base::as_bytes(salt), rounds);
    REQUIRE(out);
    return out->hex();
  };
  CHECK(hash("passwd", "salt", 1) == "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc");
  CHECK(hash("Password", "NaCl", 80'000) == "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56");
  CHECK(trust::pbkdf2(Secret("x"), {}, 0).error().code == ErrorCode::limit_exceeded);
  CHECK(trust::pbkdf2(Secret("x"), {}, trust::kMostPasswordRounds + 1).error().code == ErrorCode::limit_exceeded);
}

TEST_CASE("a password is known again; two hashes of it have nothing in common") {
  const auto one = trust::hash_password("alice", Secret("right")),
             other = trust::hash_password("alice", Secret("right"));
  REQUIRE((one && other));
  CHECK(one->rounds >= 100'000);
  CHECK(one->salt.size() == 16);
  CHECK(one->salt != other->salt);
  CHECK(one->hash != other->hash);
  CHECK(trust::is_password(*one, Secret("right")));
  CHECK_FALSE(trust::is_password(*one, Secret("Right")));
  CHECK_FALSE(trust::is_password(*one, Secret()));
  auto last_byte = *one;
  last_byte.hash.bytes.back() ^= std::byte{1};
  CHECK_FALSE(trust::is_password(last_byte, Secret("right")));
}

TEST_CASE("a users file: what was written is read again, and what is damaged is refused with its line") {
  const std::vector<trust::PasswordHash> users{cheap("alice", "a"), cheap("bob", "b")};
  const auto text = trust::to_users_file(users);
  CHECK(text.starts_with("alice:10:73616c74:"));
  const auto read = trust::parse_users_file(text);
  REQUIRE(read);
  REQUIRE(read->size() == 2);
  CHECK((*read)[1].user == "bob");
  CHECK(trust::is_password((*read)[1], Secret("b")));
  CHECK(trust::parse_users_file("")->empty());
  const std::string hash = users[0].hash.hex();
  for (const auto& bad : std::vector<std::string>{
           "carol", "carol:10:73616c74", ":10:73616c74:" + hash, "carol:0:73616c74:" + hash,
           "carol:ten:73616c74:" + hash, "carol:99999999:73616c74:" + hash, "carol:10:7361xx:" + hash,
           "carol:10:73616c74:" + hash.substr(2), "carol:10:73616c74:" + hash + ":more"}) {
    INFO(bad);
    const auto refused = trust::parse_users_file(text + bad + "\n");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::corrupt);
    CHECK(refused.error().what.contains("line 3"));
  }
}

TEST_CASE("a message's code depends on every byte of the text, and on the key") {
  const auto key = trust::random_mac_key(), other = trust::random_mac_key();
  REQUIRE((key && other));
  CHECK(*key != *other);
  CHECK(*trust::mac_of(*key, "text") == *trust::mac_of(*key, "text"));
  CHECK(*trust::mac_of(*key, "text") != *trust::mac_of(*key, "Text"));
  CHECK(*trust::mac_of(*key, "text") != *trust::mac_of(*other, "text"));
  // RFC 4231, test case 2, with the key filled up with zeros, as HMAC itself does.
  trust::MacKey jefe{std::byte{'J'}, std::byte{'e'}, std::byte{'f'}, std::byte{'e'}};
  CHECK(trust::mac_of(jefe, "what do ya want for nothing?")->hex() ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}
