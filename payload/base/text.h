// SPDX-License-Identifier: Apache-2.0
//
// Small text functions: splitting, trimming, hexadecimal and base64, sizes for people, and the nearest known word for
// "did you mean".
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "payload/base/bytes.h"

namespace sealift::base {

std::vector<std::string_view> split(std::string_view text, char separator);  // "a,,b" gives three parts
std::vector<std::string_view> split_words(std::string_view text);            // at blanks and tabs, no empty parts
std::string_view trim(std::string_view text);
std::string to_lower(std::string_view text);  // ASCII letters only
std::string join(std::span<const std::string> parts, std::string_view separator);
std::string replace_all(std::string text, std::string_view from, std::string_view to);  // `from` is not empty

std::string to_hex(ByteView bytes);                    // lower case
std::optional<Bytes> from_hex(std::string_view text);  // either case; nullopt for any other character or an odd length
std::string to_base64(ByteView bytes);                 // RFC 4648 with padding
std::optional<Bytes> from_base64(std::string_view text);

// Decimal digits only, within range; anything else is nullopt.
std::optional<uint64_t> parse_u64(std::string_view text);

// "1.5 GiB", "812 KiB", "17 B"
std::string human_bytes(uint64_t bytes);

// The known word with the smallest edit distance, if it is close enough to be meant (at most a third of the
// letters, or 1).
std::optional<std::string> nearest(std::string_view word, std::span<const std::string_view> known);

// For messages: control characters and invalid UTF-8 become \xNN; cut after `limit` bytes.
std::string printable(std::string_view text, size_t limit = 200);

}  // namespace sealift::base
