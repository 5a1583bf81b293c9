// SPDX-License-Identifier: Apache-2.0
#include "runtime/kube/corefile.h"

#include <algorithm>

#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::kube {

bool is_usable_name_server(std::string_view address) {
  return !address.empty() && !address.starts_with("127.") && address != "::1";
}

namespace {

// The server block for all names: ".:53 {", ". {", ".:53 corp.example:53 {".
bool is_root_block(std::string_view header) {
  return std::ranges::any_of(base::split(header, ' '),
                             [](std::string_view zone) { return zone == "." || zone.starts_with(".:"); });
}

}  // namespace

std::string with_upstreams(std::string_view corefile, const std::vector<std::string>& servers) {
  const std::string upstreams = base::join(servers, " ");
  std::string out;
  int depth = 0, forward = 0;  // depth of blocks; depth of the forward block being replaced or dropped, else 0
  bool root = false, placed = false;
  for (const auto line : base::split(corefile, '\n')) {
    const auto trimmed = base::trim(line);
    const bool opens = trimmed.ends_with('{'), closes = trimmed == "}";
    if (depth == 0 && opens) root = is_root_block(trimmed);
    const bool is_forward = root && depth == 1 && trimmed.starts_with("forward . ");
    if (closes && root && depth == 1 && !placed && !servers.empty())
      out += base::format("    forward . {} {{\n       max_concurrent 1000\n    }}\n", upstreams);
    if (is_forward) {
      if (!servers.empty())
        out += base::format("{}forward . {}{}\n", line.substr(0, line.find('f')), upstreams, opens ? " {" : "");
      if (opens) forward = depth + 1;
    } else if (forward == 0 || !servers.empty()) {
      out += std::string(line) + "\n";
    }
    placed = (placed && depth > 0) || is_forward;
    depth += (opens ? 1 : 0) - (closes ? 1 : 0);
    if (depth < forward) forward = 0;
  }
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

}  // namespace sealift::kube
