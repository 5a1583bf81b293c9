// SPDX-License-Identifier: Apache-2.0
//
// What lies in front of an artifact's payload, and between its parts.
#pragma once

#include "payload/base/file.h"
#include "payload/format/contents.h"

namespace sealift::format {

// `corrupt` with the place of the first byte that is not zero.
Result<void> check_zeros(const base::RandomAccessFile& file, base::FileOffset offset, uint64_t size);

// The head of an artifact is one of its own programs, then zeros up to the payload: whose program it is. `corrupt` if
// it is none of them.
Result<Architecture> program_at_head(const base::RandomAccessFile& file, const Contents& contents);

}  // namespace sealift::format
