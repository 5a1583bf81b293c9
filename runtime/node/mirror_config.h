// SPDX-License-Identifier: Apache-2.0
//
// The image mirror's configuration, /etc/sealift/mirror.json: written by runtime/steps/node_service.cpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "payload/base/error.h"

namespace sealift::node {

struct MirrorConfig {
  std::string local_address;  // "127.0.0.1"
  uint16_t local_port = 0;
  std::string peer_address;  // empty: does not listen for other hosts
  uint16_t peer_port = 0;
  std::string artifacts;  // folder with the records of what this host serves; empty: it serves nothing
  std::vector<std::string> registry_hosts;  // "10.7.0.11:5000"
  std::string ca;                           // path of a PEM file
  std::string server, client;  // paths of pairs (pki.h): towards containerd and other hosts; towards registry hosts
  std::string registries;      // path of registries.json (registries_config.h); empty: no registry of others is asked
  std::string artifact;        // for messages
  struct People {
    std::string address;
    uint16_t port = 0;
    std::string certificate, users;  // paths: a pair (pki.h), the users file (logins.h)
  };
  std::optional<People> people;  // of a registry host
};

Result<MirrorConfig> parse_mirror_config(std::string_view json);

}  // namespace sealift::node
