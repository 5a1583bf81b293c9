// SPDX-License-Identifier: Apache-2.0
//
// The image mirror on every host: containerd asks it for everything (certs.d/_default). On a registry host it answers
// in place from the payload; elsewhere it streams from a registry host over mutual TLS. Read-only; never answers 401;
// Authorization is neither logged nor forwarded (the HTTP server does not even hand it over).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "payload/base/clock.h"
#include "payload/base/error.h"
#include "payload/http/server.h"

namespace sealift::node {

struct MirrorConfig {
  std::string local_address;  // "127.0.0.1"
  uint16_t local_port = 0;
  std::string peer_address;  // empty: does not listen for other hosts
  uint16_t peer_port = 0;
  std::vector<std::string> payloads;        // files on this host, complete or arriving
  std::vector<std::string> registry_hosts;  // "10.7.0.11:5000"
  std::string ca, certificate, key;         // paths of PEM files
  std::string artifact;                     // for messages
};

Result<MirrorConfig> parse_mirror_config(std::string_view json);

class Mirror {
 public:
  // Listens on both addresses when it returns.
  static Result<std::unique_ptr<Mirror>> start(const MirrorConfig& config, Clock& clock);
  ~Mirror();
  // What a request gets; for tests too. Any thread.
  http::Response answer(const http::Request& request);
  uint16_t local_port() const;
  uint16_t peer_port() const;

 private:
  struct State;
  explicit Mirror(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sealift::node
