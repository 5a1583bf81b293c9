// SPDX-License-Identifier: Apache-2.0
//
// The variables of a Kubefile, as they are at some line of it: those of ARG and ENV above.
#pragma once

#include <map>
#include <set>
#include <string>

#include "packer/resolve/operands.h"

namespace sealift::resolve {

class Variables {
 public:
  // `arguments`: from --build-arg; must outlive this.
  explicit Variables(const std::map<std::string, std::string>& arguments) : arguments_(arguments) {}

  // Leaves ${ARCH} for the platforms. `depends_on_problem` becomes true if the text uses a variable whose own line is
  // a problem, which has been told already. Errors: invalid_input with the place.
  Result<std::string> expand(const std::string& text, const Place& place, bool& depends_on_problem) const;
  // ARG, whose words are not expanded. Errors: invalid_input, usage if it has no value.
  Result<void> add_argument(const Given& given);
  // ENV: returns what it sets.
  Result<std::map<std::string, std::string>> add_environment(const Given& given);
  // Whether there was an ARG of this name.
  bool has_argument(const std::string& name) const { return named_.contains(name); }

 private:
  const std::map<std::string, std::string>& arguments_;
  std::map<std::string, std::string> values_;
  std::set<std::string> named_;
  std::set<std::string> without_value_;  // their own line is a problem
};

}  // namespace sealift::resolve
