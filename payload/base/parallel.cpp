// SPDX-License-Identifier: Apache-2.0
#include "payload/base/parallel.h"

#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <optional>

#include "payload/base/thread.h"

namespace sealift::base {

unsigned processors() { return static_cast<unsigned>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN))); }

Result<void> try_parallel(size_t count, unsigned threads, const CancelToken& cancel,
                          const std::function<Result<void>(size_t, const CancelToken&)>& body) {
  CancelSource stop(cancel);
  const CancelToken token = stop.token();
  std::mutex mutex;
  std::optional<Error> first;
  parallel_for(count, threads, [&](size_t i) {
    if (token.cancelled()) return;
    auto done = body(i, token);
    if (done) return;
    const std::lock_guard guard(mutex);
    if (!first) first = std::move(done).error();
    stop.cancel();
  });
  if (first) return fail(std::move(*first));
  return cancel.check();
}

}  // namespace sealift::base
