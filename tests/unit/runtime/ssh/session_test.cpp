// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "payload/base/fd.h"
#include "payload/base/file.h"
#include "payload/base/thread.h"
#include "payload/hash/digest.h"
#include "runtime/ssh/session.h"
#include "tests/support/event_recorder.h"
#include "tests/support/ssh_server.h"

using namespace sealift;
using tests::SshServer;

namespace {

ssh::Target target_of(const SshServer& server) {
  ssh::Target out;
  out.address = "127.0.0.1";
  out.port = server.port();
  out.user = SshServer::user();
  out.key_path = server.key();
  out.host_key = server.fingerprint("ed25519");
  return out;
}

Result<std::unique_ptr<ssh::Session>> connect(const ssh::Target& target, EventSink& events = base::no_events()) {
  return ssh::Session::connect(target, base::system_clock(), events, {});
}

ErrorCode code_of(const Result<std::unique_ptr<ssh::Session>>& session) {
  REQUIRE_FALSE(session);
  INFO(session.error().text());
  return session.error().code;
}

struct Said {
  std::string output, errors;
  int code;
};

bool is_here(const std::string& program) {
  const auto found = base::run({{"sh", "-c", "command -v " + program}, {}, "/", {}});
  return found && found->ok();
}

Said run(ssh::Session& session, const std::string& command, std::string_view input = {}) {
  const auto channel = session.exec(command);
  REQUIRE(channel);
  (*channel)->set_patience(Duration{20'000});
  REQUIRE((*channel)->input().write(base::as_bytes(input)));
  (*channel)->close_input();
  const auto output = base::read_all((*channel)->output(), size_t{64} << 20);
  REQUIRE(output);
  const auto code = (*channel)->wait();
  REQUIRE(code);
  return {std::string(base::as_text(*output)), (*channel)->errors(), *code};
}

}  // namespace

TEST_CASE("a command's streams and exit code arrive") {
  const auto server = SshServer::start();
  const auto session = connect(target_of(*server));
  REQUIRE(session);
  CHECK((*session)->cipher() == "aes128-gcm@openssh.com");
  const auto said = run(**session, "sh -c 'cat; echo two >&2; exit 7'", "one\n");
  CHECK(said.output == "one\n");
  CHECK(said.errors == "two\n");
  CHECK(said.code == 7);
  CHECK(run(**session, "true").code == 0);  // again on the same session
  CHECK(run(**session, "sh -c 'kill -9 $$'").code >= 128);
}

TEST_CASE("large streams in both directions at once arrive unchanged") {
  const auto server = SshServer::start();
  const auto session = connect(target_of(*server));
  REQUIRE(session);
  const auto channel = (*session)->exec("cat");
  REQUIRE(channel);
  Bytes data(size_t{24} << 20);
  for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<std::byte>(i * 7919 >> 5);
  Result<void> written;
  auto writer = Thread::start([&] {
    written = (*channel)->input().write(data);
    (*channel)->close_input();
  });
  REQUIRE(writer);
  const auto back = hash::sha256((*channel)->output());
  writer->join();
  REQUIRE(written);
  REQUIRE(back);
  CHECK(*back == hash::sha256(data));
}

TEST_CASE("a reader that waits does not stop what another channel sends") {
  const auto server = SshServer::start();
  const auto session = connect(target_of(*server));
  REQUIRE(session);
  const auto flood =
      (*session)->exec("sh -c 'while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done'");  // unread
  REQUIRE(flood);
  CHECK(run(**session, "echo fine").output == "fine\n");
}

TEST_CASE("patience ends a silent command") {
  const auto server = SshServer::start();
  const auto session = connect(target_of(*server));
  REQUIRE(session);
  const auto channel = (*session)->exec("sleep 30");
  REQUIRE(channel);
  (*channel)->set_patience(Duration{200});
  std::array<std::byte, 8> buffer;
  const auto got = (*channel)->output().read(buffer);
  REQUIRE_FALSE(got);
  CHECK(got.error().code == ErrorCode::timeout);
}

TEST_CASE("a session ends at its time, and some time after a cancel") {
  const auto server = SshServer::start();
  CancelSource cancel;
  for (const bool is_cancelled : {false, true}) {
    const auto session =
        ssh::Session::connect(target_of(*server), base::system_clock(), base::no_events(), cancel.token());
    REQUIRE(session);
    const auto channel = (*session)->exec("sh -c 'while :; do echo; sleep 0.1; done'");
    REQUIRE(channel);
    const Duration now = base::system_clock().monotonic();
    if (is_cancelled) {
      (*session)->set_end({}, Duration{300});
      cancel.cancel();
    } else {
      (*session)->set_end(now + Duration{300}, {});
    }
    const auto all = base::read_all((*channel)->output(), size_t{1} << 20);
    REQUIRE_FALSE(all);
    CHECK(all.error().code == (is_cancelled ? ErrorCode::cancelled : ErrorCode::timeout));
    CHECK(base::system_clock().monotonic() - now >= Duration{300});
    const auto next = (*session)->exec("true");
    REQUIRE_FALSE(next);
    CHECK(next.error().code == all.error().code);
  }
}

TEST_CASE("a lost connection wakes who waits") {
  const auto server = SshServer::start();
  const auto session = connect(target_of(*server));
  REQUIRE(session);
  const auto channel = (*session)->exec("sleep 30");
  REQUIRE(channel);
  auto cutter = Thread::start([&] {
    base::system_clock().sleep(Duration{200});
    (*session)->abort();
  });
  std::array<std::byte, 8> buffer;
  const auto got = (*channel)->output().read(buffer);
  REQUIRE_FALSE(got);
  CHECK(got.error().code == ErrorCode::unreachable);
  CHECK((*session)->exec("true").error().code == ErrorCode::unreachable);
}

TEST_CASE("host keys") {
  const auto server = SshServer::start();
  auto target = target_of(*server);

  SECTION("the fingerprint of any of the host's keys is accepted") {
    target.host_key = server->fingerprint("ecdsa");
    CHECK(connect(target));
  }
  SECTION("another fingerprint is refused before anything is sent") {
    target.host_key = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    CHECK(code_of(connect(target)) == ErrorCode::host_key_changed);
    CHECK_FALSE(server->log().contains("Accepted"));
    CHECK_FALSE(server->log().contains("Failed"));
  }
  SECTION("an unknown key is refused, with what to do") {
    target.host_key.reset();
    const auto session = connect(target);
    CHECK(code_of(session) == ErrorCode::host_key_unknown);
    CHECK(session.error().what.contains(server->fingerprint("ed25519")));
    CHECK(session.error().what.contains("--accept-new-host-keys"));
    CHECK_FALSE(server->log().contains("Accepted"));
  }
  SECTION("a key in known_hosts is accepted, also if it is not the kind that is asked for first") {
    target.host_key.reset();
    std::ofstream(server->file("known")) << "# comment\n" << server->known_line("ecdsa");
    target.known_hosts = {server->file("absent"), server->file("known")};
    CHECK(connect(target));
  }
  SECTION("hashed known_hosts") {
    target.host_key.reset();
    std::ofstream(server->file("known")) << server->known_line("ed25519");
    REQUIRE(base::run_checked({{"ssh-keygen", "-q", "-H", "-f", server->file("known")}, {}, "/", {}}));
    REQUIRE(base::read_text_file(server->file("known"), 4096)->starts_with("|1|"));
    target.known_hosts = {server->file("known")};
    CHECK(connect(target));
  }
  SECTION("another key in known_hosts is refused") {
    target.host_key.reset();
    server->make_key("foreign", "ed25519", "");
    const auto foreign = base::read_text_file(server->file("foreign.pub"), 4096);
    std::ofstream(server->file("known")) << "[127.0.0.1]:" << server->port() << " " << *foreign;
    target.known_hosts = {server->file("known")};
    target.accept_new_host_keys = true;  // makes no difference: the key is not new but changed
    const auto session = connect(target);
    CHECK(code_of(session) == ErrorCode::host_key_changed);
    CHECK(session.error().what.contains(server->file("known")));
  }
  SECTION("a revoked key is refused") {
    target.host_key.reset();
    std::ofstream(server->file("known")) << "@revoked " << server->known_line("ed25519");
    target.known_hosts = {server->file("known")};
    target.accept_new_host_keys = true;
    CHECK(code_of(connect(target)) == ErrorCode::host_key_changed);
  }
  SECTION("a revoked key is refused, although the configuration has its fingerprint") {
    std::ofstream(server->file("known")) << "@revoked " << server->known_line("ed25519");
    target.known_hosts = {server->file("known")};
    const auto session = connect(target);
    CHECK(code_of(session) == ErrorCode::host_key_changed);
    CHECK(session.error().what.contains(server->file("known") + ":1"));
    CHECK_FALSE(server->log().contains("Accepted"));
  }
  SECTION("an accepted key is recorded on a line of its own") {
    target.host_key.reset();
    target.record_file = server->file("known");
    std::ofstream(target.record_file) << "other ssh-ed25519 AAAA";  // cut off by a power cut
    target.accept_new_host_keys = true;
    REQUIRE(connect(target));
    target.accept_new_host_keys = false;
    CHECK(connect(target));
  }
  SECTION("an accepted key is recorded, reported, and known from then on") {
    target.host_key.reset();
    target.record_file = server->file("state/known_hosts");
    target.accept_new_host_keys = true;
    tests::EventRecorder events;
    REQUIRE(connect(target, events));
    REQUIRE_FALSE(events.events().empty());
    CHECK(events.events().front().message.contains("accepted and recorded"));
    target.accept_new_host_keys = false;
    CHECK(connect(target));
  }
}

TEST_CASE("logins") {
  const auto server = SshServer::start();
  auto target = target_of(*server);

  SECTION("ecdsa, rsa and keys with a passphrase") {
    for (const auto* kind : {"ecdsa", "rsa"}) {
      server->make_key(kind, kind, "");
      server->allow(kind);
      target.key_path = server->file(kind);
      INFO(kind);
      CHECK(connect(target));
    }
    server->make_key("locked", "ed25519", "open sesame");
    server->allow("locked");
    target.key_path = server->file("locked");
    CHECK(code_of(connect(target)) == ErrorCode::auth_failed);
    target.key_passphrase = Secret("wrong");
    CHECK(code_of(connect(target)) == ErrorCode::auth_failed);
    target.key_passphrase = Secret("open sesame");
    CHECK(connect(target));
  }
  SECTION("a key that the host does not know") {
    server->make_key("stranger", "ed25519", "");
    target.key_path = server->file("stranger");
    const auto session = connect(target);
    CHECK(code_of(session) == ErrorCode::auth_failed);
    CHECK(session.error().what.contains("stranger"));
  }
  SECTION("keys of ssh-agent") {
    const std::string socket = server->file("agent");
    CancelSource stop;
    auto agent =
        Thread::start([&] { (void)base::run({{"ssh-agent", "-D", "-a", socket}, {}, "/", {}}, {}, stop.token()); });
    REQUIRE(agent);
    Result<std::string> added;
    for (int i = 0;
         i < 50 &&
         !(added = base::run_checked({{"ssh-add", "-q", server->key()}, {"SSH_AUTH_SOCK=" + socket}, "/", {}}));
         ++i) {
      base::system_clock().sleep(Duration{50});
    }
    if (added) {
      ::setenv("SSH_AUTH_SOCK", socket.c_str(), 1);
      target.key_path.reset();
      CHECK(connect(target));
      ::unsetenv("SSH_AUTH_SOCK");
    }
    stop.cancel();
    CHECK(added);
  }
  SECTION("a key file that is not there") {
    target.key_path = server->file("nowhere");
    CHECK(code_of(connect(target)) == ErrorCode::not_found);
  }
}

TEST_CASE("logins with a password") {
  const auto log_in = [](const SshServer& server, const char* password) {
    ssh::Target target;
    target.address = "127.0.0.1";
    target.port = server.port();
    target.user = "sealift-ops";
    target.password = Secret(password);
    target.host_key = server.fingerprint("ed25519");
    return connect(target);
  };
  constexpr auto kAccount = "sealift-ops";
  constexpr int kLongAgo = 19'000;
  const std::string questions = "UsePAM yes\nKbdInteractiveAuthentication yes\nPasswordAuthentication no";

  SECTION("as a password") {
    const auto server = SshServer::start_with_account(kAccount, "right one", kLongAgo, "PasswordAuthentication yes");
    CHECK(log_in(*server, "right one"));
    const auto refused = log_in(*server, "wrong one");
    CHECK(code_of(refused) == ErrorCode::auth_failed);
    CHECK(refused.error().what.contains("tried: the password;"));
    CHECK_FALSE(refused.error().what.contains("wrong one"));
  }
  SECTION("as the answer to a question") {
    const auto server = SshServer::start_with_account(kAccount, "right one", kLongAgo, questions);
    CHECK(log_in(*server, "right one"));
    const auto refused = log_in(*server, "wrong one");
    CHECK(code_of(refused) == ErrorCode::auth_failed);
    CHECK(refused.error().what.contains("keyboard-interactive"));
  }
  SECTION("an expired one is told with what to do, and no new one is set") {
    const auto server = SshServer::start_with_account(kAccount, "right one", 0, questions);
    const auto expired = log_in(*server, "right one");
    CHECK(code_of(expired) == ErrorCode::auth_failed);
    CHECK(expired.error().what.contains("expired"));
    CHECK(expired.error().what.contains("ssh sealift-ops@127.0.0.1"));
  }
}

TEST_CASE("a second factor that is not given is named") {
  const auto server = SshServer::start("PasswordAuthentication yes\nAuthenticationMethods publickey,password");
  const auto session = connect(target_of(*server));
  CHECK(code_of(session) == ErrorCode::auth_failed);
  INFO(session.error().what);
  CHECK(session.error().what.contains("second factor (password)"));
}

TEST_CASE("a host that ends the connection during the login is told as such") {
  const auto server = SshServer::start("MaxAuthTries 1");
  auto target = target_of(*server);
  server->make_key("stranger", "ed25519", "");
  target.key_path = server->file("stranger");
  const auto session = connect(target);
  CHECK(code_of(session) == ErrorCode::auth_failed);
  INFO(session.error().what);
  CHECK(session.error().what.contains("MaxAuthTries"));
}

TEST_CASE("without a key path the usual files of the home folder are tried, passing over what can't be used") {
  const auto server = SshServer::start();
  auto target = target_of(*server);
  target.key_path.reset();
  const tests::TemporaryFolder home;
  std::filesystem::create_directory(home / ".ssh");
  std::ofstream(home / ".ssh/id_ed25519") << "no key\n";
  const char* before = ::getenv("HOME");
  const std::string old = before == nullptr ? "" : before;
  ::setenv("HOME", home.path().c_str(), 1);
  const auto refused = connect(target);
  server->make_key("ecdsa", "ecdsa", "");
  server->allow("ecdsa");
  std::filesystem::copy_file(server->file("ecdsa"), home / ".ssh/id_ecdsa");
  const auto session = connect(target);
  ::setenv("HOME", old.c_str(), 1);
  CHECK(code_of(refused) == ErrorCode::auth_failed);
  CHECK(session);
}

TEST_CASE("a session is asked for again while the server is at the end of the last one") {
  const auto server = SshServer::start("MaxSessions 1");
  const auto session = connect(target_of(*server));
  REQUIRE(session);
  SECTION("it comes free in time") {
    REQUIRE((*session)->exec("sleep 1"));  // abandoned at once; the host ends it in its own time
    CHECK(run(**session, "echo next").output == "next\n");
  }
  SECTION("it does not") {
    const auto lasting = (*session)->exec("cat");
    REQUIRE(lasting);
    const auto refused = (*session)->exec("true");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().what.contains("MaxSessions"));
    (*lasting)->close_input();
    CHECK((*lasting)->wait() == 0);  // the running one is unaffected
  }
}

TEST_CASE("nobody listens") {
  ssh::Target target;
  target.address = "127.0.0.1";
  // Bound, so that nobody else takes the port, but not listening.
  const base::Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  REQUIRE(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
  target.port = ntohs(address.sin_port);
  target.user = "nobody";
  const auto session = connect(target);
  CHECK(code_of(session) == ErrorCode::unreachable);
  CHECK(session.error().what.contains("refused"));
}

TEST_CASE("cancelling ends a connection attempt") {
  ssh::Target target;
  target.address = "127.0.0.1";
  // A socket that accepts connections and sends nothing.
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(::listen(fd, 4) == 0);
  REQUIRE(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  target.port = ntohs(address.sin_port);
  target.user = "nobody";
  SECTION("by the caller") {
    CancelSource cancel;
    cancel.cancel();
    CHECK(code_of(ssh::Session::connect(target, base::system_clock(), base::no_events(), cancel.token())) ==
          ErrorCode::cancelled);
  }
  SECTION("by its time limit") {
    target.connect_timeout = Duration{300};
    CHECK(code_of(connect(target)) == ErrorCode::timeout);
  }
  ::close(fd);
}

TEST_CASE("a shell gives quoted words back") {
  for (const std::string word : {"", "a b", "it's", "'", "''", "$HOME `id` \"x\" * ? ;&|<>()", "ünïcode\t"}) {
    const auto out = base::run_checked({{"sh", "-c", "printf %s " + ssh::quote(word)}, {}, "/", {}});
    REQUIRE(out);
    CHECK(*out == word);
  }
}

TEST_CASE("any bytes survive quoting in every shell that is here") {
  // Words of all bytes but NUL, from a fixed sequence; the shell prints them back, each followed by NUL.
  uint32_t state = 1;
  std::string line = "printf '%s\\000'", expected;
  for (int i = 0; i < 300; ++i) {
    std::string word;
    for (uint32_t left = (state >> 8) % 12; left > 0; --left) {
      state = state * 1664525 + 1013904223;
      const uint32_t pick = state >> 16;
      word += pick % 3 == 0 ? "'\\\"$`! \n"[pick / 3 % 8] : static_cast<char>(1 + pick / 3 % 255);
    }
    state = state * 1664525 + 1013904223;
    line += " " + ssh::quote(word);
    expected += word + '\0';
  }
  for (const auto* shell : {"sh", "bash", "dash", "zsh", "ksh93"}) {
    DYNAMIC_SECTION(shell) {
      tests::require_or_skip(is_here(shell), shell);
      const auto out = base::run({{shell, "-c", line}, {}, "/", {}});
      REQUIRE(out);
      CHECK((out->output == expected));
    }
  }
}

TEST_CASE("words without backslash, newline and ! survive in csh and fish too") {
  const std::string word = "a b  $HOME $(id) `id` \"x\" * ? ~ ; & | < > ( ) { } [ ] # % ^ = @ , ünïcode";
  for (const auto* shell : {"sh", "tcsh", "bsd-csh", "fish"}) {
    DYNAMIC_SECTION(shell) {
      tests::require_or_skip(is_here(shell), shell);
      const auto out = base::run({{shell, "-c", "printf %s " + ssh::quote(word)}, {"LC_ALL=C.UTF-8"}, "/", {}});
      REQUIRE(out);
      CHECK(out->output == word);
    }
  }
}
