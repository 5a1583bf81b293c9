// SPDX-License-Identifier: Apache-2.0
//
// A document of long lists and tables, read entry by entry: only one entry at a time takes memory as values.
#pragma once

#include <functional>
#include <string_view>

#include "payload/json/value.h"

namespace sealift::json {

// An element of a list, or a member of an object, that is itself a member of the document: "tree" → "etc/motd" → value.
struct Entry {
  std::string_view member;
  std::string_view key;  // empty in a list
  bool in_list = false;
  size_t number = 0;  // from 1, within the member
  const Value& value;
};
using EntryVisitor = std::function<Result<void>(const Entry&)>;

inline constexpr size_t kMaxEntryValues = 100'000;  // of one entry, with keys

// As parse, but entries are visited in the order of the document and not kept: the value returned has these lists and
// objects empty. The keys of such an object must be sorted, as in canonical form. Errors: those of parse, and the first
// that `visit` returns.
Result<Value> parse_entries(std::string_view text, const Limits& limits, const EntryVisitor& visit);

}  // namespace sealift::json
