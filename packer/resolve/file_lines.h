// SPDX-License-Identifier: Apache-2.0
//
// COPY, ADD and FILE: files of this machine and of others, into the payload's tree. Adds them to Inputs.
#pragma once

#include <map>
#include <string>

#include "packer/resolve/inputs.h"
#include "packer/resolve/remote.h"

namespace sealift::resolve {

class FileLines {
 public:
  // All must outlive this.
  FileLines(Inputs& inputs, const Request& request, Depth depth, Remote& remote, EventSink& events)
      : inputs_(inputs), request_(request), depth_(depth), remote_(remote), events_(events) {}

  Result<void> take(const Instruction& instruction, const Copy& line);
  Result<void> take(const Instruction& instruction, const PutFile& line);
  // Of what only names leaves out, that which names depend on.
  Result<void> fetch_postponed(const std::string& target);

 private:
  Inputs& inputs_;
  const Request& request_;
  Depth depth_;
  Remote& remote_;
  EventSink& events_;
  std::map<std::string, std::pair<Word, std::optional<Digest>>> postponed_;  // by target
};

}  // namespace sealift::resolve
