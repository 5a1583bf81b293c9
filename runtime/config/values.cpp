// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <initializer_list>

#include "payload/base/format.h"
#include "payload/base/mode.h"
#include "payload/base/safe_path.h"
#include "payload/base/text.h"
#include "payload/format/destination.h"
#include "runtime/config/field_reader.h"

namespace sealift::config {
namespace {

bool lower_alphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool alphanumeric(char c) { return lower_alphanumeric(c) || (c >= 'A' && c <= 'Z'); }

struct Cidr {
  int family = 0;
  std::array<uint8_t, 16> bytes{};
  unsigned prefix = 0;
};

std::optional<Cidr> parse_address(std::string_view text) {
  Cidr out;
  const std::string address(text);
  out.family = address.contains(':') ? AF_INET6 : AF_INET;
  out.prefix = out.family == AF_INET ? 32 : 128;
  if (address.contains('\0') || ::inet_pton(out.family, address.c_str(), out.bytes.data()) != 1) return std::nullopt;
  return out;
}

std::optional<Cidr> parse_cidr(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  auto out = parse_address(text.substr(0, slash));
  const auto prefix = base::parse_u64(text.substr(slash + 1));
  if (!out || !prefix || *prefix > out->prefix) return std::nullopt;
  out->prefix = static_cast<unsigned>(*prefix);
  return out;
}

bool bit(const Cidr& cidr, unsigned index) { return ((cidr.bytes[index / 8] >> (7U - index % 8U)) & 1U) != 0; }

std::optional<std::string> bad_cidr(std::string_view text) {
  const auto cidr = parse_cidr(text);
  if (!cidr) return base::format("\"{}\" is not a network like 10.244.0.0/16", base::printable(text));
  for (unsigned i = cidr->prefix; i < (cidr->family == AF_INET ? 32U : 128U); ++i) {
    if (bit(*cidr, i))
      return base::format("\"{}\" has bits set behind its prefix; write the network's own address",
                          base::printable(text));
  }
  return std::nullopt;
}

// [A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?, at most 63
bool is_label_part(std::string_view text) {
  return !text.empty() && text.size() <= 63 && alphanumeric(text.front()) && alphanumeric(text.back()) &&
         std::ranges::all_of(text, [](char c) { return alphanumeric(c) || c == '-' || c == '_' || c == '.'; });
}

std::optional<std::string> bad_label_key(std::string_view key) {
  std::string_view name = key;
  if (const size_t slash = key.find('/'); slash != std::string_view::npos) {
    if (!is_dns_subdomain(key.substr(0, slash)))
      return base::format("the prefix of \"{}\" must be a DNS name", base::printable(key));
    name = key.substr(slash + 1);
  }
  if (!is_label_part(name))
    return base::format("\"{}\" is not a label key: letters, digits, - _ . only, at most 63", base::printable(key));
  return std::nullopt;
}

}  // namespace

bool is_dns_label(std::string_view text) {
  return !text.empty() && text.size() <= 63 && lower_alphanumeric(text.front()) && lower_alphanumeric(text.back()) &&
         std::ranges::all_of(text, [](char c) { return lower_alphanumeric(c) || c == '-'; });
}

bool is_dns_subdomain(std::string_view text) {
  return text.size() <= 253 && std::ranges::all_of(base::split(text, '.'), is_dns_label);
}

bool is_ip(std::string_view text) { return parse_address(text).has_value(); }

bool is_host(std::string_view text) {
  if (is_ip(text)) return true;
  const size_t dot = text.rfind('.');
  const std::string_view last = dot == std::string_view::npos ? text : text.substr(dot + 1);
  // What browsers and URL parsers read as an IPv4 address (URL standard, "ends in a number"), valid or not.
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const bool hexadecimal = last.starts_with("0x") && last.find_first_not_of("0123456789abcdef", 2) == last.npos;
  return is_dns_subdomain(text) && !hexadecimal && !std::ranges::all_of(last, is_digit);
}

std::optional<std::string> bad_node_name(std::string_view name) {
  if (!is_dns_subdomain(name)) return "letters, digits, - and . only";
  if (name.size() > 63) return base::format("{} characters are too many, 63 are the limit", name.size());
  if (name == "localhost" || name.starts_with("localhost.") || name.ends_with(".localhost"))
    return "every machine calls itself so";
  // "127", "10.7.0.11", "0x7f.1": inet_aton(3) reads these as addresses, and so may browsers and TLS clients.
  in_addr address{};
  if (!is_host(name) || ::inet_aton(std::string(name).c_str(), &address) != 0) return "it reads like an address";
  return std::nullopt;
}

std::string canonical_host(std::string_view text) {
  const auto address = parse_address(text);
  if (!address) return std::string(text);
  std::array<char, INET6_ADDRSTRLEN> out{};
  ::inet_ntop(address->family, address->bytes.data(), out.data(), out.size());
  return out.data();
}

std::optional<std::string> bad_pod_network(std::string_view text) {
  if (auto bad = bad_cidr(text)) return bad;
  const auto cidr = parse_cidr(text);
  const unsigned each = cidr->family == AF_INET ? 24 : 64;
  if (cidr->prefix > each)
    return base::format("\"{}\" is too small: every host gets a /{} of it for its pods", base::printable(text), each);
  if (cidr->prefix + 16 < each)
    return base::format("\"{}\" is too large: Kubernetes takes a prefix from /{} to /{}", base::printable(text),
                        each - 16, each);
  return std::nullopt;
}

std::optional<std::string> bad_service_network(std::string_view text) {
  if (auto bad = bad_cidr(text)) return bad;
  const auto cidr = parse_cidr(text);
  // The API server allocates at most 20 bits.
  const unsigned first = cidr->family == AF_INET ? 12 : 108, last = cidr->family == AF_INET ? 28 : 124;
  if (cidr->prefix < first || cidr->prefix > last)
    return base::format("\"{}\" must have a prefix from /{} to /{}", base::printable(text), first, last);
  return std::nullopt;
}

bool cidr_holds(std::string_view text, std::string_view address) {
  const auto cidr = parse_cidr(text), one = parse_address(address);
  if (!cidr || !one || cidr->family != one->family) return false;
  for (unsigned i = 0; i < cidr->prefix; ++i) {
    if (bit(*cidr, i) != bit(*one, i)) return false;
  }
  return true;
}

bool same_family(std::string_view a, std::string_view b) { return a.contains(':') == b.contains(':'); }

uint64_t hosts_in_pod_network(std::string_view pods) {
  const auto cidr = parse_cidr(pods);
  const unsigned each = !cidr || cidr->family == AF_INET ? 24 : 64;
  return !cidr || cidr->prefix > each || each - cidr->prefix > 32 ? 0 : uint64_t{1} << (each - cidr->prefix);
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
  if (!value.empty() && !is_label_part(value))
    return base::format("\"{}\" is not a label's value: letters, digits, - _ . only, at most 63",
                        base::printable(value));
  return std::nullopt;
}

std::optional<std::string> bad_taint(std::string_view text) {
  const size_t colon = text.rfind(':');
  const std::string_view effect = colon == std::string_view::npos ? "" : text.substr(colon + 1);
  if (effect != "NoSchedule" && effect != "PreferNoSchedule" && effect != "NoExecute") {
    return base::format("\"{}\" is not a taint: write key=value:Effect with NoSchedule, PreferNoSchedule or NoExecute",
                        base::printable(text));
  }
  const std::string_view rest = text.substr(0, colon);
  const size_t equals = rest.find('=');
  return bad_label(rest.substr(0, equals), equals == std::string_view::npos ? "" : rest.substr(equals + 1));
}

std::optional<std::string> bad_mode(std::string_view text, uint32_t& mode) {
  const auto parsed = base::parse_mode(text);
  mode = parsed.value_or(0);
  if (!parsed) return "the mode must be octal digits in quotes, like \"0644\"";
  return std::nullopt;
}

std::optional<std::string> bad_data_root(std::string_view path) {
  if (auto safe = base::safe_absolute_path(path); !safe) return safe.error().what;
  if (format::lies_in(path, {"/proc", "/sys", "/dev", "/run", "/tmp", "/var/run", "/var/tmp"}))
    return base::format("{} is not kept when the host starts again; choose a folder on a disk", base::printable(path));
  return std::nullopt;
}

std::optional<std::vector<std::string>> expand_addresses(std::string_view text) {
  const size_t open = text.find('[');
  if (open == std::string_view::npos) return std::vector<std::string>{std::string(text)};
  const size_t close = text.find(']', open);
  if (close == std::string_view::npos || text.find('[', close) != std::string_view::npos) return std::nullopt;
  const auto bounds = base::split(text.substr(open + 1, close - open - 1), '-');
  if (bounds.size() != 2) return std::nullopt;
  const bool hexadecimal = text.contains(':');
  const auto number = [&](std::string_view digits) -> std::optional<uint64_t> {
    uint64_t value = 0;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, hexadecimal ? 16 : 10);
    return error == std::errc{} && end == digits.data() + digits.size() ? std::optional(value) : std::nullopt;
  };
  const auto first = number(bounds[0]), last = number(bounds[1]);
  if (!first || !last || *first > *last || *last - *first >= 1000) return std::nullopt;
  // "[08-10]": as many digits as the first number
  const size_t width = bounds[0].starts_with('0') ? bounds[0].size() : 1;
  std::vector<std::string> out;
  for (uint64_t i = *first; i <= *last; ++i) {
    std::string digits = hexadecimal ? base::format("{:x}", i) : base::format("{}", i);
    if (digits.size() < width) digits.insert(0, width - digits.size(), '0');
    out.push_back(base::format("{}{}{}", text.substr(0, open), digits, text.substr(close + 1)));
  }
  return out;
}

}  // namespace sealift::config
