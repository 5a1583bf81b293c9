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

// The whole head, without its blank line. `judge_line` sees each line and its number: 0, or why it refuses it.
template <class JudgeLine>
int judge_lines(std::string_view head, JudgeLine judge_line) {
  size_t lines = 0;
  for (size_t begin = 0; begin < head.size(); ++lines) {
    const size_t end = head.find("\r\n", begin);
    const auto line = head.substr(begin, end - begin);
    if (!std::ranges::all_of(line, is_text)) return 400;
    if (lines > kMaxLines) return 431;
    if (const int refusal = judge_line(line, lines)) return refusal;
    begin = end + 2;
  }
  return lines == 0 ? 400 : 0;
}

int judge(std::string_view head) {
  const bool may_have_body = !head.starts_with("GET ") && !head.starts_with("HEAD ");
  return judge_lines(head, [&](std::string_view line, size_t number) {
    const int refusal = number == 0 ? judge_request_line(line) : judge_field(line);
    return refusal == 413 && may_have_body ? 405 : refusal;
  });
}

// "HTTP/1.1 200 OK". What comes before the answer itself (1xx) is said only to those who ask for it.
bool read_status_line(std::string_view line, AnswerHead& out) {
  if (!line.starts_with("HTTP/1.1 ") && !line.starts_with("HTTP/1.0 ")) return false;
  const auto status = base::parse_u64(line.substr(9, 3));
  if (!status || *status < 200 || *status > 599 || (line.size() > 12 && line[12] != ' ')) return false;
  out.status = static_cast<int>(*status);
  out.stays_open = line[7] == '1';
  return true;
}

// Whoever says in two ways how long a body is, is not understood.
bool read_answer_field(std::string_view line, AnswerHead& out) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon)) || line.size() > kMaxLine) return false;
  const auto name = base::to_lower(line.substr(0, colon));
  const auto value = base::to_lower(base::trim(line.substr(colon + 1)));
  if (name == "connection") out.stays_open = out.stays_open && !value.contains("close");
  if (name == "transfer-encoding") {
    if (out.is_chunked || out.length || value != "chunked") return false;
    out.is_chunked = true;
  }
  if (name == "content-length") {
    if (out.is_chunked || out.length) return false;
    out.length = base::parse_u64(value);
    return out.length.has_value();
  }
  return true;
}

struct Extent {
  size_t size = 0;  // with the blank line; 0: not complete yet
  int refusal = 0;
};

Extent extent(std::string_view received, size_t known) {
  const size_t end = received.find("\r\n\r\n", known < 3 ? 0 : known - 3);
  const bool is_whole = end != std::string_view::npos && end + 4 <= kMaxHead;
  // What can't become a head is told at once, without waiting for the end: TLS, for one. What follows the head is
  // another's affair.
  const auto fresh = received.substr(known, is_whole ? end + 4 - known : std::string_view::npos);
  if (!std::ranges::all_of(fresh, [](char c) { return is_text(c) || c == '\r' || c == '\n'; })) return {0, 400};
  if (known == 0 && !fresh.empty() && !is_token(fresh.substr(0, 1))) return {0, 400};
  if (!is_whole) return {0, received.size() >= kMaxHead ? 431 : 0};
  return {end + 4, 0};
}

}  // namespace

Head look_at_head(std::string_view received, size_t known) {
  const auto [size, unreadable] = extent(received, known);
  if (size == 0) return {0, unreadable};
  if (const int refusal = judge(received.substr(0, size - 2))) return {0, refusal};
  return {size, 0};
}

AnswerHead look_at_answer(std::string_view received, size_t known) {
  const auto [size, unreadable] = extent(received, known);
  AnswerHead out;
  if (size == 0) {
    out.is_refused = unreadable != 0;
    return out;
  }
  const int refusal = judge_lines(received.substr(0, size - 2), [&](std::string_view line, size_t number) {
    const bool is_good = number == 0 ? read_status_line(line, out) : read_answer_field(line, out);
    return is_good ? 0 : 400;
  });
  if (refusal != 0) return {.is_refused = true, .length = {}};
  out.size = size;
  return out;
}

}  // namespace sealift::http
