// SPDX-License-Identifier: Apache-2.0
#include "payload/distribution/endpoint.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::distribution {
namespace {

constexpr size_t kMaxCertificates = size_t{4} << 20;

std::vector<std::string> certificate_folders() {
  std::vector<std::string> out;
  if (const char* home = std::getenv("HOME"); home != nullptr && *home == '/')
    out.push_back(std::string(home) + "/.config/containers/certs.d");
  out.insert(out.end(), {"/etc/containers/certs.d", "/etc/docker/certs.d"});
  return out;
}

}  // namespace

bool is_loopback(const std::string& host) { return host == "localhost" || host == "::1" || host.starts_with("127."); }

std::string login_hint(const Endpoint& endpoint) {
  return endpoint.login_field.empty() ? base::format("log in (`docker login {}` or the like)", endpoint.registry)
                                      : "check user and password of " + endpoint.login_field;
}

Result<bool> add_certificates(const std::string& host_and_port, http::ClientOptions& client) {
  for (const auto& folder : certificate_folders()) {
    std::error_code none;
    std::vector<std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder + "/" + host_and_port, none))
      files.push_back(entry.path().string());
    std::ranges::sort(files);
    if (files.empty()) continue;
    for (const auto& path : files) {
      if (path.ends_with(".crt")) {
        SEALIFT_ASSIGN(const auto text, base::read_text_file(path, kMaxCertificates));
        client.authority += text + "\n";
      } else if (path.ends_with(".cert")) {
        SEALIFT_ASSIGN(client.certificate, base::read_text_file(path, kMaxCertificates));
        SEALIFT_ASSIGN(auto key, base::read_text_file(path.substr(0, path.size() - 5) + ".key", kMaxCertificates));
        client.key = Secret(std::move(key));
      }
    }
    if (const auto system = http::system_authorities(); !client.authority.empty() && !system.empty()) {
      SEALIFT_ASSIGN(const auto text, base::read_text_file(system, kMaxCertificates));
      client.authority += text;
    }
    return true;
  }
  return false;
}

Result<Endpoint> endpoint_of(const std::string& registry, const EndpointOptions& options) {
  Endpoint out;
  out.registry = registry;
  const auto mirror = options.mirrors.find(registry);
  if (mirror != options.mirrors.end()) {
    out.origin = mirror->second.origin;
    std::string_view path = mirror->second.target;
    while (path.starts_with('/')) path.remove_prefix(1);
    while (path.ends_with('/')) path.remove_suffix(1);
    if (!path.empty()) out.repository_prefix = std::string(path) + "/";
  } else {
    // The only registry whose host differs from its name in image names.
    const std::string host = registry == "docker.io" ? "registry-1." + registry : registry;
    SEALIFT_ASSIGN(const auto url,
                   http::parse_url((options.plain_http.contains(registry) ? "http://" : "https://") + host));
    out.origin = url.origin;
  }
  const std::string host_and_port =
      mirror == options.mirrors.end() ? registry : base::format("{}:{}", out.origin.host, out.origin.port);
  if (out.origin.scheme == "https") {
    SEALIFT_ASSIGN(const bool has_certificates, add_certificates(host_and_port, out.client));
    if (!has_certificates && mirror == options.mirrors.end() && is_loopback(out.origin.host)) {
      SEALIFT_ASSIGN(const auto url, http::parse_url("http://" + registry));
      out.origin = url.origin;
    }
  }
  SEALIFT_ASSIGN(out.client.proxy, http::proxy_from_environment(out.origin));
  return out;
}

}  // namespace sealift::distribution
