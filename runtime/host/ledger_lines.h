// SPDX-License-Identifier: Apache-2.0
//
// The lines of a ledger, in every format still found on hosts:
//   3  {"seq":1,"time":"…","step":"…","inputs":"…","change":{"kind":"file","path":"…","before":{…}}}
//   2  {"seq":1,"time":"…","step":"…","inputs":"…","kind":"file","target":"…","before":"…"}: a change in words
//   1  like 2, without the kind "begun"
// Only the newest is written.
#pragma once

#include <string>

#include "payload/json/value.h"
#include "runtime/host/change.h"

namespace sealift::host {

inline constexpr uint64_t kLedgerFormat = 3;

std::string ledger_line(const LedgerEntry& entry);  // ends with a line feed

// Errors: `corrupt` if it is not an entry of that format, with the reason.
Result<LedgerEntry> parse_ledger_line(const json::Value& line, uint64_t format);

}  // namespace sealift::host
