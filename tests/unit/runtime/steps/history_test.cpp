// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/history.h"
#include "payload/base/format.h"

#include <catch2/catch_test_macros.hpp>

#include "tests/unit/runtime/steps/bench.h"

using namespace sealift;
using engine::StepState;
using steps::HistoryEntry;

namespace {

HistoryEntry sample(size_t number) {
  return {.when = base::format("2026-11-28T17:{:02}:00Z", number % 60),
          .by = "ops@laptop",
          .name = "shop",
          .version = std::to_string(number),
          .identity = "sha256:12",
          .result = "complete",
          .apps = {{"redis", "updated", "1.2.3"}, {"hello", "installed", ""}},
          .joined = {"w1"},
          .removed = {"w2"}};
}

// A control plane that keeps the ConfigMap.
struct Kept : tests::Bench {
  std::string map;
  std::string fails;
  size_t writes = 0;
  Kept() {
    machine.programs["kubectl"] = [this](tests::FakeMachine&, const base::Command& command,
                                         const base::CommandIo& io) -> Result<base::ExitStatus> {
      if (!tests::has_word(command, "apply")) return tests::ended(map);
      if (!fails.empty()) return tests::failed(fails);
      ++writes;
      map = base::as_text(io.input);
      return tests::ended();
    };
  }
  steps::HistoryStep step() {
    auto entry = sample(1);
    entry.when.clear();
    return {std::move(entry), [](const engine::LookContext&, HistoryEntry& done) { done.removed = {"w9"}; }, {}};
  }
};

}  // namespace

TEST_CASE("history: what is written is read again, newest first") {
  const std::vector<HistoryEntry> entries{sample(2), sample(1)};
  CHECK(steps::parse_history(steps::history_text(entries)).value() == entries);
  CHECK(steps::parse_history("[]").value().empty());
  CHECK(steps::parse_history(R"([{"when":"x","more":5,"applications":[{}]}, 7])").value().size() == 1);
  for (const auto* bad : {"", "{}", "[", "5"}) CHECK_FALSE(steps::parse_history(bad));
}

TEST_CASE("history: the newest hundred entries are kept, and no more than a ConfigMap may have") {
  std::vector<HistoryEntry> many;
  for (size_t i = 0; i < 150; ++i) many.push_back(sample(i));
  auto kept = steps::parse_history(steps::history_text(many)).value();
  CHECK(kept.size() == 100);
  CHECK(kept.front() == many.front());
  for (auto& entry : many) {
    for (size_t i = 0; i < 500; ++i) entry.joined.push_back(base::format("node-with-a-name-{}", i));
  }
  const auto text = steps::history_text(many);
  CHECK(text.size() < size_t{512} << 10);
  kept = steps::parse_history(text).value();
  CHECK(kept.size() > 10);
  CHECK(kept.size() < 100);
  CHECK(kept.front() == many.front());
}

TEST_CASE("history: an entry only if a host has changed since its last sync") {
  Kept kept;
  auto step = kept.step();
  CHECK(kept.check(step) == StepState::needed);  // nothing was ever synced
  REQUIRE(kept.apply(step));
  auto entries = steps::read_history(*kept.host, {}).value();
  REQUIRE(entries.size() == 1);
  CHECK(entries[0].removed == std::vector<std::string>{"w9"});
  CHECK(entries[0].result == "complete");
  // Another attempt of the same run, after a lost connection.
  REQUIRE(kept.apply(step));
  CHECK(kept.writes == 1);
  REQUIRE(kept.host->sync({"/etc"}, {"host.sync", ""}));
  auto later = kept.step();
  CHECK(kept.check(later) == StepState::done);
}

TEST_CASE("history: that it can't be kept is an error, and one that is damaged begins anew") {
  Kept kept;
  auto step = kept.step();
  kept.fails = "the server is full";
  const auto failed = kept.apply(step);
  REQUIRE_FALSE(failed);
  CHECK(failed.error().text().contains("the server is full"));
  kept.fails.clear();
  kept.map = R"({"data":{"history.json":"half"}})";
  REQUIRE(kept.apply(step));
  CHECK(steps::read_history(*kept.host, {}).value().size() == 1);
}
