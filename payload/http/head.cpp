// SPDX-License-Identifier: Apache-2.0
#include "payload/http/head.h"

#include <algorithm>

#include "payload/base/text.h"

namespace sealift::http {
namespace {

// The limits of httplib, which would answer 400.
constexpr size_t kMaxTarget = 8192, kMaxLine = 8192, kMaxLines = 100;

bool is_token(std::string_view text) {
  constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || kOthers.contains(c);
  });
}

bool is_text(char c) { return (static_cast<unsigned char>(c) >= ' ' && c != 0x7f) || c == '\t'; }

// No proxy is spoken to: targets are paths.
int judge_request_line(std::string_view line) {
  const size_t first = line.find(' '), last = line.rfind(' ');
  if (first == std::string_view::npos || last == first) return 400;
  const auto target = line.substr(first + 1, last - first - 1), version = line.substr(last + 1);
  if (target.size() > kMaxTarget) return 414;
  if (!is_token(line.substr(0, first)) || !target.starts_with('/') ||
      target.find_first_of(" \t") != std::string_view::npos)
    return 400;
  return version == "HTTP/1.1" || version == "HTTP/1.0" ? 0 : 505;
}

int judge_field(std::string_view line) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return 400;
  if (line.size() > kMaxLine) return 431;
  const auto name = base::to_lower(line.substr(0, colon));
  if (name == "transfer-encoding") return 413;
  if (name != "content-length") return 0;
  const auto value = base::trim(line.substr(colon + 1));
  if (value.empty() || value.find_first_not_of("0123456789") != std::string_view::npos) return 400;
  return value.find_first_not_of('0') == std::string_view::npos ? 0 : 413;
}

// The whole head, without its blank line.
int judge(std::string_view head) {
  const bool may_have_body = !head.starts_with("GET ") && !head.starts_with("HEAD ");
  size_t lines = 0;
  for (size_t begin = 0; begin < head.size(); ++lines) {
    const size_t end = head.find("\r\n", begin);
    const auto line = head.substr(begin, end - begin);
    if (!std::ranges::all_of(line, is_text)) return 400;
    if (lines > kMaxLines) return 431;
    const int refusal = lines == 0 ? judge_request_line(line) : judge_field(line);
    if (refusal != 0) return refusal == 413 && may_have_body ? 405 : refusal;
    begin = end + 2;
  }
  return lines == 0 ? 400 : 0;
}

}  // namespace

Head look_at_head(std::string_view received, size_t known) {
  const size_t end = received.find("\r\n\r\n", known < 3 ? 0 : known - 3);
  const bool is_whole = end != std::string_view::npos && end + 4 <= kMaxHead;
  // What can't become a request is told at once, without waiting for the end: TLS, for one. What follows the head is
  // another request's affair.
  const auto fresh = received.substr(known, is_whole ? end + 4 - known : std::string_view::npos);
  if (!std::ranges::all_of(fresh, [](char c) { return is_text(c) || c == '\r' || c == '\n'; })) return {0, 400};
  if (known == 0 && !fresh.empty() && !is_token(fresh.substr(0, 1))) return {0, 400};
  if (!is_whole) return {0, received.size() >= kMaxHead ? 431 : 0};
  if (const int refusal = judge(received.substr(0, end + 2))) return {0, refusal};
  return {end + 4, 0};
}

}  // namespace sealift::http
