// SPDX-License-Identifier: Apache-2.0
#include "payload/distribution/login_parts.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::distribution {
namespace {

// Finds a program in this user's PATH; helpers are often in a home directory.
Result<std::string> find_program(const std::string& name) {
  const std::string folders = variable("PATH");
  for (const auto folder : base::split(folders, ':')) {
    std::string path = base::format("{}/{}", folder, name);
    if (folder.starts_with('/') && ::access(path.c_str(), X_OK) == 0) return path;
  }
  return fail(ErrorCode::not_found, "the credential helper {} is not in PATH; install it, or log in without it", name);
}

}  // namespace

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// Tools have spelled registries in many ways:
// "https://quay.io/v2/", "http://quay.io", "quay.io/", and for Docker Hub "https://index.docker.io/v1/".
std::string registry_in_key(std::string_view key) {
  const size_t scheme = key.find("://");
  const bool is_url = scheme != std::string_view::npos;
  if (is_url) key.remove_prefix(scheme + 3);
  while (key.ends_with('/')) key.remove_suffix(1);
  // Only an address has them: "quay.io/v2" alone is a part of a registry.
  if (is_url && (key.ends_with("/v1") || key.ends_with("/v2"))) key.remove_suffix(3);
  const size_t slash = std::min(key.find('/'), key.size());
  std::string host = base::to_lower(key.substr(0, slash));
  if (host == "index.docker.io" || host == "registry-1.docker.io") host = "docker.io";
  return host + std::string(key.substr(slash));
}

Result<base::ExitStatus> run_helper(const std::string& name, const std::string& verb, ByteView input) {
  const bool plain = std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  });
  if (!plain)
    return fail(ErrorCode::invalid_input, "\"{}\" can't be a credential helper's name", base::printable(name));
  SEALIFT_ASSIGN(auto program, find_program("docker-credential-" + name));
  base::Command command{{std::move(program), verb}, {}, "/", Duration{60'000}};
  if (const auto home = variable("HOME"); !home.empty()) command.environment.push_back("HOME=" + home);
  base::CommandIo io;
  io.input = input;
  auto status = base::run(command, io);
  if (!status) return fail_while(std::move(status).error(), "asking the credential helper " + name);
  return status;
}

}  // namespace sealift::distribution
