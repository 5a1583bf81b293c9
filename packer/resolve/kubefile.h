// SPDX-License-Identifier: Apache-2.0
//
// The Kubefile as instructions with their places. Grammar: packer/KUBEFILE.md. Variables are expanded here; files are
// not looked at. Every refusal names file and line.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "payload/format/contents.h"

namespace sealift::resolve {

struct Place {
  std::string file;
  int line = 0;
  std::string text() const;  // "Kubefile:12"
};

enum class Verb { from, copy, add, file, app, image, env, label, launch };

struct Instruction {
  Verb verb = Verb::from;
  Place place;
  std::vector<std::string> words;  // operands, expanded; LAUNCH: the names
  // FILE
  uint32_t mode = 0644;
  uint32_t uid = 0, gid = 0;
  format::HostRole role = format::HostRole::all;
  bool is_template = false;
  // APP and CNI
  bool is_network = false;
  std::vector<std::string> needs;
  // IMAGE: folder of an OCI layout, as written after oci:
  std::optional<std::string> layout;
  // ADD
  std::optional<Digest> checksum;
  // ENV, LABEL
  std::map<std::string, std::string> settings;
};

// `arguments`: --build-arg; one that no ARG names is an error. Errors: invalid_input, unsupported.
Result<std::vector<Instruction>> parse_kubefile(std::string_view text, const std::string& file, const std::map<std::string, std::string>& arguments);

}  // namespace sealift::resolve
