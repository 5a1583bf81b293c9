// SPDX-License-Identifier: Apache-2.0
//
// The command line as a value. The only place that knows the parser.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "payload/base/error.h"

namespace sealift::cli {

enum class Verb {
  none,  // nothing asked
  help,  // text: what to print
  version,
  licenses,
  apply,
  plan,
  status,
  kubeconfig,
  config_init,
  verify,
  list,
  extract,
  info,
};

struct Arguments {
  Verb verb = Verb::none;
  std::string text;  // of help
  std::optional<std::string> config, payload, state;
  bool accept_new_host_keys = false;
  bool offline = false;
  bool json = false;
  bool verbose = false;
  // extract
  std::string to;
  std::vector<std::string> paths, images;
  bool overwrite = false;
};

// `program`: how the user called it. `usage` with the remedy for a wrong line.
Result<Arguments> parse_arguments(const std::string& program, const std::vector<std::string>& arguments);

// What to do with this file: for a start without arguments.
std::string first_help(const std::string& program);

}  // namespace sealift::cli
