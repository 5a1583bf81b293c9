// SPDX-License-Identifier: Apache-2.0
//
// From a Kubefile to an artifact: resolves it (packer/resolve), then writes the result. Needs no cluster, root, daemon
// or container engine. The only programs it starts are the packed kubeadm and, for registries, the credential helpers
// named in this machine's logins.
#pragma once

#include <optional>
#include <string>

#include "packer/resolve/inputs.h"
#include "payload/base/cancel.h"
#include "payload/base/event.h"
#include "payload/base/platform.h"
#include "payload/writer/writer.h"

namespace sealift::pack {

struct BuildOptions : resolve::Request {
  std::string name, version;           // from -t name:version; both may be empty
  std::optional<Architecture> launch;  // program at the head; default: this machine's architecture, else the first
  int zstd_level = 9;
  unsigned threads = 2;
};

// Afterwards the lock beside the Kubefile is what this build has used, unless it was already. Where the output or the
// lock is a symbolic link, the file that it leads to is replaced. Errors: invalid_input and unsupported with file and
// line, not_found, corrupt, io …; the output is then untouched, unless only the lock can't be written at the end.
Result<writer::Summary> build(const BuildOptions& options, EventSink& events, const CancelToken& cancel);

}  // namespace sealift::pack
