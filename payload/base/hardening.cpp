// SPDX-License-Identifier: Apache-2.0
#include "payload/base/hardening.h"

#include <sys/prctl.h>
#include <sys/resource.h>

namespace sealift::base {

void keep_memory_private() {
  const rlimit none{0, 0};
  (void)::setrlimit(RLIMIT_CORE, &none);
#if !__has_feature(address_sanitizer)  // whose search for leaks traces the process
  (void)::prctl(PR_SET_DUMPABLE, 0);
#endif
}

}  // namespace sealift::base
