// SPDX-License-Identifier: Apache-2.0
//
// One question to one API server: does its process live? The kernel accepts connections for a process that hangs, so
// after connecting something is said that a TLS server must answer; any byte back is a sign of life. Never blocks;
// knows no time. One thread.
#pragma once

#include <cstdint>
#include <string>

#include "payload/base/fd.h"
#include "payload/http/socket_address.h"

namespace sealift::node {

class HealthProbe {
 public:
  enum class State : uint8_t {
    connecting,
    asked,
    lives,
    fails,
    unasked,  // this host has no socket for it
  };

  // Begins to connect.
  explicit HealthProbe(const http::SocketAddress& server);
  State state() const { return state_; }
  int fd() const { return socket_.get(); }
  // The event that it waits for while connecting or asked.
  uint32_t wanted() const;
  void advance(uint32_t events);
  // Fails, if it still waits.
  void give_up();
  // Why it fails, for people: "connection refused".
  const std::string& why() const { return why_; }

 private:
  void fail(std::string why);
  void fail(int error);

  base::Fd socket_;
  State state_ = State::connecting;
  std::string why_;
};

}  // namespace sealift::node
