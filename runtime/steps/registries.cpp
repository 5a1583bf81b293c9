// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/registries.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <random>

#include "payload/base/text.h"
#include "payload/json/value.h"

namespace sealift::steps {
namespace {

constexpr host::FileSpec kFolder{0700, 0, 0}, kFile{0600, 0, 0};
// The mirror's user has no name and may be another one each time; only root gets as far as this folder, and the mirror
// through a mount.
constexpr host::FileSpec kCache{0777, 0, 0};
constexpr size_t kMaxFile = size_t{8} << 20;
constexpr std::string_view kSalt = "salt";

enum class Passwords : uint8_t { with, without };

json::Value place_json(const config::RemoteRegistry& place, Passwords passwords) {
  json::Value out = json::Value::object();
  out.set("url", place.url);
  out.set("ca", place.authority);
  if (!place.login) return out;
  out.set("user", place.login->user);
  if (passwords == Passwords::with) out.set("password", place.login->password.reveal());
  return out;
}

json::Value registries_json(const Model& model, const Node& node, Passwords passwords) {
  json::Value out = json::Value::object();
  const auto& registry = model.config.registry;
  if (registry.external) {
    out.set("external", place_json(*registry.external, passwords));
    return out;
  }
  json::Value upstreams = json::Value::array();
  for (const auto& upstream : registry.upstreams) {
    json::Value places = json::Value::array(), one = json::Value::object();
    for (const auto& place : upstream.places) places.push_back(place_json(place, passwords));
    one.set("match", upstream.match);
    one.set("places", std::move(places));
    upstreams.push_back(std::move(one));
  }
  out.set("upstreams", std::move(upstreams));
  json::Value cache = json::Value::object();
  cache.set("folder", cache_folder(node.config));
  cache.set("bytes", registry.cache_bytes);
  out.set("cache", std::move(cache));
  return out;
}

std::string random_salt() {
  std::random_device random;
  std::array<std::byte, 32> bytes{};
  for (auto& byte : bytes) byte = static_cast<std::byte>(random() & 0xffU);
  return base::to_hex(bytes);
}

Result<bool> is_as(host::HostView& host, const std::string& path, host::FileType type, const host::FileSpec& spec) {
  SEALIFT_ASSIGN(const auto status, host.stat(path));
  return status && status->type == type && status->spec == spec;
}

// The folders for this node, outermost first.
std::vector<std::pair<std::string, host::FileSpec>> folders(const Model& model, const Node& node) {
  std::vector<std::pair<std::string, host::FileSpec>> out{{std::string(kRegistriesFolder), kFolder}};
  if (const auto cache = cache_of(model, node)) {
    out.emplace_back(cache->substr(0, cache->rfind('/')), kFolder);
    out.emplace_back(*cache, kCache);
  }
  return out;
}

}  // namespace

bool asks_registries(const Model& model, const Node& node) {
  const auto& registry = model.config.registry;
  return registry.external || (!registry.upstreams.empty() && model.is_registry_host(node));
}

bool trusts_host_authorities(const Model& model) {
  const auto& registry = model.config.registry;
  const auto is_open = [](const config::RemoteRegistry& place) { return place.authority.empty(); };
  if (registry.external) return is_open(*registry.external);
  return std::ranges::any_of(registry.upstreams,
                             [&](const auto& upstream) { return std::ranges::any_of(upstream.places, is_open); });
}

std::string cache_folder(const config::HostConfig& host) { return host.data_root + std::string(kCacheFolder); }

std::optional<std::string> cache_of(const Model& model, const Node& node) {
  if (model.config.registry.external || !asks_registries(model, node)) return std::nullopt;
  return cache_folder(node.config);
}

RegistriesStep::RegistriesStep(const Model& model, const Node& node)
    : BasicStep(std::string(kRegistriesStep), "tell the mirror the site's registries and their logins",
                digest_of({json::to_canonical(registries_json(model, node, Passwords::without))})),
      model_(model),
      node_(node) {}

Result<bool> RegistriesStep::is_written(host::HostView& host) const {
  const std::string path(kRegistriesFile);
  SEALIFT_ASSIGN(const bool there, is_as(host, path, host::FileType::regular, kFile));
  if (!there) return false;
  SEALIFT_ASSIGN(auto bytes, host.read(path, kMaxFile));
  if (!bytes) return false;
  const Secret text{std::string(base::as_text(*bytes))};
  explicit_bzero(bytes->data(), bytes->size());
  const auto value = json::parse(text.reveal());
  if (!value || value->text_or(kSalt, "").empty()) return false;
  auto wanted = registries_json(model_, node_, Passwords::with);
  wanted.set(std::string(kSalt), value->text_or(kSalt, ""));
  return *value == wanted;
}

Result<engine::StepState> RegistriesStep::check(const engine::LookContext& context) {
  for (const auto& [path, spec] : folders(model_, node_)) {
    SEALIFT_ASSIGN(const bool there, is_as(context.host, path, host::FileType::directory, spec));
    if (!there) return engine::StepState::needed;
  }
  SEALIFT_ASSIGN(const bool written, is_written(context.host));
  return written ? engine::StepState::done : engine::StepState::needed;
}

Result<void> RegistriesStep::apply(engine::StepContext& context) {
  for (const auto& [path, spec] : folders(model_, node_))
    SEALIFT_TRY(context.host.make_directory(path, spec, reason()));
  SEALIFT_ASSIGN(const bool written, is_written(context.host));
  if (written) return {};
  auto wanted = registries_json(model_, node_, Passwords::with);
  wanted.set(std::string(kSalt), random_salt());
  const Secret text(json::to_canonical(wanted));
  // The ledger would keep a file that is replaced.
  SEALIFT_TRY(context.host.take_away(host::Trace::Kind::path, std::string(kRegistriesFile), reason()));
  base::MemorySource source(base::as_bytes(text.reveal()));
  return context.host.write_atomic(std::string(kRegistriesFile), kFile, source, reason());
}

}  // namespace sealift::steps
