// SPDX-License-Identifier: Apache-2.0
#include "payload/workloads/embedded.h"

#include <algorithm>

#include "payload/base/text.h"
#include "payload/json/value.h"

namespace sealift::workloads {
namespace {

yaml::Node node_of(const json::Value& value) {
  if (const auto* text = value.string()) return yaml::Node::make_string(*text);
  if (const auto* elements = value.elements()) {
    auto out = yaml::Node::make_sequence();
    for (const auto& element : *elements) out.items.push_back(node_of(element));
    return out;
  }
  if (const auto* members = value.members()) {
    auto out = yaml::Node::make_mapping();
    for (const auto& [key, member] : *members) out.members.emplace_back(key, node_of(member));
    return out;
  }
  return value.is_null() ? yaml::Node() : yaml::Node::make_plain(json::to_canonical(value));
}

}  // namespace

bool may_hold_images(std::string_view text) {
  const auto start = base::trim(text.substr(0, 200));
  if (start.empty() || start.starts_with("#!") || start.starts_with("-----BEGIN") || start.starts_with("{{"))
    return false;
  const bool one_line = !text.contains('\n') && start.front() != '{' && start.front() != '[' && !text.contains(": ");
  if (one_line || !text.contains(':')) return false;
  if (text.contains("mage") || text.contains("MAGE") || text.contains("repository")) return true;
  return text.size() < (size_t{256} << 10) && text.contains('/');
}

std::vector<yaml::Node> documents_inside(std::string_view text) {
  const auto start = base::trim(text);
  if (start.starts_with('{') || start.starts_with('[')) {  // JSON is YAML, but read much faster as what it is
    if (const auto value = json::parse(start)) {
      if (value->members() == nullptr && value->elements() == nullptr) return {};
      return {node_of(*value)};
    }
  }
  std::vector<yaml::Node> out;
  const yaml::Limits limits{.bytes = text.size(), .depth = 64, .nodes = text.size() + 16};
  const auto keep = [&](Result<yaml::Node> document) -> Result<void> {
    const bool holds = document && (document->kind == yaml::Kind::mapping || document->kind == yaml::Kind::sequence);
    if (holds) out.push_back(std::move(*document));
    return {};
  };
  static_cast<void>(yaml::for_each_document(text, "", limits, keep));
  return out;
}

}  // namespace sealift::workloads
