// SPDX-License-Identifier: Apache-2.0
//
// A bill of materials in the two formats that tools read. Equal bills give equal bytes.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "packer/sbom/bill.h"

namespace sealift::sbom {

// When the document is said to be made. An artifact holds no time, and this machine's clock would make each document
// another one: it is what SOURCE_DATE_EPOCH says (reproducible-builds.org), else none.
using Created = std::optional<std::chrono::sys_seconds>;
// nullopt if the variable is not set; usage if it is no number of seconds up to the year 9999.
Result<Created> created_by_environment();

// SPDX 2.3 as JSON. It requires a time: without one, 1970-01-01T00:00:00Z, and a comment that says so. Files are
// packages with the purpose FILE: SPDX's own files require SHA-1, which nothing here is known by.
std::string to_spdx(const Bill& bill, const Created& created);

// CycloneDX 1.6 as JSON; without a time if there is none.
std::string to_cyclonedx(const Bill& bill, const Created& created);

}  // namespace sealift::sbom
