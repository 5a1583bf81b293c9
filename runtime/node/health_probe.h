// SPDX-License-Identifier: Apache-2.0
//
// Asks one API server whether it is ready: GET /readyz over TLS, on a connection that is kept from one question to the
// next. Never blocks; knows no time, only that somebody's patience has ended. What a server can send is bounded. One
// thread.
//
// Nobody's certificate is looked at: a node asks before it has joined, when it knows no authority of the cluster. Who
// stands in between could say "ready" for a server that is not. He could as well drop the connections that are passed
// on, and can't read them: their clients look at the certificate.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "payload/base/fd.h"
#include "payload/http/answer.h"
#include "payload/http/socket_address.h"
#include "payload/http/tls.h"

namespace sealift::node {

class HealthProbe {
 public:
  enum class State : uint8_t { idle, connecting, greeting, asked };
  enum class Verdict : uint8_t {
    ready,
    not_ready,
    lives,  // it says something, but nothing of readiness: to strangers (401, 403), or at all
    dead,
    unasked,  // this host has no socket or memory for it
  };

  // `tls` must outlive it.
  HealthProbe(const http::TlsStranger& tls, const http::SocketAddress& server);

  // While idle. Where the last question has left a connection, it is used again; if the server has closed it since
  // then, which it may do at any time, the question is asked anew on a new one.
  void ask();
  State state() const { return state_; }
  // Nothing of an answer has come yet on a connection that was kept.
  bool waits_on_kept() const { return state_ == State::asked && is_kept_ && !is_alive_; }
  // Leaves that connection for a new one, which tells whether the process lives, and on which it is asked again.
  void ask_anew() { connect(); }
  void give_up();
  int fd() const { return socket_.get(); }
  // The event that it waits for; none while idle.
  uint32_t wanted() const { return wanted_; }
  void advance(uint32_t events);

  // Once it is idle again.
  Verdict verdict() const { return verdict_; }
  // For people, unless it is ready: "connection refused", "[-]etcd failed".
  const std::string& why() const { return why_; }

 private:
  void begin(State state);
  void connect();
  void greet();
  void talk();
  void judge_answer();
  void end(Verdict verdict, std::string why);        // of the question
  void break_off(Verdict verdict, std::string why);  // and of the connection
  void break_off(int error);

  const http::TlsStranger* tls_;
  http::SocketAddress server_;
  base::Fd socket_;
  std::unique_ptr<http::TlsSession> session_;
  State state_ = State::idle;
  uint32_t wanted_ = 0;
  bool is_kept_ = false;
  bool is_alive_ = false;  // something has come since the server was asked on this connection
  bool is_said_ = false;   // the question
  http::AnswerReader answer_;
  Verdict verdict_ = Verdict::unasked;
  std::string why_;
};

// The checks that /readyz names as failing, a few of them: "[-]etcd failed, [-]shutdown failed". Empty if there are
// none.
std::string failing_checks(std::string_view body);

}  // namespace sealift::node
