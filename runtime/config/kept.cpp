// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/config/cluster_config.h"

namespace sealift::config {
namespace {

// Parts of keys, in lower case, whose values are secrets in charts' values and in kubeadm's documents.
constexpr auto kSecretWords = std::to_array<std::string_view>(
    {"pass", "secret", "token", "credential", "private", "apikey", "accesskey", "auth", "certificatekey", "license"});
constexpr std::string_view kNotKept = "(not kept)";
constexpr size_t kLongest = 200;  // of a value in a line

bool names_a_secret(std::string_view key) {
  const auto lower = base::to_lower(std::string(key));
  return lower == "key" ||
         std::ranges::any_of(kSecretWords, [&](std::string_view word) { return lower.contains(word); });
}

// A value that is one whatever its key is called: a private key as PEM, or a URL with a password in it.
bool holds_a_secret(std::string_view value) {
  if (value.contains("PRIVATE KEY-----")) return true;
  for (size_t at = value.find("://"); at != std::string_view::npos; at = value.find("://", at)) {
    at += 3;
    const auto authority = value.substr(at, value.find_first_of("/?# \n\"'", at) - at);
    const size_t user = authority.rfind('@');
    if (user != std::string_view::npos && authority.substr(0, user).contains(':')) return true;
  }
  return false;
}

// Everything below a key that names a secret, whatever it is.
void hide_all(yaml::Node& node) {
  if (node.kind == yaml::Kind::scalar) node = yaml::Node::make_string(std::string(kNotKept));
  for (auto& item : node.items) hide_all(item);
  for (auto& [key, value] : node.members) hide_all(value);
}

// Lists of {name: …, value: …}, as kubeadm's extraArgs and containers' env, name their values beside them.
void hide_secrets(yaml::Node& node) {
  if (node.kind == yaml::Kind::scalar && holds_a_secret(node.text)) hide_all(node);
  const bool is_named = node.find("name") != nullptr && names_a_secret(node.text_at("name"));
  for (auto& item : node.items) hide_secrets(item);
  for (auto& [key, value] : node.members) {
    // As a text, "data" is a whole file of an Application's `files`, and "patch" the whole of a Patch.
    const bool is_whole = (key == "data" || key == "patch") && value.kind == yaml::Kind::scalar;
    if (names_a_secret(key) || (is_named && key == "value") || is_whole)
      hide_all(value);
    else
      hide_secrets(value);
  }
}

// An element of a list by what people call it.
std::string name_of(const yaml::Node& item, size_t index) {
  for (const auto* key : {"name", "address", "addresses", "dest"}) {
    if (const auto text = item.text_at(key); !text.empty()) return text;
  }
  return std::to_string(index);
}

using Fields = std::map<std::string, std::string>;

void flatten(const yaml::Node& node, const std::string& path, Fields& out) {
  if (node.kind == yaml::Kind::scalar || node.kind == yaml::Kind::null) out[path] = node.text;
  for (size_t i = 0; i < node.items.size(); ++i) flatten(node.items[i], path + "/" + name_of(node.items[i], i), out);
  for (const auto& [key, value] : node.members) flatten(value, path.empty() ? key : path + "/" + key, out);
}

// The Cluster's fields by their own paths, those of other documents after their kind and name.
std::optional<Fields> fields_of(const std::string& text) {
  const auto documents = yaml::parse(text, "kept");
  if (!documents) return std::nullopt;
  Fields out;
  for (const auto& document : *documents) {
    const auto kind = document.text_at("kind"), name = document.text_at("metadata/name");
    flatten(document, kind == "Cluster" ? "" : name.empty() ? kind : kind + " " + name, out);
  }
  return out;
}

std::string shown(const std::string& value) { return value.empty() ? "\"\"" : base::printable(value, kLongest); }

}  // namespace

std::string kept_text(const std::vector<yaml::Node>& documents) {
  auto kept = documents;
  for (auto& document : kept) {
    // A Cluster names files, variables and prompts, but holds no secret itself.
    if (document.text_at("kind") != "Cluster") hide_secrets(document);
  }
  return yaml::to_yaml(kept);
}

std::vector<std::string> kept_differences(const std::string& before, const std::string& now) {
  if (before == now) return {};
  const auto was = fields_of(before), is = fields_of(now);
  if (!was || !is) return {"~ the whole file: what the cluster keeps can't be read"};
  std::vector<std::string> out;
  auto all = *was;
  all.insert(is->begin(), is->end());
  for (const auto& [path, value] : all) {
    const auto old = was->find(path), current = is->find(path);
    const auto where = base::printable(path, kLongest);
    if (old == was->end())
      out.push_back(base::format("+ {}: {}", where, shown(current->second)));
    else if (current == is->end())
      out.push_back(base::format("- {}: {}", where, shown(old->second)));
    else if (old->second != current->second)
      out.push_back(base::format("~ {}: {} → {}", where, shown(old->second), shown(current->second)));
  }
  return out;
}

}  // namespace sealift::config
