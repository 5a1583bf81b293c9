// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/http/client.h"

namespace sealift::http {
namespace {

// Blanks, control characters and bytes beyond ASCII: some servers send them unencoded.
std::string sendable(std::string_view text) {
  std::string out;
  for (const char c : text) out += c > ' ' && c < '\x7f' ? std::string(1, c) : percent_encode({&c, 1});
  return out;
}

// RFC 3986, section 5.2.4.
std::string without_dots(std::string_view path) {
  std::vector<std::string_view> kept;
  bool ends_open = false;  // in "." or "..", which stand for a folder
  for (const auto part : base::split(path.substr(1), '/')) {
    ends_open = part == "." || part == "..";
    if (part == ".." && !kept.empty()) kept.pop_back();
    if (!ends_open) kept.push_back(part);
  }
  std::string out;
  for (const auto part : kept) out.append("/").append(part);
  return ends_open || out.empty() ? out + "/" : out;
}

bool has_scheme(std::string_view text) {
  const size_t colon = text.find_first_of(":/?#");
  return colon != std::string_view::npos && text[colon] == ':' && colon > 0;
}

}  // namespace

Result<Url> resolve_url(const Url& from, std::string_view location) {
  const std::string text = sendable(location.substr(0, location.find('#')));
  if (has_scheme(text)) return parse_url(text);
  if (text.starts_with("//")) return parse_url(from.origin.scheme + ":" + text);
  const std::string_view path = std::string_view(from.target).substr(0, from.target.find('?'));
  if (text.empty()) return from;
  if (text.starts_with('?')) return Url{from.origin, std::string(path) + text};
  if (text.starts_with('/')) return Url{from.origin, text};
  const size_t query = std::min(text.find('?'), text.size());
  const std::string merged = std::string(path.substr(0, path.rfind('/') + 1)) + text.substr(0, query);
  return Url{from.origin, without_dots(merged) + text.substr(query)};
}

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

Result<Url> follow_redirect(const Url& from, const Reply& reply) {
  const auto location = reply.headers.find("location");
  if (location == reply.headers.end()) return fail(ErrorCode::protocol, "{} redirects to nowhere", from.origin.text());
  auto url = resolve_url(from, location->second);
  if (!url) {
    return fail(ErrorCode::protocol, "{} redirects to what is no http or https URL: {}", from.origin.text(),
                base::printable(location->second.substr(0, location->second.find('?'))));
  }
  if (url->origin.scheme == "http" && from.origin.scheme == "https") {
    return fail(ErrorCode::untrusted, "{} redirects to {}, without TLS: refused", from.origin.text(),
                url->origin.text());
  }
  return std::move(*url);
}

Result<void> check_part(const Reply& head, uint64_t offset) {
  const auto range = head.headers.find("content-range");
  if (head.status == 206 &&
      (range == head.headers.end() || !range->second.starts_with(base::format("bytes {}-", offset)))) {
    return fail(ErrorCode::protocol, "another range than the one that was asked for");
  }
  return {};
}

}  // namespace sealift::http
