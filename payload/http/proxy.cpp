// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>

#include "payload/base/text.h"
#include "payload/http/client.h"

namespace sealift::http {
namespace {

std::string_view variable(const char* lower, const char* upper) {
  for (const char* name : {lower, upper}) {
    if (const char* value = std::getenv(name); value != nullptr && *value != '\0') return value;
  }
  return {};
}

// no_proxy as most clients read it: "*", "host:port", names that include their subdomains.
bool is_excluded(const Origin& origin) {
  if (origin.host == "localhost" || origin.host.starts_with("127.") || origin.host == "::1") return true;
  const std::string host = base::to_lower(origin.host);
  for (auto entry : base::split(variable("no_proxy", "NO_PROXY"), ',')) {
    std::string name = base::to_lower(base::trim(entry));
    if (name == "*") return true;
    if (name.starts_with("*.")) name.erase(0, 1);
    if (const std::string port = std::format(":{}", origin.port); name.ends_with(port))
      name.resize(name.size() - port.size());
    if (name.starts_with('.')) name.erase(0, 1);
    if (!name.empty() && (host == name || host.ends_with("." + name))) return true;
  }
  return false;
}

// Decodes the parts of "user:password@".
std::string percent_decoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto bytes = text[i] == '%' && i + 2 < text.size() ? base::from_hex(text.substr(i + 1, 2)) : std::nullopt;
    if (bytes) i += 2;
    out += bytes ? static_cast<char>((*bytes)[0]) : text[i];
  }
  return out;
}

}  // namespace

Result<std::optional<Proxy>> proxy_from_environment(const Origin& origin) {
  std::string_view value =
      origin.scheme == "https" ? variable("https_proxy", "HTTPS_PROXY") : variable("http_proxy", "HTTP_PROXY");
  if (value.empty() || is_excluded(origin)) return std::optional<Proxy>{};
  Proxy out;
  std::string scheme = "http";
  if (const size_t separator = value.find("://"); separator != std::string_view::npos) {
    scheme = base::to_lower(value.substr(0, separator));
    value.remove_prefix(separator + 3);
  }
  if (const size_t at = value.rfind('@'); at != std::string_view::npos) {
    const std::string_view login = value.substr(0, at);
    const size_t colon = login.find(':');
    out.user = percent_decoded(login.substr(0, colon));
    if (colon != std::string_view::npos) out.password = Secret(percent_decoded(login.substr(colon + 1)));
    value.remove_prefix(at + 1);
  }
  // Messages omit the login.
  if (scheme != "http")
    return fail(ErrorCode::unsupported, "the proxy for {} is {}://{}: only proxies with http:// are supported",
                origin.text(), base::printable(scheme), base::printable(value));
  auto url = parse_url("http://" + std::string(value));
  if (!url)
    return fail(ErrorCode::invalid_input, "the proxy for {} can't be read: {}", origin.text(), url.error().what);
  out.origin = std::move(url->origin);
  return std::optional(std::move(out));
}

}  // namespace sealift::http
