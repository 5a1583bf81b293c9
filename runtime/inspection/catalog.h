// SPDX-License-Identifier: Apache-2.0
//
// Everything that `check` looks at in a cluster that is there, as a table: documents are generated from it, and
// nothing is said under an id that it does not have. What is looked at before a delivery is in runtime/checks.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace sealift::inspection {

struct Check {
  std::string_view id;        // "etcd.size": theme and name; never changes
  std::string_view looks_at;  // what is well, as a sentence without a full stop
  std::string_view remedy;    // never empty
};

struct Theme {
  std::string_view title;
  std::span<const Check> checks;
};

std::span<const Theme> catalog();
bool is_known(std::string_view id);
std::string_view remedy_of(std::string_view id);  // empty if it is not known
// runtime/INSPECTION.md
std::string document();

}  // namespace sealift::inspection
