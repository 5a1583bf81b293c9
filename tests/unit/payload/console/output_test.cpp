// SPDX-License-Identifier: Apache-2.0
#include "payload/console/output.h"

#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <csignal>
#include <thread>
#include <vector>

#include "payload/base/fd.h"
#include "payload/base/text.h"
#include "payload/console/json_lines.h"

using namespace sealift;
using namespace sealift::console;

namespace {

base::Fd full_disk() { return base::open_file("/dev/full", O_WRONLY).value(); }

std::string read_to_end(int fd) {
  base::FdSource source(fd);
  return std::string(base::as_text(base::read_all(source, size_t{1} << 20).value()));
}

}  // namespace

TEST_CASE("what can't be written is known afterwards, to every copy") {
  const auto fd = full_disk();
  Output first(fd.get());
  Output second = first;
  CHECK(first.trouble());
  second.line("lost");
  REQUIRE_FALSE(first.trouble());
  CHECK(first.trouble().error().code == ErrorCode::no_space);
  CHECK(first.trouble().error().text() == "write: No space left on device");
  CHECK_FALSE(second.trouble());
}

TEST_CASE("after a failure nothing more is written: no text with holes") {
  auto [read, write] = base::make_pipe().value();
  const auto full = full_disk();
  const int number = write.get();
  base::Fd kept(::dup(number));
  Output out(number);
  out.line("one");
  REQUIRE(::dup2(full.get(), number) == number);  // the disk is full for a while
  out.line("two");
  REQUIRE(::dup2(kept.get(), number) == number);
  out.line("three");
  write.reset();
  kept.reset();
  CHECK(read_to_end(read.get()) == "one\n");
  CHECK(out.trouble().error().code == ErrorCode::no_space);
}

TEST_CASE("a reader that has gone is no trouble, but it is not written to any more") {
  std::signal(SIGPIPE, SIG_IGN);
  auto [read, write] = base::make_pipe().value();
  read.reset();
  Output out(write.get());
  out.line("nobody reads this");
  CHECK(out.trouble());
}

TEST_CASE(
    "what others wrote into a line moves no cursor and turns nothing round; text that is written is left as it is") {
  auto [read, write] = base::make_pipe().value();
  Output out(write.get());
  out.line("port 5000 is taken by \x1b]0;x\x07\u009b2J\u202eexe\n\tsecond");
  out.json_line("{\"message\":\"\u202e\u4e2d\"}");
  out.write("\x1b[1A");
  write.reset();
  CHECK(
      read_to_end(read.get()) ==
      "port 5000 is taken by \\x1b]0;x\\x07\\u{009b}2J\\u{202e}exe\n\tsecond\n{\"message\":\"\\u202e\u4e2d\"}\n\x1b[1A");
}

TEST_CASE("JSON lines: one event a line, whole ones from many threads") {
  auto [read, write] = base::make_pipe().value();
  {
    JsonLines lines((Output(write.get())));
    Event event;
    event.kind = EventKind::step_failed;
    event.level = Level::error;
    event.host = "w1";
    event.step = "kubeadm.join";
    event.message = "exit 1\nsecond line";
    event.time = WallTime{Duration{1'700'000'000'123}};
    lines.on(event);
    write.reset();
  }
  CHECK(
      read_to_end(read.get()) ==
      R"({"event":"step_failed","host":"w1","level":"error","message":"exit 1\nsecond line","step":"kubeadm.join","time":"2023-11-14T22:13:20.123Z"})"
      "\n");

  auto [many_read, many_write] = base::make_pipe().value();
  JsonLines lines((Output(many_write.get())));
  Event event;
  event.message = std::string(100, 'x');
  {
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (int k = 0; k < 50; ++k) lines.on(event);
      });
    }
    for (auto& thread : threads) thread.join();
  }
  many_write.reset();
  const std::string text = read_to_end(many_read.get());
  size_t count = 0;
  for (const auto line : base::split(text, '\n')) {
    if (line.empty()) continue;
    CHECK(line == R"({"event":"message","level":"info","message":")" + event.message +
                      R"(","time":"1970-01-01T00:00:00.000Z"})");
    ++count;
  }
  CHECK(count == 200);
}

TEST_CASE("text is cut by cells and can't move the cursor") {
  CHECK(fit("abcdef", 6) == "abcdef");
  CHECK(fit("abcdefg", 6) == "abc...");
  CHECK(fit("äöüäöüä", 6) == "äöü...");
  CHECK(fit("a\033[2Jb\n", 10) == "a\\x1b[2Jb ");
  CHECK(pad("ab", 4) == "ab  ");
}
