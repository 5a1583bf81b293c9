// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/registries_config.h"

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/distribution/endpoint.h"
#include "payload/json/value.h"

namespace sealift::node {
namespace {

Result<RegistryPlace> parse_place(const json::Value& value, std::string_view where) {
  RegistryPlace out;
  const auto text = value.text_or("url", "");
  auto url = http::parse_url(text);
  if (!url) return fail(ErrorCode::invalid_config, "{}: \"{}\" is no URL", where, base::printable(text));
  if (url->target.contains('?')) return fail(ErrorCode::invalid_config, "{}: a registry's URL has no query", where);
  out.url = std::move(*url);
  out.authority = value.text_or("ca", "");
  out.user = value.text_or("user", "");
  out.password = Secret(value.text_or("password", ""));
  if (out.user.empty() != out.password.empty())
    return fail(ErrorCode::invalid_config, "{}: a login is a user and a password", where);
  // A login without TLS is everybody's who listens.
  if (!out.user.empty() && out.url.origin.scheme != "https" && !distribution::is_loopback(out.url.origin.host))
    return fail(ErrorCode::invalid_config, "{}: a login goes over https only", where);
  return out;
}

Result<Upstream> parse_upstream(const json::Value& value) {
  Upstream out;
  out.match = value.text_or("match", "");
  if (out.match.empty()) return fail(ErrorCode::invalid_config, "an upstream without \"match\"");
  const auto* places = value.find("places");
  if (places == nullptr || !places->is_array() || places->elements()->empty())
    return fail(ErrorCode::invalid_config, "the upstream {} without \"places\"", base::printable(out.match));
  for (const auto& element : *places->elements()) {
    SEALIFT_ASSIGN(auto place, parse_place(element, base::format("the upstream {}", base::printable(out.match))));
    out.places.push_back(std::move(place));
  }
  return out;
}

}  // namespace

Result<RegistriesConfig> parse_registries_config(std::string_view text) {
  SEALIFT_ASSIGN(const auto value, json::parse(text));
  RegistriesConfig out;
  if (const auto* external = value.find("external")) {
    SEALIFT_ASSIGN(out.external, parse_place(*external, "the external registry"));
  }
  if (const auto* upstreams = value.find("upstreams"); upstreams != nullptr && upstreams->is_array()) {
    for (const auto& element : *upstreams->elements()) {
      SEALIFT_ASSIGN(auto upstream, parse_upstream(element));
      out.upstreams.push_back(std::move(upstream));
    }
  }
  if (out.external.has_value() != out.upstreams.empty())
    return fail(ErrorCode::invalid_config, "either \"external\" or \"upstreams\" names registries");
  if (const auto* cache = value.find("cache")) {
    out.cache_folder = cache->text_or("folder", "");
    SEALIFT_ASSIGN(out.cache_bytes, cache->natural("bytes"));
  }
  return out;
}

}  // namespace sealift::node
