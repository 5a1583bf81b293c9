// SPDX-License-Identifier: Apache-2.0
#include "payload/trust/x509.h"

#include <catch2/catch_test_macros.hpp>

using namespace sealift;
using trust::Names;
using trust::Validity;

namespace {

trust::KeyPair make_key() {
  auto key = trust::generate_key();
  REQUIRE(key);
  return std::move(*key);
}

Validity now() {
  const auto at = base::system_clock().now();
  return {at - std::chrono::hours(1), at + std::chrono::hours(24)};
}

struct Authority {
  trust::KeyPair key = make_key();
  std::string certificate;
  Authority() {
    auto made = trust::make_authority(key.private_pem, "sealift test", now());
    REQUIRE(made);
    certificate = *made;
  }
  Result<std::string> issue(const trust::KeyPair& own, const Names& names) const { return trust::issue(own.public_pem, names, certificate, key.private_pem, now()); }
};

const Names kNames{"w1", {"w1.plant7.lan"}, {"10.7.0.12", "fd00::12"}};

}  // namespace

TEST_CASE("keys are PEM, each its own, and give their public half again") {
  const auto one = make_key(), other = make_key();
  CHECK(one.private_pem.reveal().starts_with("-----BEGIN"));
  CHECK(one.public_pem.starts_with("-----BEGIN PUBLIC KEY-----"));
  CHECK(one.public_pem != other.public_pem);
  const auto again = trust::public_key_of(one.private_pem);
  REQUIRE(again);
  CHECK(*again == one.public_pem);
  CHECK_FALSE(trust::public_key_of(Secret("no key")));
}

TEST_CASE("a certificate belongs to its authority and its key") {
  const Authority authority, stranger;
  const auto own = make_key(), other = make_key();
  const auto certificate = authority.issue(own, kNames);
  if (!certificate) FAIL(certificate.error().text());
  CHECK(trust::check_issued(*certificate, authority.certificate, own.public_pem));
  const auto refused = [](const Result<void>& checked) {
    REQUIRE_FALSE(checked);
    CHECK(checked.error().code == ErrorCode::untrusted);
  };
  refused(trust::check_issued(*certificate, stranger.certificate, own.public_pem));
  refused(trust::check_issued(*certificate, authority.certificate, other.public_pem));
  refused(trust::check_issued(stranger.certificate, authority.certificate, stranger.key.public_pem));
  CHECK_FALSE(trust::check_issued("no certificate", authority.certificate, own.public_pem));
}

TEST_CASE("an authority signs with its own key only, and end certificates sign nothing") {
  const Authority authority, stranger;
  const auto own = make_key(), other = make_key();
  const auto crossed = trust::issue(own.public_pem, kNames, authority.certificate, stranger.key.private_pem, now());
  if (crossed) CHECK_FALSE(trust::check_issued(*crossed, authority.certificate, own.public_pem));
  const auto end = authority.issue(own, kNames);
  REQUIRE(end);
  const auto below = trust::issue(other.public_pem, kNames, *end, own.private_pem, now());
  if (below) {
    const auto checked = trust::check_issued(*below, authority.certificate, other.public_pem);
    CHECK_FALSE(checked);
  }
}

TEST_CASE("fingerprints tell certificates apart, whatever the text around them") {
  const Authority one, other;
  const auto print = [](const std::string& certificate) {
    auto digest = trust::fingerprint(certificate);
    REQUIRE(digest);
    return *digest;
  };
  CHECK(print(one.certificate) != print(other.certificate));
  CHECK(print(one.certificate) == print(one.certificate + "\n"));
  CHECK_FALSE(trust::fingerprint("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"));
}

TEST_CASE("names that are no addresses are refused") {
  const Authority authority;
  CHECK_FALSE(authority.issue(make_key(), {"w1", {}, {"10.7.0.300"}}));
}
