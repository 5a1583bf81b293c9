// SPDX-License-Identifier: Apache-2.0
//
// What a host has that a delivery, or the cluster it makes, may add to: read before the first change, compared after a
// reset, and taken away piece by piece. One trace is one thing that an administrator could name.
#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <vector>

#include "payload/base/error.h"

namespace sealift::host {

struct Trace {
  enum class Kind {
    path,     // value: "file 0644 0:0 sha256:…" (or size:N, or neither, see HostView::footprint), "folder 0755 0:0",
              // "link 0777 0:0 TARGET", "other 0600 0:0"
    unit,     // a systemd unit file; value: its state (enabled, disabled, static …)
    module,   // a loaded kernel module; not what is built in
    sysctl,   // value: its value
    mount,    // name: the mount point; value: the file system's type
    link,     // a network interface
    table,    // of nftables; name: "ip kube-proxy" (family and table); value: how many rules are in it
    chain,    // of nftables; name: "ip filter KUBE-FIREWALL" (family, table, chain)
    cgroup,   // a top-level group of pods; name: its absolute path below /sys/fs/cgroup
    user,     // of /etc/passwd; value: its id
    process,  // name: the program's path; programs that run once and more are one trace
  };
  Kind kind = Kind::path;
  std::string name, value;
  auto operator<=>(const Trace&) const = default;
};

// Sorted by kind and name, each of these pairs once. Texts are UTF-8: other bytes are escaped as \xNN.
using Footprint = std::vector<Trace>;
inline constexpr size_t kMaxTraces = 300'000;  // in a footprint that is sent or kept: of some 200 bytes each

// One JSON object a line: {"kind":"link","name":"cni0","value":""}.
std::string footprint_lines(const Footprint& footprint);
// Errors: corrupt, with the line's number: no trace, not in order, or more than kMaxTraces.
Result<Footprint> parse_footprint(std::string_view lines);

// What became of a path that was to be as before.
enum class Restored {
  as_before,
  changed_since,  // it is not what the delivery wrote: somebody else changed it, and it stays
  not_empty,      // a folder that the delivery made and that holds something else now: it stays
  not_kept,       // what was there before is not known well enough to be put back: nothing was changed
};

}  // namespace sealift::host
