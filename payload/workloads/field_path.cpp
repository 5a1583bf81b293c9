// SPDX-License-Identifier: Apache-2.0
#include "payload/workloads/field_path.h"

#include <algorithm>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/workloads/places.h"

namespace sealift::workloads {

Result<FieldPath> FieldPath::parse(std::string_view text) {
  const auto refuse = [&](std::string_view why) {
    return fail(ErrorCode::invalid_input, "\"{}\" is not a path: {}", base::printable(text), why);
  };
  FieldPath out;
  std::string_view rest = text;
  if (rest.empty()) return refuse("it is empty");
  while (!rest.empty()) {
    const char opening = rest.front();
    rest.remove_prefix(1);
    if (opening == '.') {
      const auto key = rest.substr(0, rest.find_first_of(".["));
      if (key.empty()) return refuse("a key must follow each dot");
      if (key.find_first_of("]{}*=\" \t\n") != std::string_view::npos)
        return refuse("keys with other characters than letters, digits, _ - / stand in brackets: [a key]");
      out.parts_.push_back({PartKind::key, std::string(key)});
      rest.remove_prefix(key.size());
    } else if (opening == '[') {
      const size_t end = rest.find(']');
      if (end == std::string_view::npos) return refuse("a bracket is not closed");
      const auto inside = rest.substr(0, end);
      if (inside.empty()) return refuse("nothing stands between brackets");
      if (const auto index = base::parse_u64(inside)) {
        out.parts_.push_back({PartKind::item, "", static_cast<size_t>(*index)});
      } else if (inside.starts_with("name=")) {
        out.parts_.push_back({PartKind::named_item, std::string(inside.substr(5))});
      } else {
        out.parts_.push_back({PartKind::key, std::string(inside)});
      }
      rest.remove_prefix(end + 1);
    } else {
      return refuse("it must begin with . or [");
    }
  }
  return out;
}

const yaml::Node* FieldPath::find(const yaml::Node& root) const {
  const yaml::Node* at = &root;
  for (const auto& part : parts_) {
    if (part.kind == PartKind::key) {
      at = at->find(part.text);
    } else if (part.kind == PartKind::item) {
      at = part.index < at->items.size() ? &at->items[part.index] : nullptr;
    } else {
      const auto found = std::ranges::find_if(
          at->items, [&](const yaml::Node& item) { return text_of(item.find("name")) == part.text; });
      at = found == at->items.end() ? nullptr : &*found;
    }
    if (at == nullptr) return nullptr;
  }
  return at->is_null() ? nullptr : at;
}

std::string FieldPath::text() const {
  std::string out;
  for (const auto& part : parts_) {
    switch (part.kind) {
      case PartKind::key: out += key_part(part.text); break;
      case PartKind::item: out += base::format("[{}]", part.index); break;
      case PartKind::named_item: out += base::format("[name={}]", part.text); break;
    }
  }
  return out;
}

}  // namespace sealift::workloads
