// SPDX-License-Identifier: Apache-2.0
//
// What a cluster has recorded of its deliveries, for people and as JSON.
#pragma once

#include <string>
#include <vector>

#include "payload/json/value.h"
#include "runtime/host/artifact_record.h"
#include "runtime/steps/history.h"

namespace sealift::report {

// A heading for each artifact, then a table of its applications.
std::vector<std::string> artifact_lines(const std::vector<host::ArtifactRecord>& artifacts);
// A heading for each delivery, then a line for each thing that it changed.
std::vector<std::string> history_lines(const std::vector<steps::HistoryEntry>& entries);

// {"event":"artifact","name":…,"version":…,"identity":…,"base":true,"kubernetes":…,"delivered_by":…,"delivered_at":…,
// "applications":[{"name":…,"kind":"helm","release":…,"namespace":…,"version":…}]}; what is not known is left out
std::string to_json(const host::ArtifactRecord& artifact);
// {"event":"delivery","when":…,"by":…,"name":…,"version":…,"identity":…,"result":"complete",
// "applications":[{"name":…,"change":"installed","version":…}],"joined":[…],"removed":[…]}
json::Value delivery_value(const steps::HistoryEntry& entry);
std::string to_json(const steps::HistoryEntry& entry);

}  // namespace sealift::report
