// SPDX-License-Identifier: Apache-2.0
//
// Doing many things of one kind, some at a time, until one fails.
#pragma once

#include <functional>

#include "payload/base/cancel.h"
#include "payload/base/error.h"

namespace sealift::base {

// Runs body(0, stop) … body(count - 1, stop) on up to `threads` threads (this one included), in no order. The first
// error cancels `stop`, keeps what was not begun from beginning, and is returned. `cancelled` if the caller's token is.
Result<void> try_parallel(size_t count, unsigned threads, const CancelToken& cancel,
                          const std::function<Result<void>(size_t, const CancelToken&)>& body);

}  // namespace sealift::base
