// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/disk_history_file.h"

#include "payload/base/file.h"
#include "payload/base/format.h"
#include "runtime/report/state_directory.h"

namespace sealift::cli {
namespace {

constexpr size_t kMostHistory = size_t{16} << 20;

std::string history_path(const std::string& state) { return state + "/disks.json"; }

}  // namespace

inspection::DiskHistory read_disk_history(const std::string& state, EventSink& events) {
  const auto text = base::read_text_file(history_path(state), kMostHistory);
  if (!text && text.error().code == ErrorCode::not_found) return {};
  auto history = text.and_then([](const std::string& json) { return inspection::DiskHistory::parse(json); });
  if (history) return std::move(*history);
  base::tell(events, Level::warning, base::format("{} begins anew: {}", history_path(state), history.error().text()));
  return {};
}

void keep_disk_history(const std::string& state, const inspection::DiskHistory& history, EventSink& events) {
  const auto kept = report::make_state_directory(state).and_then([&] {
    const std::string text = history.text();
    return base::write_file_atomic(history_path(state), base::as_bytes(text), 0600);
  });
  if (!kept) base::tell(events, Level::warning, "how full the disks are is not kept: " + kept.error().text());
}

}  // namespace sealift::cli
