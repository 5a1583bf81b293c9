// SPDX-License-Identifier: Apache-2.0
#include "payload/distribution/credentials.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "payload/base/file.h"
#include "payload/base/process.h"
#include "payload/base/text.h"

namespace sealift::distribution {
namespace {

constexpr size_t kMaxFile = size_t{1} << 20;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// docker's tools store Docker Hub under an address that dates from the first registry protocol.
std::vector<std::string> spellings(const std::string& registry) {
  std::vector<std::string> out{registry, "https://" + registry, "http://" + registry};
  if (registry == "docker.io") out.insert(out.end(), {"https://index." + registry + "/v1/", "index." + registry});
  return out;
}

Result<std::optional<Login>> from_entry(const json::Value& entry, const std::string& key) {
  Login out;
  out.identity_token = Secret(entry.text_or("identitytoken", ""));
  out.user = entry.text_or("username", "");
  out.password = Secret(entry.text_or("password", ""));
  if (const std::string both = entry.text_or("auth", ""); !both.empty()) {
    Bytes decoded = base::from_base64(both).value_or(Bytes{});
    const std::string_view text = base::as_text(decoded);
    const size_t colon = text.find(':');
    if (colon == std::string_view::npos)
      return fail(ErrorCode::invalid_input, "the login for {} is not \"user:password\" in base64; log in again",
                  base::printable(key));
    out.user = text.substr(0, colon);
    out.password = Secret(std::string(text.substr(colon + 1)));
    explicit_bzero(decoded.data(), decoded.size());
  }
  if (out.identity_token.empty() && out.user.empty()) return std::optional<Login>{};
  return std::optional(std::move(out));
}

// Finds a program in this user's PATH; helpers are often in a home directory.
Result<std::string> find_program(const std::string& name) {
  const std::string folders = variable("PATH");
  for (const auto folder : base::split(folders, ':')) {
    std::string path = std::format("{}/{}", folder, name);
    if (folder.starts_with('/') && ::access(path.c_str(), X_OK) == 0) return path;
  }
  return fail(ErrorCode::not_found, "the credential helper {} is not in PATH; install it, or log in without it", name);
}

// docker-credential-NAME get: reads the address from stdin, writes a JSON document to stdout; exits with 1 for
// an unknown address.
Result<std::optional<Login>> from_helper(const std::string& name, const std::string& address) {
  const bool plain = std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  });
  if (!plain)
    return fail(ErrorCode::invalid_input, "\"{}\" can't be a credential helper's name", base::printable(name));
  SEALIFT_ASSIGN(auto program, find_program("docker-credential-" + name));
  base::Command command{{std::move(program), "get"}, {}, "/", Duration{60'000}};
  if (const auto home = variable("HOME"); !home.empty()) command.environment.push_back("HOME=" + home);
  base::CommandIo io;
  io.input = base::as_bytes(address);
  auto status = base::run(command, io);
  if (!status) return fail_while(std::move(status).error(), "asking the credential helper for " + address);
  if (!status->ok()) {
    if (status->output.contains("credentials not found")) return std::optional<Login>{};
    // A helper's output may hold a secret: never repeat it.
    return fail(ErrorCode::command_failed, "{} ended with code {}; try it by hand, or log in to {} again",
                command.text(), status->code, address);
  }
  auto answer = json::parse(status->output);
  explicit_bzero(status->output.data(), status->output.size());
  if (!answer) return fail(ErrorCode::command_failed, "{} did not answer with JSON", command.text());
  Login out;
  out.user = answer->text_or("Username", "");
  Secret secret(answer->text_or("Secret", ""));
  (out.user == "<token>" ? out.identity_token : out.password) = std::move(secret);
  return std::optional(std::move(out));
}

}  // namespace

std::vector<std::string> login_files() {
  std::vector<std::string> candidates;
  if (auto named = variable("REGISTRY_AUTH_FILE"); !named.empty()) candidates.push_back(std::move(named));
  if (const auto folder = variable("DOCKER_CONFIG"); !folder.empty()) {
    candidates.push_back(folder + "/config.json");
  } else if (const auto home = variable("HOME"); !home.empty()) {
    candidates.push_back(home + "/.docker/config.json");
  }
  if (const auto folder = variable("XDG_RUNTIME_DIR"); !folder.empty())
    candidates.push_back(folder + "/containers/auth.json");
  std::erase_if(candidates, [](const std::string& path) { return ::access(path.c_str(), F_OK) != 0; });
  return candidates;
}

Result<Logins> Logins::read(const std::vector<std::string>& files) {
  Logins out;
  for (const auto& path : files) {
    if (::access(path.c_str(), F_OK) != 0) continue;
    SEALIFT_ASSIGN(const auto text, base::read_text_file(path, kMaxFile));
    auto document = json::parse(text);
    if (!document) return fail(ErrorCode::invalid_input, "{} can't be read: {}", path, document.error().what);
    out.documents_.push_back(std::move(*document));
  }
  return out;
}

Result<std::optional<Login>> Logins::find(const std::string& registry, const std::string& repository) const {
  const auto names = spellings(registry);
  for (const auto& document : documents_) {
    const auto* helpers = document.find("credHelpers");
    for (const auto& name : names) {
      const auto helper = helpers == nullptr ? std::string() : helpers->text_or(name, "");
      if (helper.empty()) continue;
      SEALIFT_ASSIGN(auto login, from_helper(helper, name));
      if (login) return login;
    }
    const auto* auths = document.find("auths");
    // The longest path wins: registry/team/app, registry/team, registry.
    for (std::string path = registry + "/" + repository; auths != nullptr; path.resize(path.rfind('/'))) {
      for (const auto& name : path == registry ? names : std::vector{path}) {
        const auto* entry = auths->find(name);
        if (entry == nullptr) continue;
        SEALIFT_ASSIGN(auto login, from_entry(*entry, name));
        if (login) return login;
      }
      if (path == registry) break;
    }
    if (const auto store = document.text_or("credsStore", ""); !store.empty()) {
      SEALIFT_ASSIGN(auto login, from_helper(store, registry == "docker.io" ? names[3] : registry));
      if (login) return login;
    }
  }
  return std::optional<Login>{};
}

}  // namespace sealift::distribution
