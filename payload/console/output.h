// SPDX-License-Identifier: Apache-2.0
//
// Where text for people goes: a descriptor that may be a terminal, a pipe or a file. Writing never fails towards the
// caller, since a delivery continues without a reader; trouble() reports lost output once, at the program's end.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "payload/base/error.h"

namespace sealift::console {

// Copies share the descriptor's state: after the first failure none of them writes any more. Any thread.
class Output {
 public:
  explicit Output(int fd);
  void write(std::string_view text);
  // A line (or several) for people: what others wrote into it is made printable.
  void line(std::string_view text);
  // A line of JSON.
  void json_line(std::string_view json);
  bool is_terminal() const;  // a terminal that can move the cursor (TERM is neither unset nor "dumb")
  int fd() const { return fd_; }
  // The first failure of any copy, e.g. no_space. None if the reader has gone (a closed pipe or terminal): it wanted no
  // more.
  Result<void> trouble() const;
  struct Size {
    size_t columns = 80, rows = 24;
  };
  Size size() const;

 private:
  struct State;
  int fd_;
  std::shared_ptr<State> state_;
};

// A terminal, and NO_COLOR is not set (https://no-color.org).
bool wants_colour(const Output& output);

// Cuts to `columns` cells, with "..." for "…"; what is not printable becomes visible. ASCII and UTF-8 letters count as
// one cell.
std::string fit(std::string_view text, size_t columns);
std::string pad(std::string_view text, size_t columns);  // fit, then padded with blanks on the right

// "42 s", "3:07 min", "1:02:45 h"
std::string human_duration(long long milliseconds);

}  // namespace sealift::console
