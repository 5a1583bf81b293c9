// SPDX-License-Identifier: Apache-2.0
//
// The command lines of helm and kubectl, as far as they say what is to be installed.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "packer/convert/helm_values.h"

namespace sealift::convert {

// https://user:password@host/…: everyone could read it in the artifact.
bool has_login(std::string_view url);
inline constexpr std::string_view kNoLogin =
    "a URL with a login in it is not taken; download the file beforehand, and name it";

struct HelmCall {
  std::string verb;                   // "install", "upgrade", "repo" …
  std::vector<std::string> operands;  // after the verb
  std::string target_namespace, version, repository;
  std::vector<std::string> value_files;  // in their order; the last one wins
  std::vector<std::pair<std::string, SetType>> settings;
  std::string unread;  // an option that changes what is installed in a way that only helm knows
};
HelmCall read_helm(std::span<const std::string> words);  // without "helm"

struct KubectlCall {
  std::string verb;
  std::vector<std::string> operands;
  std::string target_namespace;
  std::vector<std::string> files;
  bool is_kustomization = false, is_recursive = false;
};
KubectlCall read_kubectl(std::span<const std::string> words);  // without "kubectl"

}  // namespace sealift::convert
