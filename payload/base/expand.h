// SPDX-License-Identifier: Apache-2.0
//
// The one dialect of variables, of Kubefiles, templates and cluster.yaml:
//
//   ${NAME}           the variable's value
//   ${NAME:-text}     "text" (up to the next "}", taken as it stands) if the variable is not set or empty
//   $${               "${" itself
//
// Values are not looked into again. What differs between the users of this is what ExpandRules says, and how they word
// a problem.
#pragma once

#include <cstddef>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace sealift::base {

struct ExpandRules {
  // Nothing: not set.
  std::function<std::optional<std::string>(const std::string& name)> value;
  // A "$" that begins no variable.
  enum class Dollars {
    as_written,  // stays, and so does "$$"
    doubled,     // "$$" is "$"; a single one stays
    strict,      // "$$" is "$"; a single one is refused
  } dollars = Dollars::as_written;
  enum class Names { any, identifiers } names = Names::any;  // identifiers: letters, digits and "_", not first a digit
};

struct ExpandProblem {
  enum class Kind {
    lone_dollar,  // refused
    not_closed,   // "${" without "}"
    bad_name,     // not an identifier
    not_set,      // and without a default
  };
  Kind kind = Kind::not_set;
  std::string name;   // what stands for the name; empty if there is none
  size_t offset = 0;  // of the "$" in the text
};

std::expected<std::string, ExpandProblem> expand(std::string_view text, const ExpandRules& rules);

}  // namespace sealift::base
