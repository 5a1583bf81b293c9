// SPDX-License-Identifier: Apache-2.0
//
// Owns libssh's objects and drives its non-blocking calls. Internal to this library.
#pragma once

#include <libssh/libssh.h>

#include <functional>
#include <memory>

#include "payload/base/deadline.h"
#include "payload/base/fd.h"
#include "runtime/ssh/session.h"

namespace sealift::ssh {

struct FreeSession {
  void operator()(ssh_session session) const {
    ssh_disconnect(session);
    ssh_free(session);
  }
};
using SessionHandle = std::unique_ptr<ssh_session_struct, FreeSession>;

struct FreeKey {
  void operator()(ssh_key key) const { ssh_key_free(key); }
};
using KeyHandle = std::unique_ptr<ssh_key_struct, FreeKey>;

struct FreeText {
  void operator()(char* text) const { ssh_string_free_char(text); }
};
using TextHandle = std::unique_ptr<char, FreeText>;

// Initializes libssh once; any thread.
void initialize();

// Repeats `call` until it returns anything but `again`, waiting for the session's socket in between.
Result<int> drive(ssh_session session, int again, const base::Deadline& limit, std::string_view doing,
                  const std::function<int()>& call);

// socket.cpp: a connected TCP socket with keep-alive on. Errors: unreachable, timeout, cancelled.
Result<base::Fd> connect_socket(const std::string& address, uint16_t port, const base::Deadline& limit);

// known_hosts.cpp
struct KnownKeys {
  enum class Mark { none, revoked, authority };  // authority: signs the certificates of hosts, is no host's own key
  struct Place {
    std::string file;
    size_t line;
    std::string text() const;  // "file:line"
  };
  struct Entry {
    KeyHandle key;
    Place place;
    Mark mark;
  };
  // What may be about the host too: a line, or a whole file.
  struct Unreadable {
    std::string place, why;
    Mark mark;
    std::string type;  // of its key, as the line has it
  };
  std::vector<Entry> entries;
  std::vector<Unreadable> unreadable;
};
// As the target's files name it: "[address]:port" unless the port is 22.
std::string lookup_name(const Target& target);
KnownKeys find_known_keys(const Target& target);

// host_keys.cpp
// The preferred order of key algorithms: those already known for this host first.
std::string algorithms_for(const KnownKeys& known);
// Algorithms other than this key's, one group per element.
std::vector<std::string> other_algorithms(ssh_key shown);
Result<std::string> fingerprint(ssh_key key);
std::string key_name(ssh_key key);  // "ssh-ed25519"
// Errors: host_key_changed, also if a revocation can't be read that may mean this key.
Result<void> check_not_revoked(const Target& target, const KnownKeys& known, ssh_key shown);
Result<void> check_known(const Target& target, const KnownKeys& known, ssh_key shown, EventSink& events);

// login.cpp
Result<void> log_in(ssh_session session, const Target& target, const base::Deadline& limit);

// pump.cpp: takes over an authenticated session
Result<std::unique_ptr<Session>> make_session(SessionHandle session, Clock& clock, CancelToken cancel,
                                              std::string name);

}  // namespace sealift::ssh
