// SPDX-License-Identifier: Apache-2.0
//
// .sealiftignore: what of the build's context does not exist for a build, written as a .dockerignore is. Knows no
// files: paths are text, relative to the context and without "." and "..".
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "packer/resolve/path_pattern.h"
#include "packer/resolve/words.h"

namespace sealift::resolve {

class IgnoreList {
 public:
  // For each pattern, whether it matches a path or a folder above it. Empty: none does.
  using Matches = std::vector<bool>;

  // `file`: its name, for errors. Errors: invalid_input with the line.
  static Result<IgnoreList> parse(std::string_view text, const std::string& file);

  bool empty() const { return patterns_.empty(); }
  // `above`: those of the folder that the path lies in.
  Matches matches(std::string_view path, const Matches& above) const;
  // The same where nothing is known of the folders above.
  Matches matches(std::string_view path) const;
  // The line that excludes it; the last one that matches decides.
  std::optional<Place> excluded_by(const Matches& matches) const;
  // Whether an exception may bring back something that lies below this excluded folder.
  bool may_hold_exceptions(std::string_view folder, const Matches& matches) const;

 private:
  struct Line {
    PathPattern pattern;
    bool is_exception = false;
    int number = 0;
  };
  Result<void> add(std::string_view line, int number);

  std::string file_;
  std::vector<Line> patterns_;
};

}  // namespace sealift::resolve
