// SPDX-License-Identifier: Apache-2.0
#include "packer/convert/site_values.h"

#include <algorithm>
#include <array>

#include "payload/base/text.h"

namespace sealift::convert {
namespace {

bool is_secret_key(std::string_view key) {
  constexpr auto kParts =
      std::to_array<std::string_view>({"passw", "secret", "token", "privatekey", "accesskey", "apikey", "credential"});
  const std::string lower = base::to_lower(key);
  return std::ranges::any_of(kParts, [&](std::string_view part) { return lower.contains(part); });
}

std::string variable_of(std::string_view path) {
  std::string out;
  for (const char c : path) {
    const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    const bool is_lower = c >= 'a' && c <= 'z';
    out += !is_letter ? '_' : static_cast<char>(is_lower ? c - 'a' + 'A' : c);
  }
  return out.empty() || (out[0] >= '0' && out[0] <= '9') ? "_" + out : out;
}

void hide(yaml::Node& node, const std::string& path, bool is_secret, std::vector<std::string>& variables) {
  if (node.kind == yaml::Kind::scalar) {
    if (is_secret && !node.text.empty() && !node.as_bool()) {
      variables.push_back(variable_of(path));
      node = yaml::Node::make_string("${" + variables.back() + "}");
    } else {
      node.text = base::replace_all(node.text, "${", "$${");
    }
  }
  for (auto& [key, value] : node.members) hide(value, path + "_" + key, is_secret_key(key), variables);
  for (size_t i = 0; i < node.items.size(); ++i)
    hide(node.items[i], path + "_" + std::to_string(i), is_secret, variables);
}

}  // namespace

std::vector<std::string> hide_secrets(yaml::Node& values, const std::string& app) {
  std::vector<std::string> out;
  hide(values, app, false, out);
  return out;
}

}  // namespace sealift::convert
