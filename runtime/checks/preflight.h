// SPDX-License-Identifier: Apache-2.0
//
// What must be in order before anything is changed. Looks at all hosts at once and gives all findings in one run; each
// says what, where and what to do. It changes nothing, and knows a host that Sealift has delivered already.
#pragma once

#include <string>
#include <vector>

#include "payload/base/clock.h"
#include "payload/format/base_document.h"
#include "payload/format/contents.h"
#include "runtime/config/cluster_config.h"
#include "runtime/host/host.h"

namespace sealift::checks {

struct Finding {
  std::string host;  // node name or address; empty = about several
  bool blocks = true;  // else a warning
  std::string message;
};

struct CheckedHost {
  std::string name;  // for messages
  config::HostConfig config;
  host::HostView* host = nullptr;
  host::Facts facts;
  int64_t read_at_ms = 0;  // the launch machine's clock when the facts were read
};

struct PreflightInput {
  const format::BaseDocument& base;
  const format::Contents& contents;
  const config::ClusterConfig& config;
  uint64_t payload_bytes = 0;
  bool keeps_payload_complete = false;  // the registry host has it already
};

// Everything that can be seen in the facts alone: pure.
std::vector<Finding> check_facts(const PreflightInput& input, const std::vector<CheckedHost>& hosts);
// What must be asked or tried on one host.
Result<std::vector<Finding>> check_host(const PreflightInput& input, const CheckedHost& view);

// Bytes and inodes that the delivery will take on a host, by path; stated before it starts.
struct Demand {
  std::string path;
  uint64_t bytes = 0, inodes = 0;
};
std::vector<Demand> disk_demand(const PreflightInput& input, const CheckedHost& view);

}  // namespace sealift::checks
