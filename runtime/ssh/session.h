// SPDX-License-Identifier: Apache-2.0
//
// One SSH login to one machine, and commands run through it with their three streams. The host key is checked before
// any credential is sent. It knows libssh and nothing of agents, payloads or clusters; ~/.ssh/config is not read.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "payload/base/cancel.h"
#include "payload/base/clock.h"
#include "payload/base/event.h"
#include "payload/base/secret.h"
#include "payload/base/stream.h"

namespace sealift::ssh {

struct Target {
  std::string address;  // IPv4, IPv6 or a name
  uint16_t port = 22;
  std::string user;
  std::optional<std::string> key_path;  // without one: ssh-agent, then the user's id_ed25519, id_ecdsa, id_rsa
  std::optional<Secret> key_passphrase;
  std::optional<Secret> password;  // also answers keyboard-interactive
  // "SHA256:…" as printed by ssh-keygen -l: if set, this decides, and known_hosts can only revoke that key.
  std::optional<std::string> host_key;
  std::vector<std::string> known_hosts;  // files in OpenSSH's format, searched in this order; may be absent
  std::string record_file;               // accepted keys are appended here (0600); also searched; empty = never
  bool accept_new_host_keys = false;
  Duration connect_timeout{15'000};
  Duration login_timeout{60'000};  // from the connection to the end of authentication
};

// Where ssh looks: ~/.ssh/known_hosts and /etc/ssh/ssh_known_hosts, and both with a "2" at the end.
std::vector<std::string> default_known_hosts();

// A command running on the host. Its members may be used by different threads (one for input, one for output).
class Channel {
 public:
  virtual ~Channel() = default;  // closes it; the command gets SIGHUP or an end of input
  virtual base::Source& output() = 0;
  virtual base::Sink& input() = 0;
  // End of input. Data already written still arrives.
  virtual void close_input() = 0;
  // The last 64 KiB of stderr so far.
  virtual std::string errors() const = 0;
  // The longest silence of output().read() and input().write() before `timeout`; unlimited at first. Silence alone: a
  // host that says a byte now and then is ended by Session::set_end.
  virtual void set_patience(std::optional<Duration> patience) = 0;
  // Waits for the end; returns the exit code, 128 if a signal ended the command, 255 if the host named none.
  virtual Result<int> wait() = 0;
};

// Any thread; its own thread does the work of all its channels.
class Session {
 public:
  virtual ~Session() = default;  // destroy its channels first
  // Errors: unreachable, timeout, host_key_unknown, host_key_changed, auth_failed (also a wrong passphrase of the key),
  // cancelled, protocol (no common algorithm), not_found or permission_denied (the key file). Newly accepted keys are
  // reported to `events`.
  static Result<std::unique_ptr<Session>> connect(const Target& target, Clock& clock, EventSink& events,
                                                  const CancelToken& cancel);

  // From now on the session ends by itself, and with it every call that waits: at `end` (monotonic; none if not given),
  // with `timeout`; and when the token of connect() has been cancelled for `grace`, with `cancelled`. At first it does
  // neither.
  virtual void set_end(std::optional<Duration> end, std::optional<Duration> grace) = 0;
  // `command` is passed to the login shell unchanged: see quote().
  virtual Result<std::unique_ptr<Channel>> exec(const std::string& command) = 0;
  // Ends everything at once; waiting calls return `unreachable`.
  virtual void abort() = 0;
  // "aes128-gcm@openssh.com", for reports
  virtual std::string cipher() const = 0;
};

// Quotes one word for a POSIX shell (also for csh and fish if it contains no backslash, newline or "!").
std::string quote(std::string_view word);

}  // namespace sealift::ssh
