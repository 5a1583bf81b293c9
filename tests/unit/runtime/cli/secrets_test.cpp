// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/secrets.h"

#include <pty.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "payload/base/fd.h"
#include "payload/base/format.h"
#include "tests/support/temporary_folder.h"

using namespace sealift;
using namespace sealift::cli;
using config::SecretSource;

namespace {

std::string told(const Result<Secret>& secret) {
  return secret ? base::format("secret: {}", secret->reveal())
                : base::format("{}: {}", base::name(secret.error().code), secret.error().text());
}

struct Prompted {
  std::string screen;  // shown by the terminal
  std::string answer;  // received by the program
  bool echo_after = false;
};

// Asks in a process with its own terminal, where `typed` is entered once the prompt appears.
Prompted prompt(std::string_view typed, const CancelToken& cancel = {}) {
  auto [result_read, result_write] = base::make_pipe().value();
  int master = -1;
  const pid_t child = ::forkpty(&master, nullptr, nullptr, nullptr);
  REQUIRE(child >= 0);
  if (child == 0) {
    const std::string answer = told(secret_from_prompt("Password of ops", cancel));
    termios now{};
    const bool echo = ::tcgetattr(STDIN_FILENO, &now) == 0 && (now.c_lflag & ECHO) != 0;
    static_cast<void>(base::write_all(result_write.get(), base::as_bytes((echo ? "1" : "0") + answer)));
    ::_exit(0);
  }
  base::Fd terminal(master);
  result_write.reset();
  Prompted out;
  bool entered = false;
  std::array<char, 256> buffer{};
  for (;;) {
    if (!entered && (typed.empty() || out.screen.contains("Password of ops: "))) {
      if (!typed.empty()) REQUIRE(base::write_all(master, base::as_bytes(typed)));
      entered = true;
    }
    const ssize_t count = ::read(master, buffer.data(), buffer.size());  // an error means that the other side has ended
    if (count <= 0) break;
    out.screen.append(buffer.data(), static_cast<size_t>(count));
  }
  base::FdSource source(result_read.get());
  const std::string result(base::as_text(base::read_all(source, 1000).value()));
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(result.size() > 1);
  out.echo_after = result[0] == '1';
  out.answer = result.substr(1);
  return out;
}

}  // namespace

TEST_CASE("a secret from a file is its first line") {
  char name[] = "/tmp/sealift-secret-XXXXXX";
  int fd = mkstemp(name);
  REQUIRE(fd >= 0);
  close(fd);
  std::ofstream(name) << "geheim 1\r\nsecond line\n";
  CHECK(secret_from_file(name)->reveal() == "geheim 1");
  std::ofstream(name, std::ios::trunc) << "\n";
  CHECK(secret_from_file(name).error().code == ErrorCode::invalid_config);
  unlink(name);
  CHECK(secret_from_file(name).error().code == ErrorCode::not_found);
}

TEST_CASE("a secret from the environment is taken out of it") {
  char block[] = "SEALIFT_TEST_SECRET=geheim";
  REQUIRE(putenv(block) == 0);  // so that the test can inspect the bytes themselves
  SecretStore store;
  auto secret = store.get({SecretSource::Kind::environment, "SEALIFT_TEST_SECRET"});
  REQUIRE(secret);
  CHECK(secret->reveal() == "geheim");
  CHECK(std::getenv("SEALIFT_TEST_SECRET") == nullptr);
  CHECK(std::strstr(block, "geheim") == nullptr);
  // requested again for another host
  CHECK(store.get({SecretSource::Kind::environment, "SEALIFT_TEST_SECRET"})->reveal() == "geheim");
  CHECK(secret_from_environment("SEALIFT_TEST_SECRET").error().code == ErrorCode::not_found);
}

TEST_CASE("a secret's file: without an end of line, too large, not there") {
  const tests::TemporaryFolder folder;
  std::ofstream(folder / "s") << "geheim 2";
  CHECK(told(secret_from_file(folder / "s")) == "secret: geheim 2");
  std::ofstream(folder / "s", std::ios::trunc) << "\r\n";
  CHECK(told(secret_from_file(folder / "s")) ==
        "invalid_config: " + folder.path() + "/s: the first line is empty, a secret was expected there");
  std::ofstream(folder / "s", std::ios::trunc) << "x\n" << std::string(64 << 10, 'y');
  CHECK(secret_from_file(folder / "s").error().code == ErrorCode::limit_exceeded);
  CHECK(told(secret_from_file(folder / "none")) ==
        "not_found: open " + folder.path() +
            "/none: No such file or directory (while reading a secret; check the path in cluster.yaml)");
  CHECK(told(secret_from_environment("SEALIFT_NOT_SET_ANYWHERE")) ==
        "not_found: the environment variable SEALIFT_NOT_SET_ANYWHERE is not set, cluster.yaml takes a secret from it");
}

