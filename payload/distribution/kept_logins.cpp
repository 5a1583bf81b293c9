// SPDX-License-Identifier: Apache-2.0
#include "payload/distribution/kept_logins.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstring>

#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/base/named_file.h"
#include "payload/base/text.h"
#include "payload/distribution/login_parts.h"

namespace sealift::distribution {
namespace {

constexpr size_t kMaxFile = size_t{1} << 20;
constexpr unsigned kFolderMode = 0700, kFileMode = 0600;

struct Kept {
  std::string path;
  json::Value document;
};

Result<Kept> read() {
  Kept out;
  if (const auto named = variable("REGISTRY_AUTH_FILE"); !named.empty()) {
    out.path = named;
  } else if (const auto folder = variable("DOCKER_CONFIG"); !folder.empty()) {
    out.path = folder + "/config.json";
  } else if (const auto home = variable("HOME"); !home.empty()) {
    out.path = home + "/.docker/config.json";
  } else {
    return fail(ErrorCode::usage, "there is no folder for logins; name one in the environment: HOME or DOCKER_CONFIG");
  }
  out.path = base::behind_links(out.path);
  out.document = json::Value::object();
  const auto text = base::read_text_file(out.path, kMaxFile);
  if (!text && text.error().code == ErrorCode::not_found) return out;
  if (!text) return std::unexpected(text.error());
  auto document = json::parse(text->empty() ? "{}" : *text);
  if (!document || !document->is_object())
    return fail(ErrorCode::invalid_input, "{} is no JSON object; mend or delete it", out.path);
  out.document = std::move(*document);
  return out;
}

Result<void> write(const Kept& kept) {
  SEALIFT_TRY(base::make_directories(kept.path.substr(0, kept.path.rfind('/')), kFolderMode));
  std::string text = json::to_pretty(kept.document) + "\n";
  auto written = base::write_file_atomic(kept.path, base::as_bytes(text), kFileMode);
  explicit_bzero(text.data(), text.size());
  return written;
}

// Empty if logins of this registry stand in the file itself.
std::string helper_of(const json::Value& document, const std::string& registry) {
  if (const auto* helpers = document.find("credHelpers"); helpers != nullptr && helpers->is_object()) {
    for (const auto& [key, name] : *helpers->members()) {
      if (registry_in_key(key) == registry && name.is_string()) return *name.string();
    }
  }
  return document.text_or("credsStore", "");
}

// As docker calls it, there and in the file.
std::string key_of(const std::string& registry) {
  return registry == "docker.io" ? "https://index.docker.io/v1/" : registry;
}

// All entries but those of this registry. True if there was one.
bool take_out(json::Value& document, const std::string& registry) {
  const auto* there = document.find("auths");
  json::Value rest = json::Value::object();
  bool was_there = false;
  if (there != nullptr && there->is_object()) {
    for (const auto& [key, entry] : *there->members()) {
      if (registry_in_key(key) == registry)
        was_there = true;
      else
        rest.set(key, entry);
    }
  }
  document.set("auths", std::move(rest));
  return was_there;
}

void put_in(json::Value& document, const std::string& registry, json::Value entry) {
  json::Value all = *document.find("auths");
  all.set(key_of(registry), std::move(entry));
  document.set("auths", std::move(all));
}

Result<void> check(const base::ExitStatus& status, const std::string& name, std::string_view verb) {
  if (status.ok()) return {};
  // Its output may hold a secret: never repeat it.
  return fail(ErrorCode::command_failed, "docker-credential-{} {} ended with code {}; try it by hand", name, verb,
              status.code);
}

}  // namespace

Result<std::string> keep_login(const std::string& registry, const Login& login) {
  SEALIFT_ASSIGN(auto kept, read());
  take_out(kept.document, registry);
  const auto helper = helper_of(kept.document, registry);
  if (!helper.empty()) {
    json::Value credentials = json::Value::object();
    credentials.set("ServerURL", key_of(registry));
    credentials.set("Username", login.user);
    credentials.set("Secret", login.password.reveal());
    std::string text = json::to_canonical(credentials);
    const auto status = run_helper(helper, "store", base::as_bytes(text));
    explicit_bzero(text.data(), text.size());
    if (!status) return std::unexpected(status.error());
    SEALIFT_TRY(check(*status, helper, "store"));
    put_in(kept.document, registry, json::Value::object());
    SEALIFT_TRY(write(kept));
    return "the credential helper " + helper;
  }
  std::string both = base::format("{}:{}", login.user, login.password.reveal());
  json::Value entry = json::Value::object();
  entry.set("auth", base::to_base64(base::as_bytes(both)));
  explicit_bzero(both.data(), both.size());
  put_in(kept.document, registry, std::move(entry));
  SEALIFT_TRY(write(kept));
  return kept.path;
}

Result<bool> forget_login(const std::string& registry) {
  SEALIFT_ASSIGN(auto kept, read());
  const bool was_there = take_out(kept.document, registry);
  if (!was_there) return false;
  if (const auto helper = helper_of(kept.document, registry); !helper.empty()) {
    SEALIFT_ASSIGN(const auto status, run_helper(helper, "erase", base::as_bytes(key_of(registry))));
    SEALIFT_TRY(check(status, helper, "erase"));
  }
  SEALIFT_TRY(write(kept));
  return true;
}

}  // namespace sealift::distribution
