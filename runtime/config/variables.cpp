// SPDX-License-Identifier: Apache-2.0
#include "payload/base/expand.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/config/field_reader.h"

namespace sealift::config {
namespace {

std::string why(const base::ExpandProblem& problem) {
  using Kind = base::ExpandProblem::Kind;
  switch (problem.kind) {
    case Kind::not_closed: return "${ without }; write $${ where the text itself is meant";
    case Kind::not_set:
      return base::format("the variable {} is not set and has no default; set it, or write ${{{}:-default}}",
                          problem.name, problem.name);
    case Kind::too_long:
      return base::format("with the value of {} this text is larger than any setting may be", problem.name);
    case Kind::bad_name:
    case Kind::lone_dollar: break;
  }
  return base::format(
      "${{{}}} is not a variable: write ${{NAME}} or ${{NAME:-default}}, or $${{ where the text itself is meant",
      base::printable(problem.name, 60));
}

}  // namespace

void expand_variables(yaml::Node& node, const std::map<std::string, std::string>& variables, Problems& problems) {
  for (auto& item : node.items) expand_variables(item, variables, problems);
  for (auto& [key, value] : node.members) expand_variables(value, variables, problems);
  if (node.kind != yaml::Kind::scalar || !node.text.contains("${")) return;
  const auto value = [&](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
  auto expanded = base::expand(node.text, {.value = value, .names = base::ExpandRules::Names::identifiers});
  if (!expanded) return problems.add_last(node, why(expanded.error()));
  node.text = std::move(*expanded);
}

}  // namespace sealift::config
