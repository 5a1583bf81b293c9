// SPDX-License-Identifier: Apache-2.0
#include "payload/http/caller.h"

#include <catch2/catch_test_macros.hpp>
#include <cstring>

#include "payload/http/socket_address.h"
#include "tests/support/requirement.h"
#include "tests/support/visitor.h"

using namespace sealift;
using http::Caller;

namespace {

base::Fd accept_from(int listener) { return base::Fd(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC)); }

uint32_t uid_of(const Caller& caller) {
  REQUIRE(caller.kind == Caller::Kind::user);
  uint32_t out = 0;
  std::memcpy(&out, caller.id.data(), sizeof out);
  return out;
}

}  // namespace

TEST_CASE("callers of this machine are known by their uid, over IPv4, IPv6 and both") {
  http::CallerFinder finder;
  for (const auto& [own, to] : {std::pair("127.0.0.1", "127.0.0.1"), {"::1", "::1"}, {"::", "127.0.0.1"}}) {
    INFO(own << " " << to);
    const auto listener = http::listen_at(*http::socket_address(own, 0));
    REQUIRE(listener);
    const auto address = *http::socket_address(to, http::own_address(listener->get()).port());
    const base::Fd client(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(::connect(client.get(), address.get(), address.size) == 0);
    const auto caller = finder.find(accept_from(listener->get()).get());
    CHECK(uid_of(caller) == ::geteuid());
    CHECK(caller.is_trusted == (::geteuid() == 0));
  }
}

TEST_CASE("other users are other callers, and not trusted") {
  tests::require_or_skip(::geteuid() == 0, "root");
  http::CallerFinder finder;
  const tests::Listener listener(10);
  const tests::Strangers stranger(listener.port(), 1, 65534);
  const auto caller = finder.find(accept_from(listener.get()).get());
  CHECK(uid_of(caller) == 65534);
  CHECK_FALSE(caller.is_trusted);
}

TEST_CASE("who has closed already is unknown, not root, to whom the kernel gives what nobody owns") {
  http::CallerFinder finder;
  const tests::Listener listener(10);
  base::Fd connection;
  {
    const tests::Visitor visitor(listener.port());
    connection = accept_from(listener.get());
  }
  const auto caller = finder.find(connection.get());
  CHECK(caller.kind == Caller::Kind::unknown);
  CHECK_FALSE(caller.is_trusted);
}
