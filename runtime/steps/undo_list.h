// SPDX-License-Identifier: Apache-2.0
//
// A ledger read backwards: for each thing that was changed, what it was before the first change. Pure.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "runtime/host/change.h"

namespace sealift::steps {

// Steps of a reset: what they record is no change to be undone.
inline constexpr std::string_view kResetSteps = "reset.";
// Completed when everything has been undone, and only what tells so is left.
inline constexpr std::string_view kResetEnd = "reset.end";

struct UndoList {
  struct Path {
    std::string path;
    host::PathBefore before;
    std::optional<Digest> written;  // of the last file; none: unknown
    bool operator==(const Path&) const = default;
  };
  struct Unit {
    std::string name;
    host::UnitChanged::Before before;
    bool operator==(const Unit&) const = default;
  };
  std::vector<Path> paths;                                   // the order to undo them: last changed first
  std::vector<Unit> units;                                   // likewise
  std::vector<std::string> modules;                          // that were not loaded before; likewise
  std::vector<std::pair<std::string, std::string>> sysctls;  // key and value before; likewise
  std::vector<std::string> payloads;                         // of a registry host
  std::vector<std::string> caches;                           // folders that go with all that programs kept there
  std::set<std::string> completed;                           // steps
  bool keeps_cluster = false;  // it was there before (kBeforeStepOfExisting): what its programs made is not undone
  const Path* find(std::string_view path) const;
};

UndoList undo_list(const std::vector<host::LedgerEntry>& ledger);

// What is on a host after a reset that was not there before it was delivered to, or is no more, or is different.
struct Differences {
  std::vector<std::string> left;    // of Sealift's or the cluster's making: "link cni0 is there", "path /etc/x is gone"
  std::vector<std::string> others;  // somebody else's changes since
};
Differences compare(const host::Footprint& before, const host::Footprint& now, const UndoList& undo);

}  // namespace sealift::steps
