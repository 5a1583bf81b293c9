// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>

#include <array>
#include <cstdlib>

#include "payload/base/format.h"
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

// An address of either family in network byte order; 4 or 16 bytes, none if `text` is a name.
Bytes address_of(std::string text) {
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
  std::array<std::byte, 16> bytes{};
  for (const auto& [family, size] : {std::pair{AF_INET, 4}, {AF_INET6, 16}}) {
    if (::inet_pton(family, text.c_str(), bytes.data()) == 1) return {bytes.begin(), bytes.begin() + size};
  }
  return {};
}

// "192.0.2.0/24", "fd00::/8": the networks that a host given by its address lies in. Names are not looked up.
bool is_in_network(const Bytes& address, std::string_view network) {
  const size_t slash = network.find('/');
  if (slash == std::string_view::npos || address.empty()) return false;
  const Bytes base = address_of(std::string(network.substr(0, slash)));
  const auto bits = base::parse_u64(network.substr(slash + 1));
  if (base.size() != address.size() || !bits || *bits > 8 * base.size()) return false;
  for (size_t bit = 0; bit < *bits; ++bit) {
    const auto differing = base[bit / 8] ^ address[bit / 8];
    if ((differing & (std::byte{0x80} >> (bit % 8))) != std::byte{0}) return false;
  }
  return true;
}

// no_proxy as most clients read it: "*", "host:port", names that include their subdomains, addresses, networks.
bool is_excluded(const Origin& origin) {
  if (origin.host == "localhost" || origin.host.starts_with("127.") || origin.host == "::1") return true;
  const std::string host = base::to_lower(origin.host);
  const Bytes address = address_of(host);
  for (auto entry : base::split(variable("no_proxy", "NO_PROXY"), ',')) {
    std::string name = base::to_lower(base::trim(entry));
    if (name == "*" || is_in_network(address, name)) return true;
    if (name.starts_with("*.")) name.erase(0, 1);
    if (const std::string port = base::format(":{}", origin.port); name.ends_with(port))
      name.resize(name.size() - port.size());
    if (name.starts_with('.')) name.erase(0, 1);
    if (!address.empty() && address == address_of(name)) return true;  // however it is written
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
