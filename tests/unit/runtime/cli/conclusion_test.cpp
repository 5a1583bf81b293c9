// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/conclusion.h"

#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <csignal>

#include "payload/base/fd.h"

using namespace sealift;
using namespace sealift::cli;

namespace {

const std::string kIncomplete =
    "error: standard output is not complete: write: No space left on device; send it to where there is room and start the same command again\n";

struct Told {
  int code = -1;
  std::string out, messages;
};

enum class Place { pipe, full, closed };

// The exit code of a command that printed "result", and what arrived where.
Told conclude_with(const Result<void>& done, Place place, bool json) {
  std::signal(SIGPIPE, SIG_IGN);
  auto [out_read, out_write] = base::make_pipe().value();
  auto [messages_read, messages_write] = base::make_pipe().value();
  if (place == Place::full) out_write = base::open_file("/dev/full", O_WRONLY).value();
  if (place == Place::closed) out_read.reset();
  console::Output out(out_write.get());
  out.line("result");
  Told told;
  told.code = conclude(done, out, console::Output(messages_write.get()), json);
  out_write.reset();
  messages_write.reset();
  const auto read = [](const base::Fd& fd) {
    if (!fd) return std::string();
    base::FdSource source(fd.get());
    return std::string(base::as_text(base::read_all(source, 10000).value()));
  };
  told.out = read(out_read);
  told.messages = read(messages_read);
  return told;
}

const Result<void> kUnhealthy = fail(ErrorCode::unhealthy, "1 of 3 are ill");

}  // namespace

TEST_CASE("a command whose output arrived") {
  for (const bool json : {false, true}) {
    const auto told = conclude_with({}, Place::pipe, json);
    CHECK(told.code == 0);
    CHECK(told.out == "result\n");
    CHECK(told.messages.empty());
  }
}

TEST_CASE("a command that failed says so, for people on stderr, for programs on stdout") {
  auto told = conclude_with(kUnhealthy, Place::pipe, false);
  CHECK(told.code == 15);
  CHECK(told.out == "result\n");
  CHECK(told.messages == "error: 1 of 3 are ill\n");
  told = conclude_with(kUnhealthy, Place::pipe, true);
  CHECK(told.code == 15);
  CHECK(told.out ==
        "result\n{\"code\":\"unhealthy\",\"event\":\"error\",\"exit\":15,\"message\":\"1 of 3 are ill\"}\n");
  CHECK(told.messages.empty());
}

TEST_CASE("output on a full disk is an error, whatever the format") {
  for (const bool json : {false, true}) {
    const auto told = conclude_with({}, Place::full, json);
    CHECK(told.code == 7);
    CHECK(told.messages == kIncomplete);
  }
}

TEST_CASE("a command that failed and could not print says both, and its own error decides") {
  for (const bool json : {false, true}) {
    const auto told = conclude_with(kUnhealthy, Place::full, json);
    CHECK(told.code == 15);
    CHECK(told.messages == "error: 1 of 3 are ill\n" + kIncomplete);
  }
}

TEST_CASE("an error whose JSON line does not fit any more is told on stderr") {
  console::Output out(base::open_file("/dev/full", O_WRONLY).value().release());  // nothing was printed before
  auto [read, write] = base::make_pipe().value();
  CHECK(conclude(kUnhealthy, out, console::Output(write.get()), true) == 15);
  write.reset();
  base::FdSource source(read.get());
  CHECK(base::as_text(base::read_all(source, 10000).value()) == "error: 1 of 3 are ill\n" + kIncomplete);
  ::close(out.fd());
}

TEST_CASE("a reader that wanted no more is no error") {
  for (const bool json : {false, true}) {
    CHECK(conclude_with({}, Place::closed, json).code == 0);
    CHECK(conclude_with({}, Place::closed, json).messages.empty());
    CHECK(conclude_with(kUnhealthy, Place::closed, json).code == 15);
  }
}
