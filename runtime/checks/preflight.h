// SPDX-License-Identifier: Apache-2.0
//
// Checks that must pass before anything is changed. Looks at all hosts at once and returns all findings of one run,
// each with the fact, the host and the remedy. It changes nothing, and recognizes a host already delivered by Sealift.
#pragma once

#include <string>
#include <vector>

#include "payload/base/clock.h"
#include "payload/format/base_document.h"
#include "payload/format/contents.h"
#include "runtime/config/cluster_config.h"
#include "runtime/host/host.h"

namespace sealift::checks {

enum class Severity { blocks, warns };

struct Finding {
  std::string id;    // of the check: "disk.space"; empty for the survey's own findings
  std::string host;  // node name or address; empty = several hosts
  Severity severity = Severity::blocks;
  std::string evidence;  // continues a sentence that begins with the host
  std::string remedy;    // never empty for a check; else the evidence may include it
  bool blocks() const { return severity == Severity::blocks; }
  std::string text() const;  // evidence and remedy: "has an empty /etc/machine-id; run …"
};

struct CheckedHost {
  std::string name;  // for messages
  config::HostConfig config;
  host::HostView* host = nullptr;
  host::Facts facts;
  int64_t read_at_ms = 0;      // the launch machine's clock at the time the facts were read
  bool keeps_payload = false;  // it is to be a registry host
};

struct PreflightInput {
  const format::BaseDocument& base;
  const format::Contents& contents;
  const config::ClusterConfig& config;
  uint64_t payload_bytes = 0;                // what a registry host will keep of it
  bool keeps_payload_complete = false;       // the registry host has it already, or a part of it
  std::vector<const format::Image*> images;  // those that the selected applications need
};

// The checks that need only the facts, on each host and across hosts: pure.
std::vector<Finding> check_facts(const PreflightInput& input, const std::vector<CheckedHost>& hosts);
// The checks that ask or try something on one host.
Result<std::vector<Finding>> check_host(const PreflightInput& input, const CheckedHost& host);

// Bytes and inodes that the delivery will need on a host, by path; stated before it starts.
struct Demand {
  std::string path;
  uint64_t bytes = 0, inodes = 0;
};
std::vector<Demand> disk_demand(const PreflightInput& input, const CheckedHost& host);

}  // namespace sealift::checks
