// SPDX-License-Identifier: Apache-2.0
#include "runtime/config/field_reader.h"

#include <algorithm>

#include "payload/base/duration.h"
#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::config {

void Problems::add(const yaml::Node& at, ErrorCode code, std::string message) {
  if (closed_.contains({at.line, at.column})) return;
  list_.push_back({file_, at.line, at.column, code, std::move(message)});
}

void Problems::add_last(const yaml::Node& at, std::string message) {
  add(at, std::move(message));
  closed_.insert({at.line, at.column});
}

std::vector<Problem> Problems::take() {
  std::ranges::stable_sort(list_, [](const Problem& a, const Problem& b) {
    return std::pair(a.line, a.column) < std::pair(b.line, b.column);
  });
  return std::move(list_);
}

Mapping::Mapping(const yaml::Node& node, Problems& problems, const Fields& fields) : node_(&node), problems_(problems) {
  if (node.kind != yaml::Kind::mapping) {
    if (!node.is_null()) problems.add(node, base::format("{} must be a mapping of fields", fields.what));
    return;
  }
  for (const auto& [key, value] : node.members) {
    if (std::ranges::contains(fields.known, key)) continue;
    if (std::ranges::contains(fields.later, key)) {
      problems.add(
          value, ErrorCode::unsupported,
          base::format("the field \"{}\" of {} is not supported by this version; remove it", key, fields.what));
      continue;
    }
    const auto near = base::nearest(key, fields.known);
    const std::vector<std::string> words(fields.known.begin(), fields.known.end());
    problems.add(value, base::format("the field \"{}\" is not known in {}; {}", base::printable(key), fields.what,
                                     near ? base::format("did you mean \"{}\"?", *near)
                                          : "known are " + base::join(words, ", ")));
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
  if (node_->find(key) != nullptr) {
    bad(key, base::format("the field \"{}\" has no value", key));
  } else if (node_->kind == yaml::Kind::mapping || node_->is_null()) {
    bad(key, base::format("the field \"{}\" is missing here", key));
  }
  return false;
}

void Mapping::text(std::string_view key, std::string& target) const {
  const auto* node = find(key);
  if (node == nullptr) return;
  if (const auto value = node->as_string(); value && !value->empty()) {
    target = *value;
  } else {
    bad(key, base::format("\"{}\" must be a text", key));
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
  const auto value = base::parse_u64(node->as_string().value_or(""));  // in quotes, too: it can mean nothing else
  if (value && *value >= 1 && *value <= 65535) {
    target = static_cast<uint16_t>(*value);
  } else {
    bad(key, base::format("\"{}\" must be a port number from 1 to 65535", key));
  }
}

void Mapping::boolean(std::string_view key, bool& target) const {
  const auto* node = find(key);
  if (node == nullptr) return;
  if (const auto value = node->as_bool())
    target = *value;
  else
    bad(key, base::format("\"{}\" must be true or false", key));
}

std::vector<const yaml::Node*> Mapping::texts(std::string_view key) const {
  std::vector<const yaml::Node*> out;
  const auto* node = find(key);
  if (node == nullptr) return out;
  if (node->kind != yaml::Kind::sequence) {
    bad(key, base::format("\"{}\" must be a list: [a, b]", key));
    return out;
  }
  for (const auto& item : node->items) {
    if (item.as_string().value_or("").empty()) {
      problems_.add(item, base::format("\"{}\" must hold texts only", key));
    } else {
      out.push_back(&item);
    }
  }
  return out;
}

std::string Reading::beside(const std::string& file) const {
  if (file == "~" || file.starts_with("~/")) {
    const auto home = variables.find("HOME");
    return home == variables.end() ? file : home->second + file.substr(1);
  }
  if (file.starts_with('/')) return file;
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? file : path.substr(0, slash + 1) + file;
}

std::string Reading::content_of(const Mapping& fields, std::string_view key, const std::string& file) {
  constexpr size_t kMaxSiteFileBytes = size_t{1} << 20;
  auto content = read_file(beside(file), kMaxSiteFileBytes);
  if (content) return std::move(*content);
  fields.bad(key, content.error().code == ErrorCode::not_found
                      ? base::format("the file {} is not there; paths count from the folder of {}",
                                     base::printable(beside(file), 1000), path)
                      : base::printable(content.error().text(), 1000));
  return {};
}

void read_duration(const Mapping& fields, std::string_view key, Duration& target) {
  std::string text;
  fields.text(key, text);
  if (text.empty()) return;
  const auto parsed = base::parse_duration(text);
  if (!parsed)
    fields.bad(key, base::format("\"{}\" is not a time such as 90s, 10m or 1h30m", base::printable(text, 40)));
  target = parsed.value_or(target);
}

}  // namespace sealift::config
