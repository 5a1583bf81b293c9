// SPDX-License-Identifier: Apache-2.0
//
// The lines of a Kubefile and their words, each with its place in the file. Knows no instructions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "payload/base/error.h"

namespace sealift::resolve {

struct Place {
  std::string file;
  int line = 0;              // 0 = the whole file
  int column = 0;            // in characters, from 1; 0 = the whole line
  std::string text() const;  // "Kubefile:12" or "Kubefile:12:7"
};

struct Word {
  std::string text;
  Place place;
};

// invalid_input: "Kubefile:12:7: <what>".
std::unexpected<Error> bad(const Place& place, std::string_view what);
// Names the line whose carrying out failed, unless the error does.
Error with_line(Error error, const Place& place);

// A line without comments and blank lines; lines ending in "\" are joined with the next.
class LogicalLine {
 public:
  std::string_view text() const { return text_; }
  Place place() const;  // of the line

  // Splits the text from this byte on: blanks separate words; single and double quotes keep blanks within a word.
  // invalid_input if a quote is not closed.
  Result<std::vector<Word>> words(size_t offset) const;

 private:
  friend std::vector<LogicalLine> logical_lines(std::string_view text, const std::string& file);
  friend class Places;
  // One line of the file within text_.
  struct Part {
    size_t begin = 0;  // in text_
    int line = 0;
    int column = 1;  // of its first character
  };
  std::string file_;
  std::string text_;
  std::vector<Part> parts_;
};

std::vector<LogicalLine> logical_lines(std::string_view text, const std::string& file);

// The places of a line's bytes, from front to back: a line may have a million words.
class Places {
 public:
  explicit Places(const LogicalLine& line) : line_(&line) {}  // which must outlive this
  Place at(size_t offset);                                    // of text(); not before the one asked for last

 private:
  const LogicalLine* line_;
  size_t part_ = 0;
  size_t offset_ = 0;
  int characters_ = 0;  // of the part, before the offset
};

}  // namespace sealift::resolve
