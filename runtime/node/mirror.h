// SPDX-License-Identifier: Apache-2.0
//
// The image mirror on every host: containerd asks it for everything (certs.d/_default). A registry host answers from
// its payload; any other host gets the bytes from a registry host. Here a request becomes a question, the question
// finds its source, and what the source says becomes an answer. Read-only; never answers 401; Authorization is neither
// logged nor forwarded (the HTTP server does not even hand it over).
#pragma once

#include <cstdint>
#include <memory>

#include "payload/base/clock.h"
#include "payload/base/error.h"
#include "payload/http/server.h"
#include "runtime/node/mirror_config.h"

namespace sealift::node {

class Mirror {
 public:
  // Requests answered at once on each of its two addresses, those included that wait or are slow; the next one gets
  // 503. Each costs a thread, 128 KiB of buffers (1 MiB for a layer that the payload holds compressed) and its TLS
  // session.
  static constexpr unsigned kRequests = 512;

  // Listens on both addresses when it returns. `clock` must live longer.
  static Result<std::unique_ptr<Mirror>> start(const MirrorConfig& config, Clock& clock);
  ~Mirror();  // cuts what it is answering
  // What a request gets, for tests too. Any thread; waits for bytes that are on their way.
  http::Response answer(const http::Request& request);
  uint16_t local_port() const;
  uint16_t peer_port() const;

 private:
  struct State;
  explicit Mirror(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sealift::node
