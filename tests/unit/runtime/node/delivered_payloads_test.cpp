// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/delivered_payloads.h"

#include <catch2/catch_test_macros.hpp>
#include <fstream>

#include "tests/support/fake_clock.h"
#include "tests/support/recorded_payloads.h"
#include "tests/support/tiny_payload.h"

using namespace sealift;

TEST_CASE("a payload of which only the charts are used here is not served") {
  const tests::TemporaryFolder folder;
  tests::TinyPayload tiny{folder};
  tiny.store(folder / "stored.payload");
  const auto records = tests::record_payloads(folder.path(), {folder / "stored.payload"});
  tests::FakeClock clock;
  node::DeliveredPayloads payloads(records, clock);
  CHECK(payloads.sources().size() == 1);
  CHECK(payloads.titles() == "tiny 1");
  host::ArtifactRecord record{.name = "tiny", .version = "1", .is_base = true, .payloads = {folder / "stored.payload"}};
  record.is_served = false;
  const auto path = records + "/" + record.file_name();
  std::ofstream(path + ".tmp") << host::to_text(record);
  std::filesystem::rename(path + ".tmp", path);
  CHECK(payloads.sources().empty());
  CHECK(payloads.titles().empty());
}
