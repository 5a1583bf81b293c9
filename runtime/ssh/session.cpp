// SPDX-License-Identifier: Apache-2.0
#include "runtime/ssh/session.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <mutex>

#include "payload/base/format.h"
#include "payload/base/retry.h"
#include "runtime/ssh/handle.h"

namespace sealift::ssh {
namespace {

// AES with hardware instructions first: half the CPU time of libssh's default.
constexpr const char* kCiphers =
    "aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com,aes256-ctr,aes128-ctr";
// curve25519 costs a quarter of the hybrid sntrup761, which matters when 100 hosts are connected at once.
constexpr const char* kKeyExchanges =
    "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,diffie-hellman-group16-sha512,diffie-hellman-group14-sha256";

std::string name_of(const Target& target) {
  return target.port == 22 ? target.address : base::format("{} port {}", target.address, target.port);
}

Error connection_error(ssh_session session, const Target& target) {
  const std::string text = ssh_get_error(session);
  if (text.contains("kex error") || text.contains("no match for method")) {
    return {ErrorCode::protocol,
            base::format("{}: no algorithm in common with its SSH server ({})", name_of(target), text),
            {}};
  }
  return {
      ErrorCode::unreachable,
      base::format(
          "{}: the SSH server ended the connection before the login ({}); too many connections at once (MaxStartups) or a firewall",
          name_of(target), text),
      {}};
}

// Connects up to the point where the host has proved its key.
Result<SessionHandle> exchange_once(const Target& target, const std::string& algorithms, const base::Deadline& limit,
                                    bool& connected) {
  SEALIFT_ASSIGN(auto socket, connect_socket(target.address, target.port, limit));
  connected = true;
  SessionHandle session(ssh_new());
  if (!session) return fail(ErrorCode::internal, "no memory for an SSH session");
  const int no = 0;
  const unsigned port = target.port;
  int fd = socket.get();
  const auto set = [&](ssh_options_e option, const void* value) {
    return ssh_options_set(session.get(), option, value) == 0;
  };
  const bool all = set(SSH_OPTIONS_PROCESS_CONFIG, &no) && set(SSH_OPTIONS_HOST, target.address.c_str()) &&
                   set(SSH_OPTIONS_PORT, &port) && set(SSH_OPTIONS_USER, target.user.c_str()) &&
                   set(SSH_OPTIONS_KNOWNHOSTS, "/dev/null") && set(SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null") &&
                   set(SSH_OPTIONS_CIPHERS_C_S, kCiphers) && set(SSH_OPTIONS_CIPHERS_S_C, kCiphers) &&
                   set(SSH_OPTIONS_KEY_EXCHANGE, kKeyExchanges) && set(SSH_OPTIONS_HOSTKEYS, algorithms.c_str()) &&
                   set(SSH_OPTIONS_FD, &fd);
  if (!all) return fail(ErrorCode::internal, "{}: {}", name_of(target), ssh_get_error(session.get()));
  socket.release();  // now owned by the session
  ssh_set_blocking(session.get(), 0);
  SEALIFT_ASSIGN(const int result, drive(session.get(), SSH_AGAIN, limit, "the SSH handshake with " + name_of(target),
                                         [&] { return ssh_connect(session.get()); }));
  if (result != SSH_OK) return fail(connection_error(session.get(), target));
  return session;
}

// A server that drops connections before the login has too many of them (MaxStartups): retried within the time limit.
Result<SessionHandle> exchange_keys(const Target& target, const std::string& algorithms, const base::Deadline& limit) {
  for (int attempt = 1;; ++attempt) {
    bool connected = false;
    auto session = exchange_once(target, algorithms, limit, connected);
    const Duration wait = std::min(Duration{400} * attempt, Duration{2'000});
    if (session || !connected || session.error().code != ErrorCode::unreachable ||
        limit.clock.monotonic() + wait > limit.end)
      return session;
    SEALIFT_TRY(base::pause(limit.clock, wait, limit.cancel));
  }
}

Result<KeyHandle> shown_key(ssh_session session) {
  ssh_key key = nullptr;
  if (ssh_get_server_publickey(session, &key) != SSH_OK)
    return fail(ErrorCode::protocol, "the SSH server showed no key");
  return KeyHandle(key);
}

// The configured fingerprint may belong to another key of the host than the first one shown: all are tried.
Result<SessionHandle> find_fingerprint(const Target& target, const base::Deadline& limit) {
  SEALIFT_ASSIGN(auto session, exchange_keys(target, algorithms_for({}), limit));
  SEALIFT_ASSIGN(const auto key, shown_key(session.get()));
  SEALIFT_ASSIGN(const auto first, fingerprint(key.get()));
  if (first == *target.host_key) return session;
  for (const auto& algorithms : other_algorithms(key.get())) {
    auto other = exchange_keys(target, algorithms, limit);
    if (!other) {
      if (other.error().code == ErrorCode::protocol) continue;  // the host has no key of this kind
      return std::unexpected(std::move(other).error());
    }
    SEALIFT_ASSIGN(const auto other_key, shown_key(other->get()));
    SEALIFT_ASSIGN(const auto shown, fingerprint(other_key.get()));
    if (shown == *target.host_key) return other;
  }
  return fail(
      ErrorCode::host_key_changed,
      "{} shows the host key {} {}, but the configuration says {}. Someone may be intercepting the connection, or the host was reinstalled: compare with "
      "`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the host itself, then correct hostKey",
      name_of(target), key_name(key.get()), first, *target.host_key);
}

Result<SessionHandle> verified(const Target& target, const base::Deadline& limit, EventSink& events) {
  const auto known = find_known_keys(target);
  if (target.host_key) {
    SEALIFT_ASSIGN(auto session, find_fingerprint(target, limit));
    SEALIFT_ASSIGN(const auto key, shown_key(session.get()));
    SEALIFT_TRY(check_not_revoked(target, known, key.get()));
    return session;
  }
  SEALIFT_ASSIGN(auto session, exchange_keys(target, algorithms_for(known), limit));
  SEALIFT_ASSIGN(const auto key, shown_key(session.get()));
  SEALIFT_TRY(check_known(target, known, key.get(), events));
  return session;
}

}  // namespace

void initialize() {
  static std::once_flag once;
  std::call_once(once, [] { ssh_init(); });
}

Result<int> drive(ssh_session session, int again, const base::Deadline& limit, std::string_view doing,
                  const std::function<int()>& call) {
  for (;;) {
    const int result = call();
    if (result != again) return result;
    SEALIFT_TRY(limit.check(doing));
    pollfd polled{ssh_get_fd(session), POLLIN, 0};
    if ((ssh_get_poll_flags(session) & SSH_WRITE_PENDING) != 0) polled.events |= POLLOUT;
    if (::poll(&polled, 1, 200) < 0 && errno != EINTR) return fail_errno(errno, "poll");
  }
}

std::vector<std::string> default_known_hosts() {
  std::vector<std::string> out;
  const auto both = [&](const std::string& file) {
    out.push_back(file);
    out.push_back(file + "2");  // old, but ssh still reads it
  };
  if (const char* home = std::getenv("HOME"); home != nullptr && *home == '/')
    both(std::string(home) + "/.ssh/known_hosts");
  both("/etc/ssh/ssh_known_hosts");
  return out;
}

Result<std::unique_ptr<Session>> Session::connect(const Target& target, Clock& clock, EventSink& events,
                                                  const CancelToken& cancel) {
  initialize();
  const Duration begin = clock.monotonic();
  SEALIFT_ASSIGN(auto session, verified(target, {clock, begin + target.connect_timeout, cancel}, events));
  SEALIFT_TRY(log_in(session.get(), target, {clock, begin + target.login_timeout, cancel}));
  return make_session(std::move(session), clock, cancel, name_of(target));
}

std::string quote(std::string_view word) {
  std::string out = "'";
  for (const char c : word) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

}  // namespace sealift::ssh
