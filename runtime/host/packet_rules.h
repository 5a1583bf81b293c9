// SPDX-License-Identifier: Apache-2.0
//
// The kernel's nftables: which tables and chains there are, and taking them away. iptables of today (iptables-nft) keep
// theirs here too; those of its old way (iptables-legacy) are not seen.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "payload/base/error.h"

namespace sealift::host {

struct PacketRules {
  struct Table {
    std::string name;    // "ip kube-proxy"
    uint64_t rules = 0;  // in it
  };
  std::vector<Table> tables;
  std::vector<std::string> chains;  // "ip filter KUBE-FIREWALL"
};

// Nothing on a kernel without nf_tables, and on one that would have to load it for this.
Result<PacketRules> packet_rules();

// Absent is fine.
Result<void> remove_packet_table(const std::string& name);
// With the rules in it and those that lead to it. Errors: busy if something else leads to it.
Result<void> remove_packet_chain(const std::string& name);

}  // namespace sealift::host
