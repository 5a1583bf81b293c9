// SPDX-License-Identifier: Apache-2.0
//
// The base's programs that run on this machine while packing: kubeadm, helm, kubectl. Each comes from the folder of
// --tools, else from this build's files, else from the base, unpacked into the build's private folder.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "packer/resolve/inputs.h"
#include "payload/base/process.h"

namespace sealift::resolve {

class Tools {
 public:
  // All must outlive this.
  Tools(const Inputs& inputs, const Request& request, EventSink& events)
      : inputs_(inputs), request_(request), events_(events) {}

  // A confined command of this machine's `name`, since what it reads is somebody else's. `why` completes the error for
  // a machine without one (invalid_input): "so charts can't be rendered".
  Result<base::Command> command(const std::string& name, std::string_view why, std::vector<std::string> arguments);
  // Whether there is one for this machine.
  Result<bool> has(const std::string& name);

 private:
  Result<std::string> known(const std::string& name);
  Result<std::string> find(const std::string& name);

  const Inputs& inputs_;
  const Request& request_;
  EventSink& events_;
  std::map<std::string, std::string> found_;  // "" = none
};

}  // namespace sealift::resolve
