// SPDX-License-Identifier: Apache-2.0
//
// From a Kubefile to an artifact: reads the sources, checks that what the payload promises is in it, writes the file.
// Needs no cluster, no root, no daemon and no container engine; the programs it starts are the packed kubeadm and, for
// registries, the credential helpers that this machine's logins name.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "packer/sources/image_source.h"
#include "payload/base/cancel.h"
#include "payload/base/event.h"
#include "payload/base/platform.h"
#include "payload/writer/writer.h"

namespace sealift::pack {

struct BuildOptions {
  std::string kubefile;
  std::string context = ".";  // paths of the Kubefile count from here
  std::string output;
  std::string name, version;  // from -t name:version; both may be empty
  std::vector<Architecture> platforms;
  std::map<std::string, std::string> arguments;  // --build-arg
  std::vector<std::string> stubs;                // programs for the hosts, told apart by their ELF header
  std::optional<std::string> tools;              // folder with a kubeadm for this machine, if none is packed for it
  std::optional<Architecture> launch;            // whose program stands at the head; default: this machine's, else the first
  sources::RegistryOptions registries;           // for IMAGE without --from; `temporary` is chosen here
  int zstd_level = 9;
  unsigned threads = 2;
};

// Errors: invalid_input and unsupported with file and line, not_found, corrupt, io …; the output is untouched then.
Result<writer::Summary> build(const BuildOptions& options, EventSink& events, const CancelToken& cancel);

}  // namespace sealift::pack
