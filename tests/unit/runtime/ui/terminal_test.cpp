// SPDX-License-Identifier: Apache-2.0
#include "runtime/ui/terminal.h"

#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <csignal>
#include <cstdlib>
#include <string>
#include <vector>

#include "payload/base/file.h"
#include "tests/support/fake_clock.h"

using namespace sealift;
using namespace sealift::ui;

namespace {

// Emulates just enough of a terminal to show what stays on it.
std::vector<std::string> screen(const std::string& written) {
  std::vector<std::string> lines(1);
  size_t row = 0;
  size_t widest = 0;
  for (size_t i = 0; i < written.size(); ++i) {
    char c = written[i];
    if (c == '\n') {
      ++row;
      if (row == lines.size()) lines.emplace_back();
    } else if (c == '\033') {
      size_t end = written.find_first_of("AJm", i);
      REQUIRE(end != std::string::npos);
      std::string argument = written.substr(i + 2, end - i - 2);
      if (written[end] == 'A') {
        size_t up = std::stoul(argument);
        REQUIRE(up <= row);
        row -= up;
      } else if (written[end] == 'J') {
        lines.resize(row + 1);
        lines[row].clear();
      }
      i = end;
    } else if (c != '\r') {
      lines[row] += c;
      widest = std::max(widest, lines[row].size());
    }
  }
  CHECK(widest <= 79);
  return lines;
}

Event event(EventKind kind, std::string host, std::string step, std::string message) {
  Event out;
  out.kind = kind;
  out.host = std::move(host);
  out.step = std::move(step);
  out.message = std::move(message);
  out.time = WallTime{Duration{1'700'000'000'000}};
  return out;
}

}  // namespace

TEST_CASE("after the run only the lasting lines are on the screen") {
  char name[] = "/tmp/sealift-terminal-XXXXXX";
  base::Fd fd(mkstemp(name));
  REQUIRE(fd);
  tests::FakeClock clock;
  {
    Terminal terminal(console::Output(fd.get()), clock, Verbosity::normal, false);
    terminal.on(event(EventKind::phase, "", "", "deliver"));
    for (int host = 0; host < 40; ++host) {
      Event share = event(EventKind::progress, "w" + std::to_string(host), "", "");
      share.total = 20;
      terminal.on(share);
    }
    for (int i = 0; i < 20; ++i) {
      terminal.on(event(EventKind::step_started, "w1", "s" + std::to_string(i), "do thing " + std::to_string(i)));
      clock.advance(Duration{150});
      terminal.on(event(EventKind::step_finished, "w1", "s" + std::to_string(i), ""));
    }
    terminal.on(event(EventKind::message, "w1", "", "told"));
    terminal.on(event(EventKind::host_aside, "w2", "", "no answer"));
    std::string during = base::read_text_file(name, 1 << 20).value();
    CHECK(screen(during).size() > 10);  // the picture is there
    terminal.finish();
    terminal.on(event(EventKind::message, "", "", "afterwards"));
  }
  auto lines = screen(base::read_text_file(name, 1 << 20).value());
  CHECK(lines == std::vector<std::string>{"== deliver", "w1: told", "w2: set aside: no answer", "afterwards", ""});
  unlink(name);
}

TEST_CASE("a reader that has gone does not disturb") {
  auto [read, write] = base::make_pipe().value();
  read.reset();
  tests::FakeClock clock;
  PlainLines lines(console::Output(write.get()), Verbosity::normal);
  std::signal(SIGPIPE, SIG_IGN);
  lines.on(event(EventKind::message, "", "", "one"));
  lines.on(event(EventKind::message, "", "", "two"));
}
