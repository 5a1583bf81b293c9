// SPDX-License-Identifier: Apache-2.0
//
// Who has opened a connection, as far as limits must tell callers apart: users of this machine by uid, other machines
// by address. Says nothing about what a caller may ask for.
#pragma once

#include <array>
#include <compare>
#include <cstdint>

#include "payload/base/fd.h"

namespace sealift::http {

struct Caller {
  enum class Kind : uint8_t { unknown, user, remote };  // unknown: of this machine, but nobody says whose
  Kind kind = Kind::unknown;
  bool is_trusted = false;  // root of this machine; later also whoever has shown a good certificate
  std::array<uint8_t, 16>
      id{};  // user: the uid; remote: the address, of IPv6 its /64, which one machine may have whole
  bool is_root() const { return kind == Kind::user && is_trusted; }
  auto operator<=>(const Caller&) const = default;
};

// Asks the kernel for the owner of a connection's other end: one exact question over netlink for each connection of
// this machine, never a list of all. One thread. Where the kernel can't be asked, callers of this machine are unknown.
class CallerFinder {
 public:
  CallerFinder();
  // `connection` is an accepted TCP socket.
  Caller find(int connection);

 private:
  base::Fd netlink_;
  uint32_t asked_ = 0;  // numbers the questions
};

}  // namespace sealift::http
