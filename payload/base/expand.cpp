// SPDX-License-Identifier: Apache-2.0
#include "payload/base/expand.h"

#include <algorithm>

namespace sealift::base {
namespace {

bool is_identifier(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !name.empty() && letter(name.front()) &&
         std::ranges::all_of(name, [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

}  // namespace

std::expected<std::string, ExpandProblem> expand(std::string_view text, const ExpandRules& rules) {
  using Kind = ExpandProblem::Kind;
  using Dollars = ExpandRules::Dollars;
  std::string out;
  size_t at = 0;
  for (size_t dollar = text.find('$'); dollar != std::string_view::npos; dollar = text.find('$', at)) {
    out += text.substr(at, dollar - at);
    const auto rest = text.substr(dollar);
    if (rest.starts_with("$${") || (rest.starts_with("$$") && rules.dollars != Dollars::as_written)) {
      out += '$';
      at = dollar + 2;
    } else if (rest.starts_with("${")) {
      const size_t end = rest.find('}');
      if (end == std::string_view::npos) return std::unexpected(ExpandProblem{Kind::not_closed, {}, dollar});
      const auto inner = rest.substr(2, end - 2);
      const size_t separator = inner.find(":-");
      const std::string name(inner.substr(0, separator));
      if (rules.names == ExpandRules::Names::identifiers && !is_identifier(name))
        return std::unexpected(ExpandProblem{Kind::bad_name, name, dollar});
      const auto value = rules.value(name);
      const bool has_default = separator != std::string_view::npos;
      if (!value && !has_default) return std::unexpected(ExpandProblem{Kind::not_set, name, dollar});
      out += value && !(value->empty() && has_default) ? *value : std::string(inner.substr(separator + 2));
      if (out.size() > rules.limit) return std::unexpected(ExpandProblem{Kind::too_long, name, dollar});
      at = dollar + end + 1;
    } else {
      if (rules.dollars == Dollars::strict) return std::unexpected(ExpandProblem{Kind::lone_dollar, {}, dollar});
      out += '$';
      at = dollar + 1;
    }
  }
  out += text.substr(at);
  return out;
}

}  // namespace sealift::base
