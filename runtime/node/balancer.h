// SPDX-License-Identifier: Apache-2.0
//
// A TCP balancer in front of the Kubernetes API servers, on every host: kubelets and kubeadm talk to 127.0.0.1 and
// never notice control planes coming and going. Bytes are passed on unchanged. One thread, epoll(7).
//
// API servers that are not ready get no connection while another one is. Connections through those that do not answer
// are closed at once: who waits for a host without power would wait for minutes. With all of them dead, each is tried
// (backends.h).
//
// No user of this machine can keep it from root: connections have a limit for each user, and a reserve for root. Who
// has said nothing yet reaches no API server, and is the first to go if there are too many.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "payload/base/cancel.h"
#include "payload/base/clock.h"
#include "payload/base/error.h"
#include "payload/base/fd.h"
#include "payload/http/acceptor.h"
#include "payload/http/admission.h"
#include "payload/http/deadlines.h"
#include "runtime/node/backends.h"
#include "runtime/node/health_probe.h"

namespace sealift::node {

// An API client has some ten connections. Each costs two descriptors, and up to 64 KiB if one side is slow.
struct BalancerLimits {
  http::ShareLimits connections{.all = 4000, .reserved = 1000, .per_caller = 500};
  Duration silent{60'000};  // until a client says something
  Duration idle{900'000};   // without a byte in either direction: a watch brings a bookmark each minute
  HealthTimes health;
};

struct BalancerConfig {
  std::string listen;                 // "127.0.0.1:7443"
  std::vector<std::string> backends;  // "10.7.0.11:6443"
  BalancerLimits limits = {};
};

Result<BalancerConfig> parse_balancer_config(std::string_view json);

class Balancer {
 public:
  static Result<Balancer> listen(const BalancerConfig& config);
  // With a descriptor that listens already, instead of an address. It stays the caller's, and open.
  static Result<Balancer> adopt(int listener, const std::vector<std::string>& backends,
                                const BalancerLimits& limits = {});
  uint16_t port() const;
  // New connections use the new backends. Those to a backend that leaves are passed on until they end, it dies, or says
  // that it is not ready: it
  // may be drained at leisure.
  void set_backends(const std::vector<std::string>& backends) { backends_.set(backends); }
  // Serves for at most `milliseconds`, or until cancelled, or until a signal is caught. Connections survive from one
  // call to the next.
  Result<void> serve(int milliseconds, const CancelToken& cancel);

  Balancer(Balancer&&) = default;
  Balancer& operator=(Balancer&&) = default;

 private:
  using Id = http::Admission::Id;
  struct Half {
    base::Fd fd;
    Bytes buffer;         // read from this half, not yet taken by the other
    bool ended = false;   // end of input from this half
    bool shut = false;    // passed on to the other half
    uint32_t events = 0;  // watched
  };
  struct Connection {
    enum class State : uint8_t { silent, connecting, open };
    State state = State::silent;
    Half client, server;
    std::vector<Backends::Id> tried;  // the last one is its backend, once it connects
    Duration last_byte{};
  };
  struct Question {
    Backends::Id backend = 0;
    HealthProbe probe;
    Duration until{};  // the end of its patience
  };
  Balancer(const BalancerLimits& limits, Backends backends, std::unique_ptr<http::TlsStranger> tls)
      : limits_(limits), admission_(limits.connections), backends_(std::move(backends)), tls_(std::move(tls)) {}
  static Result<Balancer> make(base::Fd listener, const std::vector<std::string>& backends,
                               const BalancerLimits& limits);
  void accept_new();
  void advance(Id id, bool of_server, uint32_t events);
  void leave_backend(Connection& connection);
  bool connect_next(Id id, Connection& connection);
  bool finish_connecting(Id id, Connection& connection, uint32_t events);
  bool pass(Connection& connection, Half& from, Half& to, bool readable);
  void ask_backends();
  void ask(Backends::Id backend);
  void follow(Id id, Question& question);
  void keep_patience(Id id, Question& question);
  void close_hopeless();
  void keep_deadlines();
  void watch(Id id, Connection& connection);
  void close(Id id);

  BalancerLimits limits_;
  base::Fd epoll_;
  http::Acceptor acceptor_;
  http::CallerFinder finder_;
  http::Admission admission_;
  Backends backends_;
  std::unordered_map<Id, std::unique_ptr<Connection>> connections_;
  std::unique_ptr<http::TlsStranger> tls_;      // of the questions
  std::unordered_map<Id, Question> questions_;  // one for each backend; their ids are none of a connection
  http::Deadlines deadlines_;
  Id last_id_ = 0;
};

}  // namespace sealift::node
