// SPDX-License-Identifier: Apache-2.0
//
// The commands that speak to registries: push, pull, login, logout, search.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "payload/base/cancel.h"
#include "payload/base/error.h"

namespace CLI {
class App;
}

namespace sealift::packer_cli {

struct RegistryArguments {
  std::string what;    // of push: a file or a name of the local store; of pull and search: a name; of login: a registry
  std::string to;      // push: the name
  std::string images;  // push --images
  std::string other;   // push --mount-from
  std::string output;  // pull -o
  std::string platform;  // pull --platform
  std::string user;      // login -u
  std::vector<std::string> plain_http;
  bool adds = false, scoped = false, password_stdin = false, json = false;
};

// `arguments` must outlive `app`.
void define_registry(CLI::App& app, RegistryArguments& arguments);
// What the command that was given prints; nothing if it is another one. Progress goes to standard error.
std::optional<Result<std::string>> run_registry(const CLI::App& app, const RegistryArguments& arguments,
                                                const CancelToken& cancel);

}  // namespace sealift::packer_cli
