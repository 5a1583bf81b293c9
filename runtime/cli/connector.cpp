// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/connector.h"

#include "payload/base/format.h"

namespace sealift::cli {
namespace {

class NoConnector final : public delivery::HostConnector {
 public:
  std::vector<delivery::Connection> connect(const std::vector<config::HostConfig>& hosts, host::Purpose) override {
    std::vector<delivery::Connection> out;
    for (const auto& host : hosts)
      out.push_back({host.address, fail(ErrorCode::unsupported, "{}: --offline connects nowhere", host.address)});
    return out;
  }
  Result<std::unique_ptr<host::Host>> reconnect(const config::HostConfig& host, host::Purpose) override {
    return fail(ErrorCode::unsupported, "{}: --offline connects nowhere", host.address);
  }
};

// All that is missing is told at once; nobody is asked at a prompt for a run that can't begin anyway.
class Resolver {
 public:
  explicit Resolver(SecretStore& secrets) : secrets_(secrets) {}

  // Errors: cancelled.
  Result<void> check_file(const std::string& path, std::string_view what) {
    if (auto own = secrets_.check_file(path); !own) return note(std::move(own).error(), what);
    return {};
  }
  // `prompt` if cluster.yaml has no words for it. Nothing if it can't be had. Errors: cancelled.
  Result<Secret> get(config::SecretSource source, std::string_view what, std::string_view prompt) {
    if (source.kind == config::SecretSource::Kind::prompt) {
      if (!errors_.empty()) return Secret();
      if (source.argument.empty()) source.argument = prompt;
    }
    auto secret = secrets_.get(source);
    if (secret) return secret;
    SEALIFT_TRY(note(std::move(secret).error(), what));
    return Secret();
  }
  // Of the first one's code.
  Result<void> result() && {
    if (errors_.empty()) return {};
    if (errors_.size() == 1) return fail(std::move(errors_.front()));
    std::string text = base::format("{} secrets can't be had:", errors_.size());
    for (const auto& error : errors_) text += "\n  " + error.text();
    return fail(Error{errors_.front().code, std::move(text), {}});
  }

 private:
  Result<void> note(Error error, std::string_view what) {
    if (error.code == ErrorCode::cancelled) return fail(std::move(error));
    error.while_doing.insert(error.while_doing.begin(), base::format("looking for {}", what));
    errors_.push_back(std::move(error));
    return {};
  }

  SecretStore& secrets_;
  std::vector<Error> errors_;
};

Result<agent::HostSecrets> login_of(const config::HostConfig& host, Resolver& resolver) {
  const auto of_host = [&](std::string_view what) {
    return base::format("the {} of host {} (line {})", what, host.address, host.line);
  };
  const auto resolve = [&](const std::optional<config::SecretSource>& source,
                           std::string_view what) -> Result<std::optional<Secret>> {
    if (!source) return std::optional<Secret>();
    SEALIFT_ASSIGN(auto secret, resolver.get(*source, of_host(what),
                                             base::format("{} of {} on {}", what, host.ssh.user, host.address)));
    return std::optional<Secret>(std::move(secret));
  };
  agent::HostSecrets out;
  if (host.ssh.key_path) SEALIFT_TRY(resolver.check_file(*host.ssh.key_path, of_host("key")));
  SEALIFT_ASSIGN(out.key_passphrase, resolve(host.ssh.key_passphrase, "key's passphrase"));
  SEALIFT_ASSIGN(out.password, resolve(host.ssh.password, "password"));
  SEALIFT_ASSIGN(out.sudo_password, resolve(host.ssh.sudo_password, "sudo password"));
  return out;
}

Result<void> fill_in(config::RegistryConfig& registry, Resolver& resolver) {
  const auto fill = [&](config::RegistryLogin& login, std::string_view field, std::string_view where) -> Result<void> {
    SEALIFT_ASSIGN(login.password,
                   resolver.get(login.source, base::format("the password of {} in {}", login.user, field),
                                base::format("password of {} at {}", login.user, where)));
    return {};
  };
  if (registry.domain) {
    if (!registry.domain->key_file.empty())
      SEALIFT_TRY(resolver.check_file(registry.domain->key_file, "the key of registry.domain"));
    for (auto& reader : registry.domain->readers) SEALIFT_TRY(fill(reader, "registry.domain", registry.domain->name));
  }
  if (registry.external && registry.external->login)
    SEALIFT_TRY(fill(*registry.external->login, "registry.external", registry.external->url));
  for (auto& upstream : registry.upstreams) {
    for (auto& place : upstream.places) {
      if (place.login) SEALIFT_TRY(fill(*place.login, "registry.upstreams", place.url));
    }
  }
  return {};
}

}  // namespace

Result<std::map<std::string, agent::HostSecrets>> resolve_secrets(config::ClusterConfig& cluster, bool registries,
                                                                  SecretStore& secrets) {
  Resolver resolver(secrets);
  std::map<std::string, agent::HostSecrets> out;
  if (cluster.external_etcd)
    SEALIFT_TRY(resolver.check_file(cluster.external_etcd->key_file, "the key of etcd.external"));
  if (cluster.existing && !cluster.existing->kubeconfig_file.empty())
    SEALIFT_TRY(resolver.check_file(cluster.existing->kubeconfig_file, "existing.kubeconfig"));
  for (const auto& host : cluster.hosts) {
    SEALIFT_ASSIGN(auto login, login_of(host, resolver));
    out.emplace(host.address, std::move(login));
  }
  if (registries) SEALIFT_TRY(fill_in(cluster.registry, resolver));
  SEALIFT_TRY(std::move(resolver).result());
  return out;
}

std::unique_ptr<delivery::HostConnector> make_no_connector() { return std::make_unique<NoConnector>(); }

}  // namespace sealift::cli
