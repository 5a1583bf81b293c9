// SPDX-License-Identifier: Apache-2.0
#include "payload/image/reference.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::image {
namespace {

bool lower_alphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool alphanumeric(char c) { return lower_alphanumeric(c) || (c >= 'A' && c <= 'Z'); }

// [a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*
bool is_path_component(std::string_view part) {
  if (part.empty() || !lower_alphanumeric(part.front()) || !lower_alphanumeric(part.back())) return false;
  for (size_t i = 0; i < part.size();) {
    if (lower_alphanumeric(part[i])) {
      ++i;
      continue;
    }
    const size_t end = std::min(part.find_first_of("abcdefghijklmnopqrstuvwxyz0123456789", i), part.size());
    const std::string_view separator = part.substr(i, end - i);
    const bool dashes = std::ranges::all_of(separator, [](char c) { return c == '-'; });
    if (!dashes && separator != "." && separator != "_" && separator != "__") return false;
    i = end;
  }
  return true;
}

bool is_registry(std::string_view text) {
  std::string_view host = text;
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    if (end == std::string_view::npos || end < 2) return false;
    const std::string address(text.substr(1, end - 1));
    std::array<unsigned char, 16> bytes{};
    if (address.contains('\0') || ::inet_pton(AF_INET6, address.c_str(), bytes.data()) != 1) return false;
    text.remove_prefix(end + 1);
    if (text.empty()) return true;
    if (!text.starts_with(':')) return false;
    return base::parse_u64(text.substr(1)).value_or(65536) <= 65535;
  }
  if (const size_t colon = host.rfind(':'); colon != std::string_view::npos) {
    if (base::parse_u64(host.substr(colon + 1)).value_or(65536) > 65535) return false;
    host = host.substr(0, colon);
  }
  return std::ranges::all_of(base::split(host, '.'), [](std::string_view label) {
    return !label.empty() && alphanumeric(label.front()) && alphanumeric(label.back()) &&
           std::ranges::all_of(label, [](char c) { return alphanumeric(c) || c == '-'; });
  });
}

// A registry's name as one component of a path. "_" stands for what can't be in one; no name of a host has it.
std::string component_of(std::string_view registry) {
  std::string out;
  bool may_abbreviate = registry.starts_with('[');  // zeros of an IPv6 address, as "[::1]", "[fd00::]:5000"
  for (const char c : registry) {
    if (c == ']') {
      if (out.ends_with('_')) out += '0';
      may_abbreviate = false;
    } else if (c == ':') {
      if (out.empty() && may_abbreviate) out += '0';
      out += '_';
    } else if (c != '[') {
      out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
  }
  return out;
}

}  // namespace

std::string_view canonical_registry(std::string_view registry) {
  return registry == "index.docker.io" || registry == "registry-1.docker.io" ? "docker.io" : registry;
}

Result<std::string> external_repository(std::string_view prefix, std::string_view registry,
                                        std::string_view repository) {
  const auto place = component_of(canonical_registry(registry));
  auto out = base::format("{}{}{}/{}", prefix, prefix.empty() ? "" : "/", place, repository);
  if (!is_registry(registry) || place.contains('/') || !is_repository(out))
    return fail(ErrorCode::invalid_input,
                "{}/{} can't be kept as {}: that is no repository's name, or it has more than 255 bytes",
                base::printable(registry), base::printable(repository), base::printable(out));
  return out;
}

bool is_tag(std::string_view text) {
  if (text.empty() || text.size() > 128 || text.front() == '.' || text.front() == '-') return false;
  return std::ranges::all_of(text, [](char c) { return alphanumeric(c) || c == '_' || c == '.' || c == '-'; });
}

bool is_referrer_tag(std::string_view text) {
  constexpr std::string_view kBegin = "sha256-";
  if (!is_tag(text) || !text.starts_with(kBegin)) return false;
  text.remove_prefix(kBegin.size());
  return Digest::from_hex(text.substr(0, 64)) && (text.size() == 64 || text[64] == '.');
}

bool is_repository(std::string_view text) {
  return !text.empty() && text.size() <= 255 && std::ranges::all_of(base::split(text, '/'), is_path_component);
}

std::string Reference::name() const { return registry + "/" + repository; }

std::string Reference::text() const {
  std::string out = name();
  if (!tag.empty()) out += ":" + tag;
  if (digest) out += "@" + digest->text();
  return out;
}

Result<Reference> parse_reference(std::string_view text) {
  const auto refuse = [&](std::string_view why) {
    return fail(ErrorCode::invalid_input, "\"{}\" is not an image name: {}", base::printable(text), why);
  };
  if (text.empty() || text.size() > 4096) return refuse("it is empty or too long");
  Reference out;
  std::string_view rest = text;
  if (const size_t at = rest.find('@'); at != std::string_view::npos) {
    auto digest = Digest::parse(rest.substr(at + 1));
    if (!digest) return refuse("after @ a sha256 digest must stand");
    out.digest = *digest;
    rest = rest.substr(0, at);
  }
  const size_t slash = rest.find('/');
  const std::string_view first = rest.substr(0, slash);
  const bool has_registry = slash != std::string_view::npos &&
                            (first.find_first_of(".:[") != std::string_view::npos || first == "localhost" ||
                             std::ranges::any_of(first, [](char c) { return c >= 'A' && c <= 'Z'; }));
  if (has_registry) {
    if (!is_registry(first)) return refuse("the registry's name is not a host name with an optional port");
    out.registry = canonical_registry(first);
    rest.remove_prefix(slash + 1);
  } else {
    out.registry = "docker.io";
  }
  if (const size_t colon = rest.rfind(':'); colon != std::string_view::npos && !rest.substr(colon).contains('/')) {
    out.tag = rest.substr(colon + 1);
    if (!is_tag(out.tag)) return refuse("the tag may hold letters, digits, _ . and - only, at most 128");
    rest = rest.substr(0, colon);
  } else if (!out.digest) {
    out.tag = "latest";
  }
  out.repository = rest;
  if (out.registry == "docker.io" && !rest.contains('/')) out.repository = "library/" + out.repository;
  if (!is_repository(out.repository))
    return refuse("the repository may hold lower-case letters, digits and single separators . _ - / only");
  return out;
}

}  // namespace sealift::image
