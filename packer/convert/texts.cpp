// SPDX-License-Identifier: Apache-2.0
#include "packer/convert/texts.h"

namespace sealift::convert {

using yaml::Kind;
using yaml::Node;

std::vector<std::string> texts_of(const Node* node) {
  std::vector<std::string> out;
  if (node == nullptr) return out;
  if (node->kind == Kind::scalar) out.push_back(node->text);
  for (const auto& item : node->items) out.push_back(item.as_string().value_or(""));
  std::erase(out, "");
  return out;
}

Node texts(const std::vector<std::string>& values) {
  Node out = Node::make_sequence();
  for (const auto& value : values) out.push_back(Node::make_string(value));
  return out;
}

}  // namespace sealift::convert
