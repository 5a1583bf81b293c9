// SPDX-License-Identifier: Apache-2.0
//
// The Kubefile that is being written: its lines in the order of the lines they come from, and the files that they name.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "packer/convert/conversion.h"
#include "payload/yaml/node.h"

namespace sealift::convert {

// In quotes if it has blanks, or quotes itself. Variables stay variables.
std::string in_quotes(std::string_view word);
// A word of our Kubefile that says what `text` is: every "$" is doubled.
std::string kubefile_word(std::string_view text);

struct AppLine {
  std::string name;
  std::vector<std::string> sources;  // "local://…" or the address of a chart
  std::string target_namespace, release, needs;
  bool is_network = false;
  std::string text() const;
};

class KubefileLines {
 public:
  // `file`: the source's name in reports. `beside`: the folder of further files as the build sees it, relative to its
  // context; empty if they lie in it.
  KubefileLines(std::string file, std::string beside) : file_(std::move(file)), beside_(std::move(beside)) {}

  const std::string& file() const { return file_; }
  void add(int line, std::string text) { lines_.push_back({line, std::move(text)}); }
  void add_comment(int line, std::string_view text);  // of one line or several
  // Also a comment with the reason, and with the source's words if they are given.
  void lose(Note note, std::string_view source = {});
  void lose_at(int line, Note note, std::string_view source);  // of a script: where the Kubefile runs it
  void note(Outcome outcome, int line, std::string what, std::string text) {
    report_.add({file_, line, outcome, std::move(what), std::move(text)});
  }
  void note(Note note) { report_.add(std::move(note)); }

  // A name that an application may have and none has yet, as like to `wanted` as possible.
  std::string new_app_name(std::string_view wanted);
  // APP or CNI. What a line of LAUNCH means with a name is a list: a command that became several applications.
  void add_app(int line, const AppLine& app);
  const std::vector<std::string>& apps() const { return apps_; }

  // A file of values for an application, as VALUES will name it.
  std::string add_values(const std::string& app, const yaml::Node& values);

  Conversion finish(const std::vector<std::string>& launch) &&;

 private:
  struct Line {
    int source = 0;
    std::string text;
  };
  std::string file_, beside_;
  std::vector<Line> lines_;
  std::vector<File> files_;
  std::vector<std::string> apps_;
  std::set<std::string, std::less<>> names_;
  Report report_;
};

}  // namespace sealift::convert
