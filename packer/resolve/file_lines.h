// SPDX-License-Identifier: Apache-2.0
//
// COPY, ADD and FILE: files of this machine and of others, into the payload's tree. Adds them to Inputs. What has to be
// fetched waits until everything else has been checked.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "packer/resolve/build_context.h"
#include "packer/resolve/inputs.h"
#include "packer/resolve/problems.h"
#include "packer/resolve/remote.h"

namespace sealift::resolve {

class FileLines {
 public:
  // All must outlive this, as must the instructions. `unpacked`: paths of this machine, as people know them.
  FileLines(Inputs& inputs, const Request& request, BuildContext& context, Depth depth, Remote& remote,
            std::map<std::string, std::string>& unpacked, EventSink& events, const CancelToken& cancel)
      : inputs_(inputs),
        request_(request),
        context_(context),
        depth_(depth),
        remote_(remote),
        unpacked_(unpacked),
        events_(events),
        cancel_(cancel) {}

  // Lines that fetch are only checked; so are those that unpack, if names are all that is asked for.
  Result<void> take(const Instruction& instruction, const Copy& line);
  Result<void> take(const Instruction& instruction, const PutFile& line);

  bool is_waiting() const { return !waiting_.empty(); }
  // Whether a line that waits may put something at this path of the tree.
  bool is_waiting_for(const std::string& target) const;
  // Carries out the lines that wait: all of them, or those that may put something there. Several files are fetched at
  // once; problems are added in the order of the lines.
  void fetch(Problems& problems);
  void fetch_for(const std::string& target, Problems& problems);

 private:
  struct Waiting {
    const Instruction* instruction = nullptr;
    const Copy* line = nullptr;
  };
  using Downloads = std::map<std::string, std::string>;  // by URL, the file on this machine

  static bool may_put(const Copy& line, const std::string& target);
  void carry_out(const std::vector<Waiting>& lines, Problems& problems);
  Result<void> put(const Waiting& waiting, const Downloads& downloads);
  bool is_written(const std::string& path);
  Result<std::vector<LocalFile>> unpacked_files(const Copy& line, const Downloads& downloads);

  Inputs& inputs_;
  const Request& request_;
  BuildContext& context_;
  Depth depth_;
  Remote& remote_;
  std::map<std::string, std::string>& unpacked_;
  EventSink& events_;
  const CancelToken& cancel_;
  std::vector<Waiting> waiting_;
  size_t folders_ = 0;                // that archives were unpacked into
  std::vector<std::string> written_;  // by this build, behind their links
};

}  // namespace sealift::resolve
