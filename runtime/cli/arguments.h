// SPDX-License-Identifier: Apache-2.0
//
// The command line as a value. Only this part knows the parser.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "payload/base/clock.h"
#include "payload/base/error.h"
#include "payload/hash/digest.h"

namespace sealift::cli {

enum class Verb {
  none,  // no arguments
  help,  // `text` holds the help to print
  version,
  licenses,
  apply,
  plan,
  join,
  plan_join,
  status,
  check,
  report,
  kubeconfig,
  remove,
  remove_apps,
  rollback,
  reset,
  config_init,
  config_current,
  registry_ca,
  verify,
  list,
  list_cluster,
  history,
  extract,
  info,
};

struct Arguments {
  Verb verb = Verb::none;
  std::string text;  // of help
  std::optional<std::string> config, payload, state;
  std::optional<Digest> identity;  // of the only artifact that may be used
  bool accept_new_host_keys = false;
  bool allow_readable_secrets = false;
  bool offline = false;
  bool replace_product = false, allow_downgrade = false;
  bool renew_authority = false;
  bool json = false;
  bool verbose = false;
  // check
  bool watch = false;
  std::optional<std::string> junit;  // file
  // report
  std::string output;                          // file; its ending is one of report::acceptance_format()
  std::string title = "Acceptance report";     // the heading
  std::map<std::string, std::string> waivers;  // reason, by the id of a check
  // remove, reset
  std::vector<std::string> hosts;  // by name or address
  bool yes = false;                // the question about the cluster's name has been answered
  bool dead = false, force = false;
  Duration timeout{300'000};  // of a drain
  bool verify = false;        // of a reset
  // remove and rollback of applications
  std::vector<std::string> apps;
  bool with_data = false;
  std::optional<uint64_t> revision;
  // extract
  std::string to;
  std::vector<std::string> paths, images;
  bool overwrite = false;
};

// `program`: the name by which the user called it. Errors: usage, with the remedy.
Result<Arguments> parse_arguments(const std::string& program, const std::vector<std::string>& arguments);

// How to use this file: printed when it is started without arguments.
std::string first_help(const std::string& program);

}  // namespace sealift::cli
