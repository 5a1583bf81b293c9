// SPDX-License-Identifier: Apache-2.0
#include "packer/store/names.h"

#include <algorithm>

#include "payload/base/text.h"
#include "payload/json/value.h"

namespace sealift::store {
namespace {

constexpr size_t kMaxName = 255;
constexpr size_t kMaxTag = 128;
constexpr uint64_t kVersion = 1;  // of the document

bool is_lower(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool is_tag_character(char c) { return is_lower(c) || (c >= 'A' && c <= 'Z') || std::string_view("._-+").contains(c); }

bool is_tag(std::string_view text) {
  return !text.empty() && text.size() <= kMaxTag && text.front() != '.' && text.front() != '-' &&
         std::ranges::all_of(text, is_tag_character);
}

// Between slashes; the first part may be a registry with a port.
bool is_part(std::string_view text, bool may_be_registry) {
  const size_t colon = may_be_registry ? text.find(':') : std::string_view::npos;
  if (colon != std::string_view::npos && !base::parse_u64(text.substr(colon + 1))) return false;
  text = text.substr(0, colon);
  return !text.empty() && text.front() != '.' && text.front() != '-' && std::ranges::all_of(text, [&](char c) {
    return is_lower(c) || std::string_view("._-").contains(c) || (may_be_registry && c >= 'A' && c <= 'Z');
  });
}

// The colon before the tag; the one before a port is followed by a slash.
size_t tag_colon(std::string_view text) {
  const size_t slash = text.rfind('/');
  return text.find(':', slash == std::string_view::npos ? 0 : slash);
}

}  // namespace

bool is_name(std::string_view text) {
  const size_t colon = tag_colon(text);
  if (text.size() > kMaxName || (colon != std::string_view::npos && !is_tag(text.substr(colon + 1)))) return false;
  const auto parts = base::split(text.substr(0, colon), '/');
  for (size_t i = 0; i < parts.size(); ++i) {
    if (!is_part(parts[i], i == 0 && parts.size() > 1)) return false;
  }
  return true;
}

Result<std::string> full_name(std::string_view text) {
  if (!is_name(text))
    return fail(ErrorCode::usage,
                "{}: write name or name:version; a name has lower-case letters, digits and . _ - only (and a registry "
                "and folders before it, with /), a version also upper-case letters and +",
                base::printable(text));
  const bool has_tag = tag_colon(text) != std::string_view::npos;
  return std::string(text) + (has_tag ? "" : ":latest");
}

std::string to_json(const Names& names) {
  json::Value list = json::Value::object();
  for (const auto& [name, identity] : names) list.set(name, identity.text());
  json::Value out = json::Value::object();
  out.set("version", kVersion);
  out.set("names", std::move(list));
  return json::to_canonical(out) + "\n";
}

Result<Names> parse_names(std::string_view text) {
  SEALIFT_ASSIGN(const auto document, json::parse(text));
  SEALIFT_ASSIGN(const uint64_t version, document.natural("version"));
  if (version > kVersion)
    return fail(ErrorCode::unsupported_version, "it has version {}, this sealift reads up to {}", version, kVersion);
  const auto* names = document.find("names");
  if (names == nullptr || !names->is_object()) return fail(ErrorCode::corrupt, "it has no names");
  Names out;
  for (const auto& [name, value] : *names->members()) {
    const auto digest = Digest::parse(value.is_string() ? *value.string() : "");
    if (!digest || !is_name(name))
      return fail(ErrorCode::corrupt, "{} is no name with a digest", base::printable(name));
    out[name] = *digest;
  }
  return out;
}

}  // namespace sealift::store
