// SPDX-License-Identifier: Apache-2.0
//
// Licences as makers write them: an expression in SPDX's identifiers, or some other text.
#pragma once

#include <string_view>

namespace sealift::sbom {

// An identifier that is common ("MIT"). What is not on the list is taken as text, which is never wrong.
bool is_license(std::string_view text);
// "MIT", "Apache-2.0 OR (MIT AND Zlib)". Source: SPDX 2.3, annex D, without references to other documents.
bool is_license_expression(std::string_view text);

}  // namespace sealift::sbom
