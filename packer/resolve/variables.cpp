// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/variables.h"

#include "payload/base/expand.h"
#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::resolve {

Result<std::string> Variables::expand(const std::string& text, const Place& place, bool& depends_on_problem) const {
  const auto value = [&](const std::string& name) -> std::optional<std::string> {
    if (name == "ARCH") return "${ARCH}";
    if (without_value_.contains(name)) {
      depends_on_problem = true;
      return "";
    }
    const auto found = values_.find(name);
    return found == values_.end() ? std::nullopt : std::optional(found->second);
  };
  auto out = base::expand(text, {.value = value, .dollars = base::ExpandRules::Dollars::strict});
  if (out) return std::move(*out);
  using Kind = base::ExpandProblem::Kind;
  const std::string name = base::printable(out.error().name);
  switch (out.error().kind) {
    case Kind::lone_dollar: return bad(place, "\"$\" must begin a variable like ${NAME}; $$ is $ itself");
    case Kind::not_closed: return bad(place, "\"${\" without \"}\"");
    case Kind::too_long: return bad(place, base::format("with the value of {} this word is too long", name));
    case Kind::bad_name:
    case Kind::not_set: break;
  }
  return bad(place,
             base::format("the variable {} is not set; write ARG {} before, or ${{{}:-default}}", name, name, name));
}

Result<void> Variables::add_argument(const Given& given) {
  if (given.words.size() != 1) {
    for (const auto& word : given.words) without_value_.insert(word.text.substr(0, word.text.find('=')));
    return bad(given.place, "ARG takes NAME or NAME=default");
  }
  const auto& word = given.words[0];
  const size_t equals = word.text.find('=');
  const std::string name = word.text.substr(0, equals);
  named_.insert(name);
  if (const auto at = arguments_.find(name); at != arguments_.end()) {
    values_[name] = at->second;
  } else if (equals != std::string::npos) {
    bool depends_on_problem = false;
    auto value = expand(word.text.substr(equals + 1), word.place, depends_on_problem);
    if (!value || depends_on_problem) without_value_.insert(name);
    SEALIFT_ASSIGN(values_[name], std::move(value));
  } else if (!values_.contains(name)) {
    without_value_.insert(name);
    return fail(ErrorCode::usage, "{}: ARG {} has no default; give --build-arg {}=…", given.place.text(), name, name);
  }
  return {};
}

Result<std::map<std::string, std::string>> Variables::add_environment(const Given& given) {
  for (const auto& word : given.words) without_value_.erase(word.text.substr(0, word.text.find('=')));
  SEALIFT_ASSIGN(auto out, take_settings(given));
  for (const auto& [name, value] : out) values_[name] = value;
  return out;
}

}  // namespace sealift::resolve
