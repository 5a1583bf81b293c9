// SPDX-License-Identifier: Apache-2.0
#include "packer/downloads/checksums.h"

#include <algorithm>
#include <optional>
#include <string>

#include "payload/base/text.h"

namespace sealift::downloads {
namespace {

bool is_hex(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  });
}

Result<Digest> sha256_of(std::string_view hex, std::string_view where) {
  std::string text = "sha256:";
  for (const char c : hex) text += c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
  if (const auto digest = Digest::parse(text)) return *digest;
  return fail(ErrorCode::unsupported,
              "{} gives a checksum of {} hexadecimal digits, not 64: name a file of SHA-256 checksums", where,
              hex.size());
}

// The digest of a line about this file.
std::optional<std::string_view> hex_for(std::string_view line, std::string_view name) {
  const auto hex = line.substr(0, line.find_first_of(" \t"));
  if (hex.size() == line.size() || !is_hex(hex)) return std::nullopt;
  auto file = base::trim(line.substr(hex.size()));
  if (file.starts_with('*')) file.remove_prefix(1);  // read as binary, says sha256sum
  if (file.substr(file.rfind('/') + 1) != name) return std::nullopt;
  return hex;
}

}  // namespace

Result<Digest> find_checksum(std::string_view text, std::string_view name, std::string_view where) {
  const auto whole = base::trim(text);
  if (is_hex(whole)) return sha256_of(whole, where);
  std::optional<Digest> out;
  for (const auto line : base::split(whole, '\n')) {
    const auto hex = hex_for(base::trim(line), name);
    if (!hex) continue;
    SEALIFT_ASSIGN(const auto digest, sha256_of(*hex, where));
    if (out && *out != digest)
      return fail(ErrorCode::invalid_input, "{} gives two checksums for {}: {} and {}", where, base::printable(name),
                  out->text(), digest.text());
    out = digest;
  }
  if (out) return *out;
  return fail(ErrorCode::invalid_input, "{} gives no checksum for {}{}", where, base::printable(name),
              whole.starts_with('<') ? "; it is a web page, not a file of checksums" : "");
}

}  // namespace sealift::downloads
