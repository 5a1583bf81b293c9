// SPDX-License-Identifier: Apache-2.0
// Files of checksums as projects publish them.
#include "packer/downloads/checksums.h"

#include <catch2/catch_test_macros.hpp>
#include <string>

using namespace sealift;

namespace {

const std::string kOne(64, 'a'), kTwo(64, 'b');

Digest found(std::string_view text, std::string_view name = "x.tgz") {
  const auto out = downloads::find_checksum(text, name, "sums");
  if (!out) FAIL(out.error().text());
  return *out;
}

std::string refused(std::string_view text, ErrorCode code = ErrorCode::invalid_input) {
  const auto out = downloads::find_checksum(text, "x.tgz", "sums");
  REQUIRE_FALSE(out);
  CHECK(out.error().code == code);
  return out.error().what;
}

}  // namespace

TEST_CASE("a checksum alone, with or without a line end, is the file's") {
  CHECK(found(kOne).hex() == kOne);
  CHECK(found(kOne + "\n").hex() == kOne);
  CHECK(found(kOne + "\r\n").hex() == kOne);
  CHECK(found(std::string(64, 'A')).hex() == kOne);
}

TEST_CASE("of several lines the one for the file counts, however sha256sum has written it") {
  CHECK(found(kTwo + "  y.tgz\n" + kOne + "  x.tgz\n").hex() == kOne);
  CHECK(found(kOne + " *x.tgz\n" + kTwo + " *y.tgz\n").hex() == kOne);
  CHECK(found(kOne + "  ./release/x.tgz\n").hex() == kOne);
  CHECK(found(kTwo + "  my-x.tgz\n" + kTwo + "  x.tgz.asc\n" + kOne + "\tx.tgz\n").hex() == kOne);
  CHECK(found(kOne + "  x.tgz\n" + kOne + "  x.tgz\n").hex() == kOne);
  // signed, as runc's is
  CHECK(found("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n" + kOne + "  x.tgz\n" + kTwo +
              "  y.tgz\n-----BEGIN PGP SIGNATURE-----\n\niQ\n-----END PGP SIGNATURE-----\n")
            .hex() == kOne);
}

TEST_CASE("a text that gives no checksum for the file, or two, is refused with what it is") {
  CHECK(refused(kOne + "  y.tgz\n") == "sums gives no checksum for x.tgz");
  CHECK(refused("") == "sums gives no checksum for x.tgz");
  CHECK(refused("<!DOCTYPE html><title>404</title>").ends_with("x.tgz; it is a web page, not a file of checksums"));
  CHECK(refused(kOne + "  x.tgz\n" + kTwo + "  x.tgz\n").starts_with("sums gives two checksums for x.tgz: sha256:a"));
  CHECK(
      refused(std::string(128, 'a') + "  x.tgz\n", ErrorCode::unsupported).contains("128 hexadecimal digits, not 64"));
  CHECK(refused(std::string(40, 'a'), ErrorCode::unsupported).contains("SHA-256"));
}
