// SPDX-License-Identifier: Apache-2.0
//
// Arithmetic on numbers from a file, a peer or a configuration. No such number is added or used as a range without
// these; a result that does not fit is an input error, never a wrap-around.
#pragma once

#include <concepts>
#include <cstdint>

#include "payload/base/error.h"

namespace sealift::base {

template <std::unsigned_integral T>
[[nodiscard]] Result<T> checked_add(T a, T b) {
  T out{};
  if (__builtin_add_overflow(a, b, &out)) return fail(ErrorCode::limit_exceeded, "{} + {} does not fit", a, b);
  return out;
}

// True if [offset, offset + size) lies within [0, limit).
[[nodiscard]] constexpr bool range_within(uint64_t offset, uint64_t size, uint64_t limit) {
  return offset <= limit && size <= limit - offset;
}

}  // namespace sealift::base