TEST_CASE("a source is asked once, sources of other kinds on their own") {
  const tests::TemporaryFolder folder;
  const auto write = [&](const char* name, const char* text) {
    std::ofstream(folder / name) << text;
    REQUIRE(::chmod((folder / name).c_str(), 0600) == 0);
  };
  write("s", "first\n");
  SecretStore store;
  CHECK(told(store.get({SecretSource::Kind::file, folder / "s"})) == "secret: first");
  std::ofstream(folder / "s", std::ios::trunc) << "second\n";
  CHECK(told(store.get({SecretSource::Kind::file, folder / "s"})) == "secret: first");
  CHECK_FALSE(store.get({SecretSource::Kind::environment, folder / "s"}));
  CHECK_FALSE(store.get({SecretSource::Kind::file, folder / "t"}));
  write("t", "third\n");  // a failure is not remembered
  CHECK(told(store.get({SecretSource::Kind::file, folder / "t"})) == "secret: third");
}

TEST_CASE("a prompt takes one line, shows nothing of it, and leaves the terminal as it was") {
  const auto answered = prompt("geheim 3\nrest");
  CHECK(answered.answer == "secret: geheim 3");
  CHECK(answered.echo_after);
  CHECK(answered.screen.starts_with("Password of ops: "));
  CHECK_FALSE(answered.screen.contains("geheim"));
}

TEST_CASE("no answer at a prompt") {
  auto answered = prompt("\n");
  CHECK(answered.answer == "cancelled: no answer at the prompt for a secret (Password of ops)");
  CHECK(answered.echo_after);
  answered = prompt("\x04");  // end of input
  CHECK(answered.answer == "cancelled: no answer at the prompt for a secret");
  CHECK(answered.echo_after);
}

TEST_CASE("a stop at a prompt gives the terminal its echo back") {
  CancelSource cancel;
  cancel.cancel();
  const auto stopped = prompt("", cancel.token());
  CHECK(stopped.answer == "cancelled: stopped at the prompt for a secret");
  CHECK(stopped.echo_after);
}

TEST_CASE("a prompt without a terminal names what to write instead") {
  auto [read, write] = base::make_pipe().value();
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::setsid();  // gives up the terminal
    static_cast<void>(base::write_all(write.get(), base::as_bytes(told(secret_from_prompt("Password of ops", {})))));
    ::_exit(0);
  }
  write.reset();
  base::FdSource source(read.get());
  CHECK(
      base::as_text(base::read_all(source, 1000).value()) ==
      "usage: cluster.yaml asks for a secret at a prompt (Password of ops), but there is no terminal; use {file: …} or {env: …}");
  int status = 0;
  CHECK(::waitpid(child, &status, 0) == child);
}

TEST_CASE("a file with a secret that others may read is refused, or told") {
  const tests::TemporaryFolder folder;
  const auto path = folder / "password";
  std::ofstream(path) << "hush\n";
  const config::SecretSource source{SecretSource::Kind::file, path};
  for (const mode_t mode : {0604U, 0640U, 0644U, 0777U}) {
    INFO(mode);
    REQUIRE(::chmod(path.c_str(), mode) == 0);
    SecretStore strict, lax({}, Readable::allowed);
    const auto refused = strict.get(source);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::permission_denied);
    CHECK(refused.error().what.contains(base::format("{} may be read by other users (mode {:04o})", path, mode)));
    CHECK(refused.error().what.contains("--allow-readable-secrets"));
    CHECK_FALSE(refused.error().text().contains("hush"));
    CHECK_FALSE(strict.check_file(path));
    CHECK(told(lax.get(source)) == "secret: hush");
    CHECK(lax.check_file(path));
    CHECK(lax.warnings().size() == 1);
  }
  for (const mode_t mode : {0600U, 0400U}) {
    REQUIRE(::chmod(path.c_str(), mode) == 0);
    SecretStore strict;
    CHECK(told(strict.get(source)) == "secret: hush");
    CHECK(strict.warnings().empty());
  }
  // Another user's file is his to change.
  REQUIRE(::chown(path.c_str(), 65534, 65534) == 0);
  SecretStore strict;
  CHECK(strict.get(source).error().what.contains("belongs to another user (uid 65534)"));
  CHECK(strict.check_file(folder / "none"));
}
