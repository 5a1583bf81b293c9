// SPDX-License-Identifier: Apache-2.0
#include "payload/yaml/node.h"

#include <algorithm>
#include <array>

#include "payload/base/text.h"

namespace sealift::yaml {
Node Node::make_string(std::string text) {
  Node node;
  node.kind = Kind::scalar;
  node.text = std::move(text);
  node.quoted = true;
  return node;
}
Node Node::make_plain(std::string text) {
  Node node = make_string(std::move(text));
  node.quoted = false;
  return node;
}
Node Node::make_sequence() {
  Node node;
  node.kind = Kind::sequence;
  return node;
}
Node Node::make_mapping() {
  Node node;
  node.kind = Kind::mapping;
  return node;
}

const Node* Node::find(std::string_view key) const {
  const auto found = std::ranges::find(members, key, &std::pair<std::string, Node>::first);
  return found == members.end() ? nullptr : &found->second;
}
Node* Node::find(std::string_view key) {
  const auto found = std::ranges::find(members, key, &std::pair<std::string, Node>::first);
  return found == members.end() ? nullptr : &found->second;
}
const Node* Node::at_path(std::string_view path) const {
  const Node* at = this;
  for (const auto part : base::split(path, '/')) {
    at = at->find(part);
    if (at == nullptr) return nullptr;
  }
  return at;
}

std::string Node::text_at(std::string_view path) const {
  const Node* found = at_path(path);
  return found == nullptr ? "" : found->as_string().value_or("");
}

Node& Node::set(std::string key, Node value) {
  if (kind == Kind::null) kind = Kind::mapping;
  if (Node* there = find(key)) {
    *there = std::move(value);
    return *there;
  }
  members.emplace_back(std::move(key), std::move(value));
  return members.back().second;
}
void Node::push_back(Node value) {
  if (kind == Kind::null) kind = Kind::sequence;
  items.push_back(std::move(value));
}

std::optional<std::string> Node::as_string() const {
  if (kind != Kind::scalar) return std::nullopt;
  return text;
}
std::optional<bool> Node::as_bool() const {
  if (kind != Kind::scalar || quoted) return std::nullopt;
  const std::string word = base::to_lower(text);
  if (word == "true" || word == "yes" || word == "on") return true;
  if (word == "false" || word == "no" || word == "off") return false;
  return std::nullopt;
}
std::optional<uint64_t> Node::as_u64() const {
  if (kind != Kind::scalar || quoted) return std::nullopt;
  return base::parse_u64(text);
}

bool same_value(const Node& a, const Node& b) {
  if (a.kind != b.kind || a.items.size() != b.items.size() || a.members.size() != b.members.size()) return false;
  if (a.kind == Kind::scalar) return a.text == b.text && a.quoted == b.quoted;
  if (!std::ranges::equal(a.items, b.items, same_value)) return false;
  for (size_t i = 0; i < a.members.size(); ++i) {
    const auto& [key, value] = a.members[i];
    const Node* other = b.members[i].first == key ? &b.members[i].second : b.find(key);
    if (other == nullptr || !same_value(value, *other)) return false;
  }
  return true;
}

void merge(Node& into, const Node& over) {
  if (into.kind != Kind::mapping || over.kind != Kind::mapping) {
    into = over;
    return;
  }
  for (const auto& [key, value] : over.members) {
    if (Node* there = into.find(key)) {
      merge(*there, value);
    } else {
      into.members.emplace_back(key, value);
    }
  }
}

}  // namespace sealift::yaml
