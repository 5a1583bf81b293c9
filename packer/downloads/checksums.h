// SPDX-License-Identifier: Apache-2.0
//
// Files of checksums, as projects publish them beside their releases.
#pragma once

#include <string_view>

#include "payload/hash/digest.h"

namespace sealift::downloads {

inline constexpr uint64_t kMaxChecksums = uint64_t{4} << 20;  // bytes of such a file

// The digest that the text gives for a file of this name (without folders): the only word of the text, or that of the
// line "HEX  name" or "HEX *name", as sha256sum writes it; other lines (a signature around them) do not count. `where`
// names the text in messages. Errors: invalid_input if it gives none, or two; unsupported if it gives one of another
// kind than SHA-256.
Result<Digest> find_checksum(std::string_view text, std::string_view name, std::string_view where);

}  // namespace sealift::downloads
