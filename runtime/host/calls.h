// SPDX-License-Identifier: Apache-2.0
//
// How the values of Host travel as JSON: one pair of functions a type, used by both ends. Internal to this library.
#pragma once

#include "payload/json/value.h"
#include "runtime/host/host.h"

namespace sealift::host {

json::Value to_json(const FileStatus& value);
Result<FileStatus> file_status_from(const json::Value& value);
json::Value to_json(const UnitState& value);
UnitState unit_state_from(const json::Value& value);
json::Value to_json(const Facts& value);
Result<Facts> facts_from(const json::Value& value);
json::Value to_json(const DiskSpace& value);
DiskSpace disk_space_from(const json::Value& value);
json::Value to_json(const LedgerEntry& value);
LedgerEntry ledger_entry_from(const json::Value& value);
json::Value to_json(const base::Command& value);
base::Command command_from(const json::Value& value);

json::Value texts_to_json(const std::vector<std::string>& texts);
std::vector<std::string> texts_from(const json::Value* value);

}  // namespace sealift::host
