// SPDX-License-Identifier: Apache-2.0
//
// Where the head of a request ends, and whether it is one that may be parsed: the first look at what strangers send.
// Stricter than RFC 9112, so that no two parsers can see different requests: no lone CR or LF, no folded lines, no
// other control characters, no body. What the request means is said later, by httplib.
#pragma once

#include <cstddef>
#include <string_view>

namespace sealift::http {

inline constexpr size_t kMaxHead = size_t{16} << 10;

struct Head {
  size_t size = 0;  // with the blank line; 0: not complete yet
  int refusal = 0;  // an HTTP status; the connection must be closed then, since nobody knows where the next one begins
};

// `received`: what has come since the end of the last request; of it, `known` bytes were looked at before.
Head look_at_head(std::string_view received, size_t known);

}  // namespace sealift::http
