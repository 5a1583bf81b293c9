// SPDX-License-Identifier: Apache-2.0
#include "packer/convert/helm_values.h"

#include <algorithm>
#include <optional>
#include <variant>

#include "payload/base/text.h"

namespace sealift::convert {
namespace {

constexpr size_t kMaxIndex = 200;  // more is a mistake; helm's own limit is 65536
constexpr size_t kMaxSteps = 60;   // what our own YAML may have, and less than a mistake's million

using Step = std::variant<std::string, size_t>;  // a key, or a place in a list

std::unexpected<Error> bad(std::string_view text) {
  return fail(ErrorCode::invalid_input, "\"{}\" is not key=value", base::printable(text.substr(0, text.find('='))));
}

// At this sign outside brackets and without a backslash before it.
std::vector<std::string_view> split_unescaped(std::string_view text, char sign) {
  std::vector<std::string_view> out;
  size_t begin = 0;
  int depth = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '{') {
      ++depth;
    } else if (text[i] == '}') {
      depth = std::max(depth - 1, 0);
    } else if (text[i] == sign && depth == 0) {
      out.push_back(text.substr(begin, i - begin));
      begin = i + 1;
    }
  }
  out.push_back(text.substr(begin));
  return out;
}

std::string unescaped(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    out += text[i];
  }
  return out;
}

std::optional<std::vector<Step>> path_of(std::string_view key) {
  std::vector<Step> out;
  for (auto part : split_unescaped(key, '.')) {
    const size_t bracket = std::min(part.find('['), part.size());
    if (bracket == 0) return std::nullopt;
    out.emplace_back(unescaped(part.substr(0, bracket)));
    part.remove_prefix(bracket);
    while (part.starts_with('[')) {
      const size_t end = part.find(']');
      const auto index = base::parse_u64(part.substr(1, end == std::string_view::npos ? 0 : end - 1));
      if (!index || *index > kMaxIndex) return std::nullopt;
      out.emplace_back(static_cast<size_t>(*index));
      part.remove_prefix(end + 1);
    }
    if (!part.empty()) return std::nullopt;
  }
  if (out.size() > kMaxSteps) return std::nullopt;
  return out;
}

yaml::Node scalar(std::string_view text, SetType type) {
  const std::string value = unescaped(text);
  if (type == SetType::string) return yaml::Node::make_string(value);
  if (value == "null") return {};
  const bool is_number =
      base::parse_u64(value.starts_with('-') ? std::string_view(value).substr(1) : value).has_value() &&
      (value == "0" || !value.starts_with('0'));
  return value == "true" || value == "false" || is_number ? yaml::Node::make_plain(value)
                                                          : yaml::Node::make_string(value);
}

yaml::Node value_of(std::string_view text, SetType type) {
  if (!text.starts_with('{') || !text.ends_with('}')) return scalar(text, type);
  auto out = yaml::Node::make_sequence();
  for (const auto item : split_unescaped(text.substr(1, text.size() - 2), ','))
    if (!item.empty()) out.push_back(scalar(item, type));
  return out;
}

yaml::Node& step_into(yaml::Node& node, const Step& step) {
  if (const auto* key = std::get_if<std::string>(&step)) {
    if (node.kind != yaml::Kind::mapping) node = yaml::Node::make_mapping();
    auto* member = node.find(*key);
    return member != nullptr ? *member : node.set(*key, {});
  }
  const size_t index = std::get<size_t>(step);
  if (node.kind != yaml::Kind::sequence) node = yaml::Node::make_sequence();
  if (node.items.size() <= index) node.items.resize(index + 1);
  return node.items[index];
}

}  // namespace

Result<void> set_values(std::string_view text, SetType type, yaml::Node& values) {
  for (const auto setting : split_unescaped(text, ',')) {
    if (base::trim(setting).empty()) continue;
    const size_t equals = setting.find('=');
    const auto path = path_of(base::trim(setting.substr(0, equals)));
    if (equals == std::string_view::npos || !path) return bad(setting);
    yaml::Node* node = &values;
    for (const auto& step : *path) node = &step_into(*node, step);
    *node = value_of(setting.substr(equals + 1), type);
  }
  return {};
}

}  // namespace sealift::convert
