// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "runtime/host/artifact_record.h"

namespace sealift::tests {

// Records an artifact with these payloads below `folder`, as a delivery does; for MirrorConfig::artifacts.
inline std::string record_payloads(const std::string& folder, std::vector<std::string> payloads,
                                   const std::string& name = "tiny", bool is_base = true) {
  host::ArtifactRecord record{.name = name,
                              .version = "1",
                              .is_base = is_base,
                              .kubernetes = {},
                              .identity = {},
                              .payloads = std::move(payloads),
                              .apps = {},
                              .images = {}};
  const auto records = folder + "/artifacts";
  std::filesystem::create_directories(records);
  const auto path = records + "/" + record.file_name();
  std::ofstream(path + ".tmp") << host::to_text(record);
  std::filesystem::rename(path + ".tmp", path);
  return records;
}

}  // namespace sealift::tests
