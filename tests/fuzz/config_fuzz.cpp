// SPDX-License-Identifier: Apache-2.0
// Any text as cluster.yaml gives problems or a configuration, each problem with a place and a sentence; no
// file is read.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "runtime/config/parse.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sealift;
  using namespace sealift::config;
  if (size > 16384) return 0;
  const FileReader read = [](const std::string& path, size_t) -> Result<std::string> {
    if (path.ends_with(".yaml")) return std::string("a: {b: c}\n");
    return fail(ErrorCode::not_found, "open {}: not there", path);
  };
  const auto parsed = parse_cluster_config({reinterpret_cast<const char*>(data), size}, "site/cluster.yaml",
                                           {{"HOME", "/root"}, {"A", "x: y\n- z"}}, read);
  if (!parsed) return 0;
  for (const auto& problem : parsed->problems) {
    if (problem.line < 1 || problem.column < 1 || problem.message.empty()) std::abort();
    for (const char c : problem.message) {
      if (static_cast<unsigned char>(c) < 0x20) std::abort();
    }
  }
  if (!parsed->problems.empty()) return 0;
  if (parsed->config.hosts.empty() || parsed->config.name.empty()) std::abort();
  for (const auto& host : parsed->config.hosts) {
    if (host.address.find_first_of(" '\"$`;&|/\n") != std::string::npos || host.address.starts_with('-')) std::abort();
  }
  return 0;
}
