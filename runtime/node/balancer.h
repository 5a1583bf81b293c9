// SPDX-License-Identifier: Apache-2.0
//
// A TCP balancer in front of the Kubernetes API servers, on every host: kubelets and kubeadm talk to 127.0.0.1 and
// never notice control planes coming and going. Bytes are passed on unchanged. One thread, poll(2).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "payload/base/cancel.h"
#include "payload/base/error.h"
#include "payload/base/fd.h"

namespace sealift::node {

struct BalancerConfig {
  std::string listen;                 // "127.0.0.1:7443"
  std::vector<std::string> backends;  // "10.7.0.11:6443"
};

Result<BalancerConfig> parse_balancer_config(std::string_view json);

class Balancer {
 public:
  static Result<Balancer> listen(const BalancerConfig& config);
  uint16_t port() const { return port_; }
  // New connections use the new backends; existing ones are left alone.
  void set_backends(std::vector<std::string> backends) { backends_ = std::move(backends); }
  // Serves for at most `milliseconds`, or until cancelled. Connections survive from one call to the next.
  Result<void> serve(int milliseconds, const CancelToken& cancel);

  Balancer(Balancer&&) = default;
  Balancer& operator=(Balancer&&) = default;

 private:
  struct Half {
    base::Fd fd;
    Bytes buffer;        // read from this half, to be written to the other
    bool ended = false;  // end of input from this half
    bool shut = false;   // passed on to the other half
  };
  struct Connection {
    Half client, server;
    bool connecting = true;
    size_t tried = 0;  // number of backends tried
    int64_t deadline_ms = 0;
  };
  explicit Balancer(base::Fd fd) : listener_(std::move(fd)) {}
  void accept_new();
  bool connect_next(Connection& connection);
  bool advance(Connection& connection, short client_events, short server_events);

  base::Fd listener_;
  uint16_t port_ = 0;
  std::vector<std::string> backends_;
  size_t preferred_ = 0;  // the backend that accepted the last connection
  std::vector<Connection> connections_;
};

}  // namespace sealift::node
