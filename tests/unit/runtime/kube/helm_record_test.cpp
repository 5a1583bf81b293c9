// SPDX-License-Identifier: Apache-2.0
#include "runtime/kube/helm_record.h"
#include "payload/base/format.h"

#include <catch2/catch_test_macros.hpp>

#include "tests/support/helm_release.h"

using namespace sealift;
using Releases = std::vector<kube::ReleaseObjects>;

TEST_CASE("helm's record of a release is read as helm writes it, and written so that it is read again") {
  const auto record = kube::decode_helm_record(tests::kHelmRecord);
  REQUIRE(record);
  CHECK(record->text_or("name", "") == "shop");
  const auto again = kube::decode_helm_record(kube::encode_helm_record(*record));
  REQUIRE(again);
  CHECK(*again == *record);
  for (const auto* bad : {"", "!", "QUJD", "UVVKRA=="}) CHECK_FALSE(kube::decode_helm_record(bad));
}

TEST_CASE(
    "of releases what must be in the cluster is told: no values, no hooks; what helm would not read is left out") {
  const auto found = kube::release_objects(base::format(
      "store  shop  {}\nstore  odd  !\nother  short\n\nspare  twin  {}\n", tests::kHelmRecord, tests::kHelmRecord));
  CHECK(found == Releases{{"shop", "store", {{"Deployment", "store", "shop"}}},
                          {"twin", "spare", {{"Deployment", "spare", "shop"}}}});
  const auto text = kube::to_json(found);
  CHECK(text.starts_with(
      R"([{"namespace":"store","objects":[{"kind":"Deployment","name":"shop","namespace":"store"}],"release":"shop"})"));
  const auto read = kube::release_objects_of_json(text);
  REQUIRE(read);
  CHECK(*read == found);
  for (const auto* bad : {"", "{}", "[", "x"}) {
    const auto refused = kube::release_objects_of_json(bad);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::protocol);
  }
}
