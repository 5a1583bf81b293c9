// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "payload/base/text.h"
#include "runtime/config/reader.h"

namespace sealift::config {
namespace {

bool is_variable(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !name.empty() && letter(name.front()) && std::ranges::all_of(name, [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

// `inner` stands between the braces. Nothing after a problem.
std::optional<std::string> value_of(std::string_view inner, const std::map<std::string, std::string>& variables, const yaml::Node& at, Problems& problems) {
  const size_t separator = inner.find(":-");
  const std::string name(inner.substr(0, separator));
  if (!is_variable(name)) {
    problems.add_last(at, std::format("${{{}}} is not a variable: write ${{NAME}} or ${{NAME:-default}}, or $${{ where the text itself is meant", base::printable(inner, 60)));
    return std::nullopt;
  }
  const auto found = variables.find(name);
  if (found != variables.end() && !(found->second.empty() && separator != std::string_view::npos)) return found->second;
  if (separator != std::string_view::npos) return std::string(inner.substr(separator + 2));
  problems.add_last(at, std::format("the variable {} is not set and has no default; set it, or write ${{{}:-default}}", name, name));
  return std::nullopt;
}

}  // namespace

void expand_variables(yaml::Node& node, const std::map<std::string, std::string>& variables, Problems& problems) {
  for (auto& item : node.items) expand_variables(item, variables, problems);
  for (auto& [key, value] : node.members) expand_variables(value, variables, problems);
  if (node.kind != yaml::Kind::scalar || !node.text.contains("${")) return;
  std::string out;
  std::string_view rest = node.text;
  for (size_t at = rest.find("${"); at != std::string_view::npos; at = rest.find("${")) {
    if (at > 0 && rest[at - 1] == '$') {
      out += rest.substr(0, at - 1);
      out += "${";
      rest.remove_prefix(at + 2);
      continue;
    }
    out += rest.substr(0, at);
    rest.remove_prefix(at + 2);
    const size_t end = rest.find('}');
    if (end == std::string_view::npos) return problems.add_last(node, "${ without }; write $${ where the text itself is meant");
    const auto value = value_of(rest.substr(0, end), variables, node, problems);
    if (!value) return;
    out += *value;
    rest.remove_prefix(end + 1);
  }
  out += rest;
  node.text = std::move(out);
}

}  // namespace sealift::config
