// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include "payload/base/text.h"
#include "runtime/config/reader.h"

namespace sealift::config {
namespace {

bool lower_alphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool alphanumeric(char c) { return lower_alphanumeric(c) || (c >= 'A' && c <= 'Z'); }

struct Cidr {
  int family = 0;
  std::array<uint8_t, 16> bytes{};
  unsigned prefix = 0;
};

std::optional<Cidr> parse_cidr(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  Cidr out;
  const std::string address(text.substr(0, slash));
  out.family = address.contains(':') ? AF_INET6 : AF_INET;
  if (::inet_pton(out.family, address.c_str(), out.bytes.data()) != 1) return std::nullopt;
  const auto prefix = base::parse_u64(text.substr(slash + 1));
  if (!prefix || *prefix > (out.family == AF_INET ? 32U : 128U)) return std::nullopt;
  out.prefix = static_cast<unsigned>(*prefix);
  return out;
}

bool bit(const Cidr& cidr, unsigned index) { return ((cidr.bytes[index / 8] >> (7U - index % 8U)) & 1U) != 0; }

// [A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?, at most 63
bool is_label_part(std::string_view text) {
  return !text.empty() && text.size() <= 63 && alphanumeric(text.front()) && alphanumeric(text.back()) &&
         std::ranges::all_of(text, [](char c) { return alphanumeric(c) || c == '-' || c == '_' || c == '.'; });
}

std::optional<std::string> bad_label_key(std::string_view key) {
  std::string_view name = key;
  if (const size_t slash = key.find('/'); slash != std::string_view::npos) {
    if (!is_dns_subdomain(key.substr(0, slash))) return std::format("the prefix of \"{}\" must be a DNS name", base::printable(key));
    name = key.substr(slash + 1);
  }
  if (!is_label_part(name)) return std::format("\"{}\" is not a label key: letters, digits, - _ . only, at most 63", base::printable(key));
  return std::nullopt;
}

}  // namespace

bool is_dns_label(std::string_view text) {
  return !text.empty() && text.size() <= 63 && lower_alphanumeric(text.front()) && lower_alphanumeric(text.back()) &&
         std::ranges::all_of(text, [](char c) { return lower_alphanumeric(c) || c == '-'; });
}

bool is_dns_subdomain(std::string_view text) { return text.size() <= 253 && std::ranges::all_of(base::split(text, '.'), is_dns_label); }

bool is_ip(std::string_view text) {
  std::array<uint8_t, 16> bytes{};
  const std::string address(text);
  return ::inet_pton(AF_INET, address.c_str(), bytes.data()) == 1 || ::inet_pton(AF_INET6, address.c_str(), bytes.data()) == 1;
}

std::optional<std::string> bad_cidr(std::string_view text) {
  const auto cidr = parse_cidr(text);
  if (!cidr) return std::format("\"{}\" is not a network like 10.244.0.0/16", base::printable(text));
  for (unsigned i = cidr->prefix; i < (cidr->family == AF_INET ? 32U : 128U); ++i) {
    if (bit(*cidr, i)) return std::format("\"{}\" has bits set behind its prefix; write the network's own address", base::printable(text));
  }
  if (cidr->prefix > (cidr->family == AF_INET ? 28U : 120U)) return std::format("\"{}\" is too small for a cluster", base::printable(text));
  return std::nullopt;
}

bool cidrs_overlap(std::string_view a, std::string_view b) {
  const auto one = parse_cidr(a), two = parse_cidr(b);
  if (!one || !two || one->family != two->family) return false;
  for (unsigned i = 0; i < std::min(one->prefix, two->prefix); ++i) {
    if (bit(*one, i) != bit(*two, i)) return false;
  }
  return true;
}

std::optional<std::string> bad_label(std::string_view key, std::string_view value) {
  if (auto bad = bad_label_key(key)) return bad;
  if (!value.empty() && !is_label_part(value)) return std::format("\"{}\" is not a label's value: letters, digits, - _ . only, at most 63", base::printable(value));
  return std::nullopt;
}

std::optional<std::string> bad_taint(std::string_view text) {
  const size_t colon = text.rfind(':');
  const std::string_view effect = colon == std::string_view::npos ? "" : text.substr(colon + 1);
  if (effect != "NoSchedule" && effect != "PreferNoSchedule" && effect != "NoExecute") {
    return std::format("\"{}\" is not a taint: write key=value:Effect with NoSchedule, PreferNoSchedule or NoExecute", base::printable(text));
  }
  const std::string_view rest = text.substr(0, colon);
  const size_t equals = rest.find('=');
  return bad_label(rest.substr(0, equals), equals == std::string_view::npos ? "" : rest.substr(equals + 1));
}

std::optional<std::vector<std::string>> expand_addresses(std::string_view text) {
  const size_t open = text.find('[');
  // an IPv6 address in brackets is no range
  if (open == std::string_view::npos || !text.substr(open).contains('-')) return std::vector<std::string>{std::string(text)};
  const size_t close = text.find(']', open);
  if (close == std::string_view::npos) return std::nullopt;
  const auto bounds = base::split(text.substr(open + 1, close - open - 1), '-');
  if (bounds.size() != 2) return std::nullopt;
  const auto first = base::parse_u64(bounds[0]), last = base::parse_u64(bounds[1]);
  if (!first || !last || *first > *last || *last - *first >= 1000) return std::nullopt;
  std::vector<std::string> out;
  for (uint64_t i = *first; i <= *last; ++i) out.push_back(std::format("{}{}{}", text.substr(0, open), i, text.substr(close + 1)));
  return out;
}

}  // namespace sealift::config
