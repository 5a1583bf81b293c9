// SPDX-License-Identifier: Apache-2.0
//
// Running many similar tasks, some at a time, until one fails.
#pragma once

#include <functional>

#include "payload/base/cancel.h"
#include "payload/base/error.h"

namespace sealift::base {

// Those that this machine has online, at least 1.
unsigned processors();

// Runs body(0, stop) … body(count - 1, stop) on up to `threads` threads (including the calling one), in any order. The
// first error cancels `stop`, prevents further calls and is returned. `cancelled` if the caller's token is.
Result<void> try_parallel(size_t count, unsigned threads, const CancelToken& cancel,
                          const std::function<Result<void>(size_t, const CancelToken&)>& body);

}  // namespace sealift::base
