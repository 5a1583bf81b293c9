// SPDX-License-Identifier: Apache-2.0
#include "payload/console/output.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <optional>

#include "payload/base/fd.h"
#include "payload/base/format.h"
#include "payload/base/printable.h"
#include "payload/base/text.h"

namespace sealift::console {
namespace {

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

std::string in_one_line(std::string_view text) {
  std::string out(text);
  std::ranges::replace_if(out, [](char c) { return c == '\n' || c == '\t' || c == '\r'; }, ' ');
  return base::printable(out, std::string::npos);
}

size_t cells(std::string_view text) {
  size_t count = 0;
  for (char c : text) count += is_continuation(c) ? 0 : 1;
  return count;
}

bool reader_has_gone(int fd) {
  pollfd look{.fd = fd, .events = POLLOUT, .revents = 0};
  return poll(&look, 1, 0) == 1 && (look.revents & (POLLERR | POLLHUP)) != 0;
}

std::string_view first_cells(std::string_view text, size_t count) {
  size_t i = 0;
  for (size_t seen = 0; i < text.size(); ++i) {
    if (!is_continuation(text[i]) && seen++ == count) break;
  }
  return text.substr(0, i);
}

}  // namespace

struct Output::State {
  std::mutex mutex;
  bool broken = false;
  std::optional<Error> trouble;
};

Output::Output(int fd) : fd_(fd), state_(std::make_shared<State>()) {}

void Output::write(std::string_view text) {
  const std::lock_guard guard(state_->mutex);
  if (state_->broken) return;
  auto written = base::write_all(fd_, base::as_bytes(text));
  if (written) return;
  state_->broken = true;
  if (!reader_has_gone(fd_)) state_->trouble = std::move(written).error();
}

Result<void> Output::trouble() const {
  const std::lock_guard guard(state_->mutex);
  if (!state_->trouble) return {};
  return fail(*state_->trouble);
}

void Output::line(std::string_view text) { write(base::printable_lines(text) + "\n"); }
void Output::json_line(std::string_view json) { write(base::printable_json(json) + "\n"); }

bool Output::is_terminal() const {
  const char* term = std::getenv("TERM");
  return isatty(fd_) == 1 && term != nullptr && *term != '\0' && std::string_view(term) != "dumb";
}

Output::Size Output::size() const {
  winsize window{};
  if (ioctl(fd_, TIOCGWINSZ, &window) != 0 || window.ws_col == 0 || window.ws_row == 0) return {};
  return {window.ws_col, window.ws_row};
}

bool wants_colour(const Output& output) {
  const char* no_colour = std::getenv("NO_COLOR");
  return output.is_terminal() && (no_colour == nullptr || *no_colour == '\0');
}

std::string fit(std::string_view text, size_t columns) {
  std::string clean = in_one_line(text);
  if (cells(clean) <= columns) return clean;
  if (columns < 4) return std::string(first_cells(clean, columns));
  return std::string(first_cells(clean, columns - 3)) + "...";
}

std::string pad(std::string_view text, size_t columns) {
  std::string out = fit(text, columns);
  size_t used = cells(out);
  if (used < columns) out.append(columns - used, ' ');
  return out;
}

std::string human_duration(long long milliseconds) {
  long long seconds = milliseconds / 1000;
  if (seconds < 60) return base::format("{} s", seconds);
  if (seconds < 3600) return base::format("{}:{:02} min", seconds / 60, seconds % 60);
  return base::format("{}:{:02}:{:02} h", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

}  // namespace sealift::console
