// SPDX-License-Identifier: Apache-2.0
//
// How long something is waited for: until a time, and not after a cancel.
#pragma once

#include <string_view>

#include "payload/base/cancel.h"
#include "payload/base/clock.h"
#include "payload/base/error.h"

namespace sealift::base {

struct Deadline {
  Clock& clock;
  Duration end;  // monotonic
  const CancelToken& cancel;
  // Errors: cancelled; timeout, with `doing` as its subject.
  Result<void> check(std::string_view doing) const {
    SEALIFT_TRY(cancel.check());
    if (clock.monotonic() > end) return fail(ErrorCode::timeout, "{}: no answer in time", doing);
    return {};
  }
};

}  // namespace sealift::base
