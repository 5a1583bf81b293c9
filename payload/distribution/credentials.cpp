// SPDX-License-Identifier: Apache-2.0
#include "payload/distribution/credentials.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "payload/base/file.h"
#include "payload/base/text.h"
#include "payload/distribution/login_parts.h"

namespace sealift::distribution {
namespace {

constexpr size_t kMaxFile = size_t{1} << 20;

// The member for this name: its own spelling before all others.
const std::pair<const std::string, json::Value>* member_for(const json::Value* object, const std::string& name) {
  const auto* members = object == nullptr ? nullptr : object->members();
  if (members == nullptr) return nullptr;
  if (const auto exact = members->find(name); exact != members->end()) return &*exact;
  const auto other =
      std::ranges::find(*members, name, [](const auto& member) { return registry_in_key(member.first); });
  return other == members->end() ? nullptr : &*other;
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

// docker-credential-NAME get: reads the address from stdin, writes a JSON document to stdout; exits with 1 for
// an unknown address.
Result<std::optional<Login>> from_helper(const std::string& name, const std::string& address) {
  SEALIFT_ASSIGN(auto status, run_helper(name, "get", base::as_bytes(address)));
  if (!status.ok()) {
    if (status.output.contains("credentials not found")) return std::optional<Login>{};
    // A helper's output may hold a secret: never repeat it.
    return fail(ErrorCode::command_failed,
                "docker-credential-{} get ended with code {}; try it by hand, or log in to {} again", name, status.code,
                address);
  }
  auto answer = json::parse(status.output);
  explicit_bzero(status.output.data(), status.output.size());
  if (!answer) return fail(ErrorCode::command_failed, "docker-credential-{} get did not answer with JSON", name);
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

Logins Logins::of(const std::string& registry, const Login& login) {
  json::Value entry = json::Value::object();
  entry.set("username", login.user);
  entry.set("password", login.password.reveal());
  json::Value auths = json::Value::object();
  auths.set(registry, std::move(entry));
  Logins out;
  out.documents_.push_back(json::Value::object());
  out.documents_.front().set("auths", std::move(auths));
  return out;
}

Result<std::optional<Login>> Logins::find(const std::string& registry, const std::string& repository) const {
  for (const auto& document : documents_) {
    if (const auto* helper = member_for(document.find("credHelpers"), registry);
        helper != nullptr && helper->second.is_string() && !helper->second.string()->empty()) {
      SEALIFT_ASSIGN(auto login, from_helper(*helper->second.string(), helper->first));
      if (login) return login;
    }
    const auto* auths = document.find("auths");
    // The longest path wins: registry/team/app, registry/team, registry.
    for (std::string path = registry + "/" + repository;; path.resize(path.rfind('/'))) {
      if (const auto* entry = member_for(auths, path)) {
        SEALIFT_ASSIGN(auto login, from_entry(entry->second, entry->first));
        if (login) return login;
      }
      if (path == registry) break;
    }
    if (const auto store = document.text_or("credsStore", ""); !store.empty()) {
      // A store knows a registry by what `docker login` called it, which "auths" repeats with an empty entry.
      const auto* known = member_for(auths, registry);
      SEALIFT_ASSIGN(auto login, from_helper(store, known != nullptr          ? known->first
                                                    : registry == "docker.io" ? "https://index.docker.io/v1/"
                                                                              : registry));
      if (login) return login;
    }
  }
  return std::optional<Login>{};
}

}  // namespace sealift::distribution
