// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/logins.h"

#include <catch2/catch_test_macros.hpp>

#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temporary_folder.h"

using namespace sealift;
using Verdict = node::Logins::Verdict;

namespace {

std::string header(const std::string& user, const std::string& password) {
  return "Basic " + base::to_base64(base::as_bytes(user + ":" + password));
}

// With hashes of so few rounds that only those of unknown users take time.
struct Door {
  tests::TemporaryFolder folder;
  tests::FakeClock clock;
  std::unique_ptr<node::Logins> logins;

  Door() {
    auto made = node::Logins::make(folder / "users", clock);
    REQUIRE(made);
    logins = std::move(*made);
    set({{"alice", "right"}, {"bob", "also:right"}});
    REQUIRE(logins->reload());
  }
  void set(const std::vector<std::pair<std::string, std::string>>& users) const {
    std::vector<trust::PasswordHash> list;
    for (const auto& [user, password] : users) {
      trust::PasswordHash one{user, base::to_bytes(user), 3, {}};
      one.hash = *trust::pbkdf2(Secret(password), one.salt, one.rounds);
      list.push_back(std::move(one));
    }
    REQUIRE(base::write_file_atomic(folder / "users", base::as_bytes(trust::to_users_file(list)), 0600));
  }
  Verdict check(const std::string& authorization, const std::string& from = "10.7.1.5") const {
    return logins->check(authorization, from);
  }
};

}  // namespace

TEST_CASE("a login is a known user with the right password, in HTTP's Basic form") {
  const Door door;
  CHECK(door.check(header("alice", "right")) == Verdict::good);
  CHECK(door.check("basic " + header("bob", "also:right").substr(6)) == Verdict::good);
  CHECK(door.check(header("alice", "wrong")) == Verdict::wrong);
  CHECK(door.check(header("alice", "")) == Verdict::wrong);
  CHECK(door.check(header("bob", "right")) == Verdict::wrong);
  CHECK(door.check(header("carol", "right")) == Verdict::wrong);
  for (const std::string none : {"", "Basic", "Basic ", "Basic !!!", "Bearer abc", "Basic YWxpY2U=", "Basic OnJpZ2h0"})
    CHECK(door.check(none) == Verdict::wrong);
  CHECK(door.check("Basic " + std::string(2000, 'A')) == Verdict::wrong);
}

TEST_CASE("nobody can log in before the users are read, and what can't be read leaves the present ones") {
  Door door;
  const auto fresh = node::Logins::make(door.folder / "users", door.clock);
  REQUIRE(fresh);
  CHECK((*fresh)->check(header("alice", "right"), "10.7.1.5") == Verdict::wrong);
  REQUIRE(base::write_file_atomic(door.folder / "users", base::as_bytes("alice:x\n"), 0600));
  const auto reloaded = door.logins->reload();
  REQUIRE_FALSE(reloaded);
  CHECK(reloaded.error().text().contains("line 1"));
  CHECK(door.check(header("alice", "right")) == Verdict::good);
}

TEST_CASE("users that were replaced: remembered logins end with them") {
  const Door door;
  CHECK(door.check(header("alice", "right")) == Verdict::good);
  door.set({{"alice", "newer"}});
  REQUIRE(door.logins->reload());
  CHECK(door.check(header("alice", "right")) == Verdict::wrong);
  CHECK(door.check(header("bob", "also:right")) == Verdict::wrong);
  CHECK(door.check(header("alice", "newer")) == Verdict::good);
}

TEST_CASE("guessing is slow: a caller has a few wrong logins, then one every few seconds; others notice nothing") {
  Door door;
  CHECK(door.check(header("alice", "right"), "10.7.1.9") == Verdict::good);
  for (unsigned i = 0; i < node::Logins::kWrong; ++i)
    CHECK(door.check(header("alice", std::to_string(i)), "10.7.1.9") == Verdict::wrong);
  CHECK(door.check(header("alice", "another"), "10.7.1.9") == Verdict::later);
  CHECK(door.check(header("bob", "also:right"), "10.7.1.9") == Verdict::later);  // it could be a guess, too
  CHECK(door.check(header("alice", "right"), "10.7.1.9") == Verdict::good);      // it is remembered
  CHECK(door.check(header("alice", "right")) == Verdict::good);                  // from elsewhere
  door.clock.advance(node::Logins::kForgiven);
  CHECK(door.check(header("alice", "another"), "10.7.1.9") == Verdict::wrong);
  CHECK(door.check(header("alice", "another"), "10.7.1.9") == Verdict::later);
  door.clock.advance(node::Logins::kForgiven);
  CHECK(door.check(header("bob", "also:right"), "10.7.1.9") == Verdict::good);  // and costs no try:
  CHECK(door.check(header("alice", "another"), "10.7.1.9") == Verdict::wrong);
}

TEST_CASE("a caller is an address, of IPv6 the first half of it") {
  const Door door;
  for (unsigned i = 0; i < node::Logins::kWrong; ++i)
    CHECK(door.check(header("alice", "wrong"), base::format("fd00:7::{:x}", i + 1)) == Verdict::wrong);
  CHECK(door.check(header("alice", "wrong"), "fd00:7::ffff") == Verdict::later);
  CHECK(door.check(header("alice", "wrong"), "fd00:8::1") == Verdict::wrong);
}

TEST_CASE("a login is remembered for a while, and not for ever") {
  Door door;
  CHECK(door.check(header("alice", "right")) == Verdict::good);
  for (unsigned i = 0; i < node::Logins::kWrong; ++i)
    CHECK(door.check(header("x", std::to_string(i))) == Verdict::wrong);
  CHECK(door.check(header("alice", "right")) == Verdict::good);
  door.clock.advance(node::Logins::kRemembered - Duration{1});
  CHECK(door.check(header("alice", "right")) == Verdict::good);
  door.clock.advance(Duration{1});
  for (unsigned i = 0; i < node::Logins::kWrong; ++i)
    CHECK(door.check(header("x", std::to_string(i))) == Verdict::wrong);
  CHECK(door.check(header("alice", "right")) == Verdict::later);
}
