// SPDX-License-Identifier: Apache-2.0
//
// A pattern of paths as .dockerignore has them: Go's filepath.Match (* ? [a-z] and \), with ** for any number of
// folders. Source: github.com/moby/patternmatcher 0.6, whose habits are kept: "dir/**" is not dir itself, and "**x" is
// whatever ends in x. Knows neither files nor the folders above a path.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "payload/base/error.h"

namespace sealift::resolve {

class PathPattern {
 public:
  // `pattern`: clean, as paths are. Errors: invalid_input for what Go refuses, and for what patternmatcher turns into
  // something that nobody means: \d as a digit, [[:alpha:]], a * in brackets.
  static Result<PathPattern> parse(std::string_view pattern);

  // `path`: relative, with "/" between its parts. No pattern takes more steps than both lengths multiplied.
  bool matches(std::string_view path) const;
  // False only if it matches nothing that lies below this folder.
  bool may_match_below(std::string_view folder) const;

 private:
  enum class Shape { exact, prefix, suffix, mixed };  // all but the last compare `text_`
  enum class Kind {
    text,
    character,  // ?
    set,        // [a-z]: also "/", in Go's regular expressions and in filepath.Match
    run,        // *
    folders,    // **, and the slash behind it
    rest,       // ** at the end
  };
  struct Token {
    Kind kind = Kind::text;
    std::string text;
    bool is_negated = false;
    std::vector<std::pair<char32_t, char32_t>> ranges;  // of a set
  };
  class Parser;

  // What all paths begin with that it matches.
  std::string_view head() const;
  // The positions in the path at which this token may end if it begins at one of these.
  static std::vector<bool> ends(const Token& token, std::string_view path, const std::vector<bool>& begins);

  Shape shape_ = Shape::exact;
  std::string text_;
  std::vector<Token> tokens_;
};

}  // namespace sealift::resolve
