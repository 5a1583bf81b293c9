// SPDX-License-Identifier: Apache-2.0
#include "packer/charts/address.h"

#include <catch2/catch_test_macros.hpp>

using namespace sealift;
using charts::Address;

namespace {

Address parsed(std::string_view text) {
  INFO(text);
  auto out = charts::parse_address(text);
  if (!out) FAIL(out.error().text());
  CHECK(out->text == text);
  return std::move(*out);
}

std::string refused(std::string_view text) {
  INFO(text);
  const auto out = charts::parse_address(text);
  REQUIRE_FALSE(out);
  CHECK(out.error().code == ErrorCode::invalid_input);
  return out.error().text();
}

}  // namespace

TEST_CASE("a chart's address is a URL, an artifact in a registry or a chart of a repository") {
  CHECK(parsed("https://h.example/a/x.tgz").kind == Address::Kind::url);
  const auto oci = parsed("oci://r.example/charts/erp:1.2.3+4");
  CHECK(oci.kind == Address::Kind::oci);
  CHECK(oci.reference.text() == "r.example/charts/erp:1.2.3_4");
  CHECK(parsed("oci://localhost:5000/erp:1").reference.registry == "localhost:5000");
  const std::string digest = "sha256:" + std::string(64, 'a');
  CHECK(parsed("oci://r.example/erp@" + digest).reference.digest->text() == digest);
  const auto repository = parsed("repo:https://h.example/charts/stable/erp@1.2.3");
  CHECK(repository.kind == Address::Kind::repository);
  CHECK(repository.url == "https://h.example/charts/stable");
  CHECK(repository.name == "erp");
  CHECK(repository.version == "1.2.3");
  CHECK(parsed("repo:http://127.0.0.1:80/erp").version.empty());
}

TEST_CASE("an address that can't be one says how to write it") {
  CHECK(refused("oci://r.example/erp").contains("names no version"));
  CHECK(refused("oci://r.example:5000/erp").contains("names no version"));
  CHECK(refused("oci://r.example/erp:").contains("names no version"));
  CHECK(refused("oci://charts/erp:1").contains("names no registry"));
  CHECK(refused("oci://r.example/erp:^1.2").contains("erp"));
  CHECK(refused("repo:h.example/erp@1").contains("repo:https://HOST"));
  CHECK(refused("repo:https://h.example").contains("repo:https://HOST"));
  CHECK(refused("repo:https://h.example/").contains("repo:https://HOST"));
  CHECK(refused("https://").contains("URL"));
}

TEST_CASE("dependencies have addresses too") {
  CHECK(charts::address_of("https://h.example/stable/", "erp", "1.2.3")->text ==
        "repo:https://h.example/stable/erp@1.2.3");
  CHECK(charts::address_of("oci://r.example/charts", "erp", "1.2.3")->text == "oci://r.example/charts/erp:1.2.3");
  CHECK_FALSE(charts::address_of("@stable", "erp", "1.2.3"));
  CHECK_FALSE(charts::address_of("", "erp", "1.2.3"));
}

TEST_CASE("one version is told from a range of them") {
  for (const auto* text : {"1.2.3", "v1.2.3", "0.0.1-rc.1", "1.2.3+build.5", "10.20.30-a+b"}) {
    INFO(text);
    CHECK(charts::is_exact_version(text));
  }
  for (const auto* text : {"", "1", "1.2", "^1.2.3", "~1.2.3", ">=1.2.3", "1.x.x", "1.2.*", "1.2.3 || 2.0.0", "1.2.3.4",
                           "1..3", "latest"}) {
    INFO(text);
    CHECK_FALSE(charts::is_exact_version(text));
  }
}
