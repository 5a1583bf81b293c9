// SPDX-License-Identifier: Apache-2.0
//
// One Kubefile on its way into another. Only for this library.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "packer/convert/commands.h"
#include "packer/convert/kubefile_reading.h"

namespace sealift::convert {

class KubefileConverter {
 public:
  KubefileConverter(const std::string& file, const Context& context, const std::string& beside)
      : context_(&context), tree_(context), lines_(file, beside), commands_(context, tree_, lines_) {}

  Conversion convert(std::string_view text);

 private:
  using Convert = void (KubefileConverter::*)(const Instruction&);
  static Convert find(std::string_view verb);

  void keep_comments(std::string_view text);
  void know(const Instruction& instruction);
  void one(const Instruction& instruction);

  void from(const Instruction& instruction);
  void argument(const Instruction& instruction);
  void environment(const Instruction& instruction);
  void labels(const Instruction& instruction);
  void maintainer(const Instruction& instruction);
  void command(const Instruction& instruction);
  void app(const Instruction& instruction);
  void app_commands(const Instruction& instruction);
  void launch(const Instruction& instruction);
  void skip(const Instruction& instruction);
  void refuse(const Instruction& instruction);
  bool uses(std::string_view variable) const;
  std::string with_known(std::string_view text) const;
  std::string settings_line(std::string_view verb, const Settings& settings) const;
  std::vector<std::string> launched() const;

  // of APP, CNI and CSI
  struct AppSources {
    std::vector<std::string> scripts, others;  // others: as our APP takes them
    std::string lost;                          // why none of it is taken
  };
  AppSources read_sources(const std::string& name, const std::vector<std::string>& sources);
  void add_source(const std::string& path, AppSources& out) const;
  bool has_commands(std::string_view app) const;
  void run(const std::vector<std::string>& command_lines, const Instruction& instruction, const std::string& folder,
           const std::string& app);

  // kubefile_copies.cpp
  void copy(const Instruction& instruction);
  void write_copy(const Instruction& instruction, const CopyWords& words, const std::vector<std::string>& sources);
  bool add_image_list(const std::string& path, int line);
  void add_images(const std::string& path, int line);
  void add_sealos_images(int line);
  void run_at_build(const Instruction& instruction);
  Copied to_copied(const CopyWords& words) const;

  const Context* context_;
  Tree tree_;
  KubefileLines lines_;
  Commands commands_;
  std::vector<Instruction> instructions_;
  Variables variables_;                                   // of ENV
  std::map<int, Settings> environment_;                   // by line: what its ENV sets
  std::map<int, size_t> copies_;                          // by line: the number in tree_
  std::map<std::string, std::vector<std::string>> made_;  // by the foreign name of an application: ours
  std::vector<std::string> command_apps_;                 // of CMD and the like
  std::set<std::string> known_;                           // variables of the lines above, as ours has them
  std::set<std::string> images_;
  std::string work_folder_;  // of the tree: WORKDIR
  bool has_from_ = false;
};

}  // namespace sealift::convert
