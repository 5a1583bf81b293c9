// SPDX-License-Identifier: Apache-2.0
//
// Where text for people goes: a descriptor that may be a terminal, a pipe or closed. Writing never fails towards the
// caller: who reads has gone, and the delivery goes on.
#pragma once

#include <string>
#include <string_view>

namespace sealift::ui {

class Output {
 public:
  explicit Output(int fd) : fd_(fd) {}
  void write(std::string_view text);
  void line(std::string_view text);
  bool is_terminal() const;  // a terminal that moves its cursor (TERM is neither unset nor "dumb")
  int fd() const { return fd_; }
  struct Size {
    size_t columns = 80, rows = 24;
  };
  Size size() const;

 private:
  int fd_;
  bool broken_ = false;
};

// A terminal and NO_COLOR is not set (https://no-color.org).
bool wants_colour(const Output& output);

// Cut to `columns` cells, "…" spelled "..."; control characters made visible. ASCII and UTF-8 letters count as one cell.
std::string fit(std::string_view text, size_t columns);
std::string pad(std::string_view text, size_t columns);  // fit, then blanks to the right

// "42 s", "3:07 min", "1:02:45 h"
std::string human_duration(long long milliseconds);

}  // namespace sealift::ui
