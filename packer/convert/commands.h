// SPDX-License-Identifier: Apache-2.0
//
// What sealer and sealos run at the site (CMD, CMDS, APPCMDS, scripts) as lines that say what shall be there: helm and
// kubectl become APP and VALUES, cp becomes FILE. A command is converted whole or not at all.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "packer/convert/calls.h"
#include "packer/convert/context.h"
#include "packer/convert/lines.h"
#include "packer/convert/shell.h"

namespace sealift::convert {

// Where commands stand and what they see there.
struct Setting {
  int line = 0;         // of the Kubefile, for what they become
  std::string folder;   // of the tree
  Variables variables;  // for scripts
  std::string app;      // the name that applications get; empty if the commands must tell
  std::string file;     // the script that they stand in; empty in the Kubefile
  int depth = 0;        // of scripts within scripts
  bool is_network = false;
};

class Commands {
 public:
  // All of these must outlive this.
  Commands(const Context& context, Tree& tree, KubefileLines& lines)
      : context_(&context), tree_(&tree), lines_(&lines) {}

  // What is made needs what the command before made; start_anew() ends such a row.
  void convert(std::span<const Command> commands, Setting setting);
  void start_anew() { previous_.clear(); }
  // Tells of namespaces that were created and that nothing is put into.
  void finish();

 private:
  using Convert = void (Commands::*)(const Command&, Setting&);
  static Convert find(std::string_view program);

  void one(Command command, Setting& setting);
  void script(const Command& command, Setting& setting);
  void change_folder(const Command& command, Setting& setting);

  // commands_apps.cpp
  void helm(const Command& command, Setting& setting);
  void kubectl(const Command& command, Setting& setting);
  void install(const Command& command, const Setting& setting, HelmCall& call);
  void apply(const Command& command, const Setting& setting, const KubectlCall& call);
  struct Chart {
    std::string source;  // as APP takes it
    std::string path;    // of the folder; empty if it lies elsewhere
    std::string note;    // for the report
  };
  Result<Chart> find_chart(const HelmCall& call, const Setting& setting);
  struct Values {
    std::string path;  // of the build's context; empty if there are none
    bool has_secret = false;
  };
  Result<Values> find_values(const HelmCall& call, const Setting& setting, const Chart& chart, const std::string& app);
  Result<std::vector<std::string>> find_manifests(const KubectlCall& call, const Setting& setting, std::string& note);
  std::string wanted_name(const Setting& setting, std::string_view stem) const;
  void add_app(const Command& command, const Setting& setting, AppLine app, const std::string& note);
  std::string created_namespace();

  // commands_hosts.cpp
  void copy_to_host(const Command& command, Setting& setting);
  void remove(const Command& command, Setting& setting);
  bool put_on_hosts(const std::string& source, const std::string& destination, std::vector<std::string>& lines) const;

  Note note_of(const Command& command, const Setting& setting, std::string text) const;
  void lose(const Command& command, const Setting& setting, std::string text);
  void drop(const Command& command, const Setting& setting, std::string text);
  void change(const Command& command, const Setting& setting, std::string text);

  const Context* context_;
  Tree* tree_;
  KubefileLines* lines_;
  int scripts_ = 0;       // that were read
  std::string previous_;  // the application that the last command made
  struct Created {
    std::string name;
    Note note;
    bool is_used = false;
  };
  std::vector<Created> namespaces_;
};

}  // namespace sealift::convert
