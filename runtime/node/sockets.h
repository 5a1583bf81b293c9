// SPDX-License-Identifier: Apache-2.0
//
// Listening sockets that systemd made and passed on (socket units): they outlive the service, so that a restart or a
// crash loses neither the port nor the connections that wait. Source: sd_listen_fds(3).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "payload/base/fd.h"

namespace sealift::node {

class PassedSockets {
 public:
  // Those of this process's environment, which is cleared; none if it was started by hand. Call it once.
  static PassedSockets take();
  explicit PassedSockets(std::vector<base::Fd> sockets) : sockets_(std::move(sockets)) {}

  // The one that listens on this IP address and port ("127.0.0.1:7443", "[fd00::1]:5000"); each once.
  std::optional<base::Fd> take_listener(std::string_view endpoint);

 private:
  std::vector<base::Fd> sockets_;
};

}  // namespace sealift::node
