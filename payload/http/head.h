// SPDX-License-Identifier: Apache-2.0
//
// Where the head of a request or an answer ends, and whether it is one that may be parsed: the first look at what
// strangers send. Stricter than RFC 9112, so that no two parsers can see different ones: no lone CR or LF, no folded
// lines, no other control characters. Requests have no body; what one means is said later, by httplib.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace sealift::http {

inline constexpr size_t kMaxHead = size_t{16} << 10;

struct Head {
  size_t size = 0;  // with the blank line; 0: not complete yet
  int refusal = 0;  // an HTTP status; the connection must be closed then, since nobody knows where the next one begins
};

// `received`: what has come since the end of the last request; of it, `known` bytes were looked at before.
Head look_at_head(std::string_view received, size_t known);

// Of an answer to a GET.
struct AnswerHead {
  size_t size = 0;  // with the blank line; 0: not complete yet
  bool is_refused = false;
  int status = 0;                  // 200 to 599
  bool is_chunked = false;         // if not, and without a length, the body ends with the connection
  std::optional<uint64_t> length;  // of the body
  bool stays_open = false;         // the connection, for another request
};
AnswerHead look_at_answer(std::string_view received, size_t known);

}  // namespace sealift::http
