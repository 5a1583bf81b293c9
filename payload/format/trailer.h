// SPDX-License-Identifier: Apache-2.0
//
// The trailer of a file that is an artifact or a bare payload: what has to be read to know its identity, and no more.
#pragma once

#include "payload/base/file.h"
#include "payload/format/layout.h"

namespace sealift::format {

// Errors: not_a_payload, unsupported_version, truncated, corrupt, limit_exceeded.
Result<Trailer> read_trailer(const base::RandomAccessFile& file);

}  // namespace sealift::format
