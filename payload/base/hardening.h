// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace sealift::base {

// What this process holds is nobody else's: no core dump, and no other process of this user may read its memory.
void keep_memory_private();

}  // namespace sealift::base
