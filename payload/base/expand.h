// SPDX-License-Identifier: Apache-2.0
//
// The one dialect of variables, shared by Kubefiles, templates and cluster.yaml:
//
//   ${NAME}           the variable's value
//   ${NAME:-text}     "text" (literally, up to the next "}") if the variable is unset or empty
//   $${               a literal "${"
//
// Values are not expanded again. ExpandRules holds the differences between the users, which word their own messages.
#pragma once

#include <cstddef>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace sealift::base {

struct ExpandRules {
  // No value: not set.
  std::function<std::optional<std::string>(const std::string& name)> value;
  // A "$" that begins no variable.
  enum class Dollars {
    as_written,  // kept, and so is "$$"
    doubled,     // "$$" is "$"; a single one is kept
    strict,      // "$$" is "$"; a single one is rejected
  } dollars = Dollars::as_written;
  enum class Names {
    any,
    identifiers
  } names = Names::any;             // identifiers: letters, digits and "_", not starting with
                                    // a digit
  size_t limit = size_t{16} << 20;  // bytes of the result
};

struct ExpandProblem {
  enum class Kind {
    lone_dollar,  // rejected
    not_closed,   // "${" without "}"
    bad_name,     // not an identifier
    not_set,      // no value and no default
    too_long,     // the result
  };
  Kind kind = Kind::not_set;
  std::string name;   // as written; empty if there is none
  size_t offset = 0;  // of the "$" in the text
};

std::expected<std::string, ExpandProblem> expand(std::string_view text, const ExpandRules& rules);

}  // namespace sealift::base
