// SPDX-License-Identifier: Apache-2.0
//
// The front of a server: one thread that accepts connections, shakes hands and reads heads, for all of them at once, so
// that strangers who are slow or say nothing cost next to nothing. A worker sees a request only when it is whole.
//
// A connection has a short time for its handshake and head in all, and a longer one to be idle between requests. Who
// has too many loses the one that has waited longest (admission.h). What is no request is refused here, and nothing
// that follows on the same connection is looked at. It knows HTTP only as far as head.h does.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "payload/base/thread.h"
#include "payload/http/acceptor.h"
#include "payload/http/admission.h"
#include "payload/http/connection.h"
#include "payload/http/deadlines.h"
#include "payload/http/exchange.h"
#include "payload/http/workers.h"

namespace sealift::http {

class Front {
 public:
  enum class Outcome : uint8_t { keep, close };  // after an answer
  // Called on a worker's thread; must not throw.
  using Answer = std::function<Outcome(Exchange&)>;

  // Null `tls`: plain. Errors: io.
  static Result<std::unique_ptr<Front>> start(base::Fd listener, const ServerLimits& limits,
                                              std::shared_ptr<const TlsServer> tls, Answer answer);
  ~Front() { stop(); }
  // Accepts nothing more, closes what waits, and each connection after its answer. The listener itself stays.
  void close_door();
  // For connections that begin from now on. Any thread.
  void set_tls(std::shared_ptr<const TlsServer> tls);
  size_t answering() const { return answering_; }
  // Closes what waits at once, then waits for running answers, whose writes no longer wait. Further calls do nothing.
  void stop();

 private:
  using Id = Admission::Id;
  Front(const ServerLimits& limits, std::shared_ptr<const TlsServer> tls, Answer answer);

  std::shared_ptr<const TlsServer> tls();
  void run();
  Duration next_pause();
  void accept_some();
  void enter(base::Fd socket);
  void take_back();
  void leave_door();
  void advance(Id id);
  bool step(Id id, Connection& connection);
  bool begin(Id id, Connection& connection);
  bool shake_hands(Id id, Connection& connection);
  bool read_head(Id id, Connection& connection);
  bool hand_over(Id id, Connection& connection, size_t head);
  bool refuse(Id id, Connection& connection, int status);
  bool part(Id id, Connection& connection);
  bool discard(Connection& connection);
  bool wait_for(Id id, Connection& connection, Moved::State wanted);
  void set_deadline(Id id, Duration from_now);
  void watch(Id id, Connection& connection, uint32_t events);
  void close(Id id);
  void close_late();

  const ServerLimits limits_;
  const Answer answer_;
  std::atomic<bool> stopping_ = false, closing_ = false;
  std::atomic<size_t> answering_ = 0;  // requests in progress

  // Of the front's thread alone.
  base::Fd epoll_;
  Acceptor acceptor_;
  CallerFinder finder_;
  Admission admission_;
  Shares requests_;
  std::unordered_map<Id, std::unique_ptr<Connection>> connections_;
  Deadlines deadlines_;
  Id last_id_;
  bool is_closed_ = false;  // the door

  base::Fd wake_;  // an eventfd
  std::mutex mutex_;
  std::shared_ptr<const TlsServer> tls_;
  std::vector<std::pair<Id, Outcome>> answered_;  // by workers, for the front's thread

  Workers workers_;
  Thread thread_;
};

}  // namespace sealift::http
