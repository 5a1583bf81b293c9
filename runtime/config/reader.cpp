// SPDX-License-Identifier: Apache-2.0
#include "runtime/config/reader.h"

#include <algorithm>

#include "payload/base/text.h"

namespace sealift::config {

std::vector<Problem> Problems::take() {
  std::ranges::stable_sort(list_, [](const Problem& a, const Problem& b) { return std::pair(a.line, a.column) < std::pair(b.line, b.column); });
  return std::move(list_);
}

Mapping::Mapping(const yaml::Node& node, Problems& problems, std::string_view what, std::initializer_list<std::string_view> known,
                 std::initializer_list<std::string_view> later)
    : node_(&node), problems_(problems) {
  if (node.kind != yaml::Kind::mapping) {
    if (!node.is_null()) problems.add(node, std::format("{} must be a mapping of fields", what));
    return;
  }
  for (const auto& [key, value] : node.members) {
    if (std::ranges::contains(known, key)) continue;
    if (std::ranges::contains(later, key)) {
      problems.add(value, ErrorCode::unsupported, std::format("the field \"{}\" of {} is not supported by this version; remove it", key, what));
      continue;
    }
    const auto near = base::nearest(key, std::span(known.begin(), known.size()));
    std::vector<std::string> fields(known.begin(), known.end());
    problems.add(value, std::format("the field \"{}\" is not known in {}; {}", base::printable(key), what,
                                    near ? std::format("did you mean \"{}\"?", *near) : "known are " + base::join(fields, ", ")));
  }
}

const yaml::Node* Mapping::find(std::string_view key) const {
  const auto* found = node_->find(key);
  return found == nullptr || found->is_null() ? nullptr : found;
}

void Mapping::bad(std::string_view key, std::string message) const {
  const auto* at = node_->find(key);
  problems_.add(at == nullptr ? *node_ : *at, std::move(message));
}

bool Mapping::require(std::string_view key) const {
  if (find(key) != nullptr) return true;
  problems_.add(*node_, std::format("the field \"{}\" is missing here", key));
  return false;
}

void Mapping::text(std::string_view key, std::string& target) const {
  const auto* node = find(key);
  if (node == nullptr) return;
  if (const auto value = node->as_string(); value && !value->empty()) {
    target = *value;
  } else {
    bad(key, std::format("\"{}\" must be a text", key));
  }
}

void Mapping::text(std::string_view key, std::optional<std::string>& target) const {
  std::string value;
  text(key, value);
  if (!value.empty()) target = value;
}

void Mapping::port(std::string_view key, uint16_t& target) const {
  const auto* node = find(key);
  if (node == nullptr) return;
  const auto value = node->as_u64();
  if (value && *value >= 1 && *value <= 65535) {
    target = static_cast<uint16_t>(*value);
  } else {
    bad(key, std::format("\"{}\" must be a port number from 1 to 65535", key));
  }
}

void Mapping::texts(std::string_view key, std::vector<std::string>& target) const {
  const auto* node = find(key);
  if (node == nullptr) return;
  const bool list = node->kind == yaml::Kind::sequence;
  if (!list || !std::ranges::all_of(node->items, [](const yaml::Node& item) { return item.as_string().value_or("") != ""; })) {
    return bad(key, std::format("\"{}\" must be a list of texts", key));
  }
  for (const auto& item : node->items) target.push_back(item.text);
}

}  // namespace sealift::config
