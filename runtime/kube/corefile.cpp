// SPDX-License-Identifier: Apache-2.0
#include "runtime/kube/corefile.h"

#include "payload/base/text.h"

namespace sealift::kube {

bool is_usable_name_server(std::string_view address) { return !address.empty() && !address.starts_with("127.") && address != "::1"; }

std::string with_upstreams(std::string_view corefile, const std::vector<std::string>& servers) {
  std::string out;
  int depth = 0;  // inside a dropped or replaced forward block
  for (const auto line : base::split(corefile, '\n')) {
    const auto trimmed = base::trim(line);
    if (depth > 0) {
      if (trimmed.ends_with('{')) ++depth;
      if (trimmed == "}") --depth;
      if (!servers.empty()) out += std::string(line) + "\n";
      continue;
    }
    if (!trimmed.starts_with("forward ")) {
      out += std::string(line) + "\n";
      continue;
    }
    const bool block = trimmed.ends_with('{');
    if (block) depth = 1;
    if (!servers.empty()) {
      const std::string indent(line.substr(0, line.find('f')));
      out += indent + "forward . " + base::join(servers, " ") + (block ? " {\n" : "\n");
    }
  }
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

}  // namespace sealift::kube
