// SPDX-License-Identifier: Apache-2.0
//
// Several errors as one: checks go on after a failure, so that one run tells everything that is wrong.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "payload/base/error.h"

namespace sealift::resolve {

class Problems {
 public:
  // In the order in which people should read them: causes before what may follow from them. Of more than kMost, only
  // their number is kept.
  static constexpr size_t kMost = 50;

  void add(Error error);
  void add(std::unexpected<Error> error) { add(std::move(error).error()); }
  // The step's value, or nothing if it failed: then its error is added.
  template <class T>
  std::optional<T> note(Result<T> step) {
    if (step) return std::move(*step);
    add(std::move(step).error());
    return std::nullopt;
  }
  bool note(Result<void> step);  // whether it succeeded

  bool empty() const { return errors_.empty(); }
  size_t count() const { return errors_.size() + further_; }
  // A single problem is that error; several are one error with the code of the first, a line for each.
  Result<void> joined() const;

 private:
  std::vector<Error> errors_;
  std::vector<std::string> texts_;  // of errors_
  size_t further_ = 0;
};

}  // namespace sealift::resolve
