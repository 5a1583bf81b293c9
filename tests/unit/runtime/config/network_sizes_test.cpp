// SPDX-License-Identifier: Apache-2.0
// Networks of the sizes that Kubernetes accepts, up to both limits.
#include <catch2/catch_test_macros.hpp>

#include "runtime/config/field_reader.h"

using namespace sealift::config;

TEST_CASE("the network of services has the sizes that the API server takes") {
  for (const char* good : {"10.96.0.0/12", "10.96.0.0/28", "fd00:20::/108", "fd00:20::/124"}) {
    INFO(good);
    CHECK_FALSE(bad_service_network(good));
  }
  for (const char* bad : {"10.96.0.0/11", "10.96.0.0/29", "10.96.0.0/30", "fd00:20::/107", "fd00:20::/125"}) {
    INFO(bad);
    const auto why = bad_service_network(bad);
    REQUIRE(why);
    CHECK(why->contains("prefix from"));
  }
}

TEST_CASE("networks overlap where one lies in the other, whichever is named first") {
  CHECK(cidrs_overlap("10.0.0.0/8", "10.244.0.0/16"));
  CHECK(cidrs_overlap("10.244.0.0/16", "10.0.0.0/8"));
  CHECK_FALSE(cidrs_overlap("10.244.0.0/16", "10.245.0.0/16"));
  CHECK_FALSE(cidrs_overlap("10.244.0.0/16", "fd00::/8"));
}
