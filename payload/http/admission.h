// SPDX-License-Identifier: Apache-2.0
//
// Who may have how much of something scarce, so that nobody takes it all: a limit in all, one for each caller, and a
// reserve that only trusted callers get. Shares counts requests; Admission counts connections, and says which one has
// to go for a new one. Knows no sockets. One thread each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

#include "payload/http/caller.h"

namespace sealift::http {

struct ShareLimits {
  size_t all = 0;
  size_t reserved = 0;    // of these: for trusted callers only
  size_t per_caller = 0;  // root has no such limit; a machine with a good certificate has half of `all`
};

class Shares {
 public:
  explicit Shares(const ShareLimits& limits) : limits_(limits) {}
  bool has_own_room(const Caller& caller) const;  // its own limit leaves room for one more
  bool has_room(const Caller& caller) const;      // so does the limit in all
  void take(const Caller& caller);
  void give_back(const Caller& caller);
  size_t taken() const { return taken_; }
  size_t taken_by(const Caller& caller) const;

 private:
  ShareLimits limits_;
  std::map<Caller, size_t> by_caller_;
  size_t taken_ = 0, taken_by_trusted_ = 0;
};

class Admission {
 public:
  using Id = uint64_t;
  explicit Admission(const ShareLimits& limits) : shares_(limits) {}

  struct Verdict {
    bool is_admitted = false;
    std::optional<Id> victim;  // has left already; its connection must be closed
  };
  // A new connection, which waits. If its caller has too many, the one of them that has waited longest goes, those that
  // never said anything first; if all together are too many, the one of the caller with most of them. Trusted callers
  // never make room for others.
  Verdict enter(Id id, const Caller& caller);
  // A connection that waits may be closed for another one at any time; one that works may not. Neither is repeated.
  void works(Id id);
  void waits(Id id);
  // One that waits has said something: its handshake or request is on its way, while others may come in great number.
  void speaks(Id id);
  // Its client has shown a good certificate. A victim must be closed; it may be this connection itself.
  std::optional<Id> trust(Id id);
  void leave(Id id);
  // The one to be closed if there are too many for another reason, such as descriptors.
  std::optional<Id> evict_any();

 private:
  struct Member {
    Caller caller;
    uint64_t waiting_since = 0;  // in steps of `now_`, of those that spoke above all others; 0: works
  };
  using Waiting = std::map<uint64_t, Id>;  // oldest first
  std::optional<Id> evict_from(const Caller& caller);
  std::optional<Id> evict_biggest(bool trusted);
  void remove_waiting(const Member& member);

  Shares shares_;
  std::map<Id, Member> members_;
  std::map<Caller, Waiting> waiting_;  // no empty ones
  uint64_t now_ = 0;
};

}  // namespace sealift::http
