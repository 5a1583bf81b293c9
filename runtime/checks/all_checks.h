// SPDX-License-Identifier: Apache-2.0
//
// All checks by theme, in the order in which they run.
#pragma once

#include <span>
#include <string>

#include "runtime/checks/check.h"

namespace sealift::checks {

struct Theme {
  std::string_view title;
  std::span<const Check> checks;
};

std::span<const Theme> catalog();

// Whether a check concerns clusters of this kind: made by Sealift, or there already.
bool is_for(const Check& check, const config::ClusterConfig& config);

// runtime/CHECKS.md, generated from the catalog.
std::string document();
// A shorter version for a terminal of 80 columns.
std::string help();

// --- the themes, each in its own file ---

std::span<const Check> machine_checks();
std::span<const Check> kernel_checks();
std::span<const Check> disk_checks();
std::span<const Check> network_checks();
std::span<const Check> time_checks();
std::span<const Check> identity_checks();
std::span<const Check> foreign_checks();
std::span<const Check> existing_checks();

}  // namespace sealift::checks
