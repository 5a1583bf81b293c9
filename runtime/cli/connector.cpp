// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/connector.h"

#include <format>

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

}  // namespace

Result<std::map<std::string, agent::HostSecrets>> resolve_logins(const config::ClusterConfig& cluster,
                                                                 SecretStore& secrets) {
  std::map<std::string, agent::HostSecrets> out;
  if (cluster.external_etcd) {
    if (auto own = secrets.check_file(cluster.external_etcd->key_file); !own)
      return fail_while(std::move(own).error(), "looking for the key of etcd.external");
  }
  if (cluster.existing && !cluster.existing->kubeconfig_file.empty()) {
    if (auto own = secrets.check_file(cluster.existing->kubeconfig_file); !own)
      return fail_while(std::move(own).error(), "looking for existing.kubeconfig");
  }
  for (const auto& host : cluster.hosts) {
    agent::HostSecrets login;
    if (host.ssh.key_path) {
      if (auto own = secrets.check_file(*host.ssh.key_path); !own)
        return fail_while(std::move(own).error(),
                          std::format("looking for the key of host {} (line {})", host.address, host.line));
    }
    auto resolve = [&](const std::optional<config::SecretSource>& source,
                       std::string_view what) -> Result<std::optional<Secret>> {
      if (!source) return std::optional<Secret>();
      config::SecretSource asked = *source;
      if (asked.kind == config::SecretSource::Kind::prompt && asked.argument.empty()) {
        asked.argument = std::format("{} of {} on {}", what, host.ssh.user, host.address);
      }
      auto secret = secrets.get(asked);
      if (!secret)
        return fail_while(std::move(secret).error(),
                          std::format("looking for the {} of host {} (line {})", what, host.address, host.line));
      return std::optional<Secret>(std::move(*secret));
    };
    SEALIFT_ASSIGN(login.key_passphrase, resolve(host.ssh.key_passphrase, "key's passphrase"));
    SEALIFT_ASSIGN(login.password, resolve(host.ssh.password, "password"));
    SEALIFT_ASSIGN(login.sudo_password, resolve(host.ssh.sudo_password, "sudo password"));
    out.emplace(host.address, std::move(login));
  }
  return out;
}

Result<void> resolve_registry_logins(config::RegistryConfig& registry, SecretStore& secrets) {
  const auto resolve = [&](config::RegistryLogin& login, std::string_view what,
                           std::string_view where) -> Result<void> {
    auto source = login.source;
    if (source.kind == config::SecretSource::Kind::prompt && source.argument.empty())
      source.argument = std::format("password of {} at {}", login.user, where);
    auto secret = secrets.get(source);
    if (!secret)
      return fail_while(std::move(secret).error(),
                        std::format("looking for the password of {} in {}", login.user, what));
    login.password = std::move(*secret);
    return {};
  };
  if (registry.domain) {
    if (!registry.domain->key_file.empty()) {
      if (auto own = secrets.check_file(registry.domain->key_file); !own)
        return fail_while(std::move(own).error(), "looking for the key of registry.domain");
    }
    for (auto& reader : registry.domain->readers)
      SEALIFT_TRY(resolve(reader, "registry.domain", registry.domain->name));
  }
  if (registry.external && registry.external->login)
    SEALIFT_TRY(resolve(*registry.external->login, "registry.external", registry.external->url));
  for (auto& upstream : registry.upstreams) {
    for (auto& place : upstream.places) {
      if (place.login) SEALIFT_TRY(resolve(*place.login, "registry.upstreams", place.url));
    }
  }
  return {};
}

std::unique_ptr<delivery::HostConnector> make_no_connector() { return std::make_unique<NoConnector>(); }

}  // namespace sealift::cli
