// SPDX-License-Identifier: Apache-2.0
#include "payload/http/admission.h"

#include <catch2/catch_test_macros.hpp>

using namespace sealift;
using http::Admission;
using http::Caller;
using http::Shares;

namespace {

Caller user(uint8_t uid) {
  Caller out{Caller::Kind::user, uid == 0, {}};
  out.id[0] = uid;
  return out;
}

Caller machine(uint8_t number, bool trusted = false) {
  Caller out{Caller::Kind::remote, trusted, {}};
  out.id[15] = number;
  return out;
}

}  // namespace

TEST_CASE("shares: a limit in all, one for each caller, and a reserve for the trusted") {
  Shares shares({.all = 10, .reserved = 4, .per_caller = 4});
  const auto can = [&](const Caller& caller) { return shares.has_own_room(caller) && shares.has_room(caller); };
  for (int i = 0; i < 4; ++i) {
    REQUIRE(can(user(1)));
    shares.take(user(1));
  }
  CHECK_FALSE(can(user(1)));
  for (int i = 0; i < 2; ++i) shares.take(user(2));
  CHECK(shares.has_own_room(user(2)));
  CHECK_FALSE(can(user(2)));  // what is left is reserved
  CHECK_FALSE(can(Caller{}));
  CHECK(can(user(0)));
  for (int i = 0; i < 4; ++i) shares.take(machine(1, true));
  CHECK_FALSE(can(user(0)));
  shares.give_back(user(1));
  CHECK(can(user(0)));
  CHECK(can(user(2)));
  CHECK(shares.taken_by(user(1)) == 3);
}

TEST_CASE("shares: a machine with a certificate has half of all, root has all") {
  Shares shares({.all = 10, .reserved = 4, .per_caller = 2});
  for (int i = 0; i < 5; ++i) shares.take(machine(1, true));
  CHECK_FALSE(shares.has_own_room(machine(1, true)));
  CHECK(shares.has_own_room(machine(1)));  // the same machine without it is another caller
  for (int i = 0; i < 5; ++i) shares.take(user(0));
  CHECK(shares.has_own_room(user(0)));
}

TEST_CASE("admission: who has too many loses the one that has waited longest") {
  Admission admission({.all = 100, .per_caller = 3});
  for (Admission::Id id = 1; id <= 3; ++id) CHECK(admission.enter(id, user(1)).is_admitted);
  admission.works(1);
  auto next = admission.enter(4, user(1));
  CHECK(next.is_admitted);
  CHECK(next.victim == 2);
  admission.waits(1);
  CHECK(admission.enter(5, user(1)).victim == 3);
  CHECK(admission.enter(6, user(1)).victim == 4);
  CHECK(admission.enter(7, user(1)).victim == 1);
  for (Admission::Id id = 5; id <= 7; ++id) admission.works(id);
  next = admission.enter(8, user(1));
  CHECK_FALSE(next.is_admitted);
  CHECK_FALSE(next.victim);
  CHECK(admission.enter(9, user(2)).is_admitted);
}

TEST_CASE("admission: if all are too many, the caller with most of them makes room; the trusted do not") {
  Admission admission({.all = 6, .reserved = 2, .per_caller = 3});
  for (Admission::Id id = 1; id <= 3; ++id) CHECK(admission.enter(id, machine(1)).is_admitted);
  CHECK(admission.enter(4, machine(2)).is_admitted);
  CHECK(admission.enter(5, machine(3)).victim == 1);
  CHECK_FALSE(admission.enter(6, user(0)).victim);
  CHECK_FALSE(admission.enter(7, user(0)).victim);
  CHECK(admission.enter(8, user(0)).victim == 2);  // full: strangers go first
  CHECK(admission.enter(9, user(0)).victim.has_value());
  CHECK(admission.enter(10, user(0)).victim.has_value());
  CHECK_FALSE(admission.enter(11, machine(4)).victim == 6);
  for (Admission::Id id = 12; id < 30; ++id) CHECK(admission.enter(id, user(0)).is_admitted);
}

TEST_CASE("admission: a certificate moves a connection from the strangers to the trusted") {
  Admission admission({.all = 4, .reserved = 2, .per_caller = 2});
  CHECK(admission.enter(1, machine(1)).is_admitted);
  CHECK(admission.enter(2, machine(1)).is_admitted);
  CHECK_FALSE(admission.trust(1));
  CHECK_FALSE(admission.trust(1));
  CHECK_FALSE(admission.enter(3, machine(1)).victim);
  CHECK(admission.enter(4, machine(1)).victim == 2);
  CHECK_FALSE(admission.trust(3));
  admission.works(1);
  admission.works(3);
  CHECK(admission.trust(4) == 4);  // half of all is taken by this machine, and works
  admission.leave(4);
  admission.leave(4);
  CHECK(admission.evict_any() == std::nullopt);
  admission.waits(3);
  CHECK(admission.evict_any() == 3);
}

TEST_CASE("admission: of those who wait, who never said anything goes first") {
  Admission admission({.all = 100, .per_caller = 4});
  for (Admission::Id id = 1; id <= 4; ++id) CHECK(admission.enter(id, user(1)).is_admitted);
  admission.speaks(1);
  admission.speaks(3);
  CHECK(admission.enter(5, user(1)).victim == 2);
  CHECK(admission.enter(6, user(1)).victim == 4);
  CHECK(admission.enter(7, user(1)).victim == 5);
  admission.speaks(6);
  admission.speaks(7);
  CHECK(admission.enter(8, user(1)).victim == 1);  // all have spoken: the one that has waited longest
  admission.leave(8);
  CHECK(admission.enter(9, user(1)).is_admitted);
}
