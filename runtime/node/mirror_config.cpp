// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/mirror_config.h"

#include "payload/http/client.h"
#include "payload/json/value.h"

namespace sealift::node {
namespace {

Result<http::Origin> parse_endpoint(std::string_view text) {
  return http::parse_url("http://" + std::string(text)).transform([](const http::Url& url) { return url.origin; });
}

Result<MirrorConfig::People> parse_people(const json::Value& value) {
  MirrorConfig::People out;
  SEALIFT_ASSIGN(const auto listen, value.text("listen"));
  SEALIFT_ASSIGN(const auto endpoint, parse_endpoint(listen));
  out.address = endpoint.host;
  out.port = endpoint.port;
  SEALIFT_ASSIGN(out.certificate, value.text("certificate"));
  SEALIFT_ASSIGN(out.users, value.text("users"));
  return out;
}

}  // namespace

Result<MirrorConfig> parse_mirror_config(std::string_view text) {
  SEALIFT_ASSIGN(const auto value, json::parse(text));
  MirrorConfig out;
  SEALIFT_ASSIGN(const auto local, value.text("localListen"));
  SEALIFT_ASSIGN(const auto local_endpoint, parse_endpoint(local));
  out.local_address = local_endpoint.host;
  out.local_port = local_endpoint.port;
  if (const auto peer = value.text_or("peerListen", ""); !peer.empty()) {
    SEALIFT_ASSIGN(const auto endpoint, parse_endpoint(peer));
    out.peer_address = endpoint.host;
    out.peer_port = endpoint.port;
  }
  const auto texts = [&](std::string_view key, std::vector<std::string>& target) {
    const auto* list = value.find(key);
    if (list == nullptr || !list->is_array()) return;
    for (const auto& element : *list->elements()) {
      if (element.string() != nullptr) target.push_back(*element.string());
    }
  };
  texts("registryHosts", out.registry_hosts);
  out.artifacts = value.text_or("artifacts", "");
  out.ca = value.text_or("ca", "");
  out.server = value.text_or("server", "");
  out.client = value.text_or("client", "");
  out.registries = value.text_or("registries", "");
  if (out.ca.empty() || out.server.empty())
    return fail(ErrorCode::invalid_config, "\"ca\" and \"server\" must name the certificates and the key");
  out.artifact = value.text_or("artifact", "");
  if (const auto* people = value.find("people")) {
    SEALIFT_ASSIGN(out.people, parse_people(*people));
  }
  return out;
}

}  // namespace sealift::node
