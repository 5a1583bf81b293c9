// SPDX-License-Identifier: Apache-2.0
//
// spec.registry: where the images lie, and who gets them from where.
#include <algorithm>

#include "payload/base/format.h"
#include "payload/base/pattern.h"
#include "payload/base/text.h"
#include "payload/image/reference.h"
#include "payload/trust/x509.h"
#include "runtime/config/field_reader.h"

namespace sealift::config {
namespace {

constexpr size_t kMostUpstreams = 64, kMostMirrors = 8, kMostReaders = 64;
constexpr uint64_t kLeastCache = uint64_t{1} << 30;

void read_hosts_of_registry(const Mapping& fields, Reading& reading) {
  const auto* node = fields.find("hosts");
  if (node == nullptr) return;
  auto& registry = reading.config.registry;
  if (node->kind == yaml::Kind::sequence) {
    registry.on = RegistryConfig::Hosts::named;
    for (const auto* name : fields.texts("hosts")) {
      if (std::ranges::contains(registry.hosts, name->text))
        reading.problems.add(*name, base::format("\"{}\" stands in \"hosts\" twice", base::printable(name->text, 100)));
      registry.hosts.push_back(name->text);
      reading.named_hosts.push_back(name);
    }
    if (node->items.empty()) fields.bad("hosts", "\"hosts\" names no host; some host must keep the images");
    return;
  }
  std::string text;
  fields.text("hosts", text);
  if (text == "all") {
    registry.on = RegistryConfig::Hosts::all;
  } else if (text != "control-planes") {
    fields.bad("hosts", base::format("\"{}\" is not known; control-planes, all, or a list of hosts",
                                     base::printable(text, 100)));
  }
}

// User and password of one place: both or none.
std::optional<RegistryLogin> read_login(const Mapping& fields, Reading& reading) {
  RegistryLogin out;
  fields.text("user", out.user);
  const auto source = read_secret(fields, "password", reading);
  if (source) out.source = *source;
  const bool has_user = fields.find("user") != nullptr, has_password = fields.find("password") != nullptr;
  if (has_user != has_password)
    fields.bad(has_user ? "user" : "password",
               has_user ? "a \"user\" needs a \"password\", too" : "a \"password\" needs a \"user\", too");
  // RFC 7617: a user with a colon can't be told from its password.
  if (has_user && (out.user.empty() || out.user.contains(':') || base::printable(out.user, 1000) != out.user))
    fields.bad("user", "the user's name is empty, or holds a colon or a character that can't be sent");
  if (!has_user || !source) return std::nullopt;
  return out;
}

// Images and passwords go there: never without TLS.
std::optional<std::string> bad_registry_url(std::string_view text) {
  constexpr std::string_view kForm = "write https://HOST[:PORT][/PROJECT]";
  constexpr std::string_view kScheme = "https://";
  if (text.starts_with("http://"))
    return base::format("\"{}\" is not encrypted, and passwords go there; {}", base::printable(text, 200), kForm);
  if (!text.starts_with(kScheme)) return base::format("\"{}\" is no URL; {}", base::printable(text, 200), kForm);
  if (text.contains('@'))
    return base::format("a URL must hold no login: it has fields of its own, \"user\" and \"password\"; {}", kForm);
  const auto rest = text.substr(kScheme.size());
  const auto slash = rest.find('/');
  auto host = rest.substr(0, slash);
  const auto path = slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
  // A port, but not the last part of an IPv6 address.
  const size_t colon = host.rfind(':');
  if (colon != std::string_view::npos && host.find(']', colon) == std::string_view::npos) {
    const auto port = base::parse_u64(host.substr(colon + 1));
    if (!port || *port == 0 || *port > 65535)
      return base::format("\"{}\" has a port that is none; {}", base::printable(text, 200), kForm);
    host = host.substr(0, colon);
  }
  const bool in_brackets = host.starts_with('[') && host.ends_with(']');
  if (in_brackets) host = host.substr(1, host.size() - 2);
  if (!is_host(host) || in_brackets != host.contains(':'))
    return base::format("\"{}\" has no address or name in lower case; {}", base::printable(text, 200), kForm);
  if (slash != std::string_view::npos && !image::is_repository(path))
    return base::format(
        "\"{}\": \"{}\" can't be the path of a project (lower-case letters, digits, . _ - and /, none "
        "at its end); {}",
        base::printable(text, 200), base::printable(path, 200), kForm);
  return std::nullopt;
}

void read_place(const Mapping& fields, RemoteRegistry& place, Reading& reading) {
  place.place = {fields.node().line, fields.node().column};
  fields.text("url", place.url);
  if (!place.url.empty()) {
    if (const auto bad = bad_registry_url(place.url)) fields.bad("url", *bad);
  }
  place.authority = read_pem(fields, "caFile", reading);
  check_certificates(fields, "caFile", place.authority);
  place.login = read_login(fields, reading);
}

void read_external_registry(const yaml::Node& node, const Mapping& registry, Reading& reading) {
  const Mapping fields(node, reading.problems, kExternalRegistry);
  if (node.kind != yaml::Kind::mapping) return;
  auto& external = reading.config.registry.external.emplace();
  fields.require("url");
  read_place(fields, external, reading);
  constexpr std::string_view kInstead = "with \"external\" the images lie in that registry and nowhere else: ";
  if (registry.find("hosts") != nullptr)
    registry.bad("hosts", base::format("{}there are no registry hosts to choose", kInstead));
  if (registry.find("domain") != nullptr)
    registry.bad("domain", base::format("{}people get them there, too", kInstead));
  if (registry.find("upstreams") != nullptr)
    registry.bad("upstreams",
                 base::format("{}let it fetch from upstreams itself (Harbor: a proxy cache project)", kInstead));
}

// A registry as in image names, and a pattern: "harbor-a.example/team/*".
std::optional<std::string> bad_match(std::string_view text) {
  constexpr std::string_view kForm = "write REGISTRY/PATTERN, such as harbor.example/* or harbor.example:8443/team/*";
  const auto slash = text.find('/');
  const auto registry = text.substr(0, slash), pattern = slash == std::string_view::npos ? "" : text.substr(slash + 1);
  if (registry.contains('*'))
    return base::format("\"{}\" would match several registries, and one of them would get the login of another; {}",
                        base::printable(text, 200), kForm);
  const bool is_registry = registry == "localhost" || registry.contains('.') || registry.contains(':');
  if (!is_registry || pattern.empty() || !image::parse_reference(base::format("{}/x", registry)))
    return base::format("\"{}\" is no pattern of images; {}", base::printable(text, 200), kForm);
  return std::nullopt;
}

// The registry's own address, where none is written.
std::string url_of(std::string_view match) {
  const auto registry = match.substr(0, match.find('/'));
  return base::format("https://{}", registry == "docker.io" ? "registry-1.docker.io" : registry);
}

void read_upstream(const yaml::Node& node, Reading& reading) {
  const Mapping fields(node, reading.problems, kUpstream);
  if (node.kind != yaml::Kind::mapping) return;
  UpstreamRegistry out;
  if (fields.require("match")) fields.text("match", out.match);
  if (!out.match.empty()) {
    if (const auto bad = bad_match(out.match)) fields.bad("match", *bad);
    const auto covers = [&](const UpstreamRegistry& other) { return base::is_like(out.match, other.match); };
    const auto& others = reading.config.registry.upstreams;
    if (const auto other = std::ranges::find_if(others, covers); other != others.end())
      fields.bad("match", base::format("never reached: \"{}\" before it takes everything that this one matches; write "
                                       "the narrower one first",
                                       base::printable(other->match, 200)));
  }
  RemoteRegistry own;
  read_place(fields, own, reading);
  if (own.url.empty() && !out.match.empty()) own.url = url_of(out.match);
  out.places.push_back(std::move(own));
  if (const auto* mirrors = fields.find("mirrors"); mirrors != nullptr && mirrors->kind != yaml::Kind::sequence) {
    fields.bad("mirrors", "\"mirrors\" must be a list of places, each with a \"url\"");
  } else if (mirrors != nullptr) {
    if (mirrors->items.size() > kMostMirrors) fields.bad("mirrors", base::format("more than {} mirrors", kMostMirrors));
    for (const auto& item : mirrors->items) {
      const Mapping mirror(item, reading.problems, kUpstreamMirror);
      if (item.kind != yaml::Kind::mapping) continue;
      mirror.require("url");
      RemoteRegistry place;
      read_place(mirror, place, reading);
      if (!place.url.empty() && std::ranges::contains(out.places, place.url, &RemoteRegistry::url))
        mirror.bad("url", base::format("{} is one of its places already", base::printable(place.url, 200)));
      out.places.push_back(std::move(place));
    }
  }
  reading.config.registry.upstreams.push_back(std::move(out));
}

void read_readers(const Mapping& fields, RegistryDomain& domain, Reading& reading) {
  if (!fields.require("credentials")) return;
  const auto* list = fields.find("credentials");
  if (list->kind != yaml::Kind::sequence || list->items.empty())
    return fields.bad("credentials", "\"credentials\" must be a list with at least one {user: …, password: {file: …}}");
  if (list->items.size() > kMostReaders) fields.bad("credentials", base::format("more than {} users", kMostReaders));
  for (const auto& item : list->items) {
    const Mapping one(item, reading.problems, kCredential);
    if (item.kind != yaml::Kind::mapping) continue;
    if (!one.require("user") || !one.require("password")) continue;
    auto login = read_login(one, reading);
    if (!login) continue;
    if (std::ranges::contains(domain.readers, login->user, &RegistryLogin::user))
      one.bad("user", base::format("a second user \"{}\"", login->user));
    domain.readers.push_back(std::move(*login));
  }
}

// "*.plant7.lan" is for each name with one more word before the dot. Source: RFC 6125 6.4.3.
bool is_for(const std::string& pattern, const std::string& name) {
  const auto lower = base::to_lower(pattern);
  return lower == name ||
         (lower.starts_with("*.") && name.substr(std::min(name.find('.'), name.size())) == lower.substr(1));
}

void check_name(const Mapping& fields, const RegistryDomain& domain) {
  const auto described = trust::describe(domain.certificate);
  if (domain.certificate.empty() || domain.name.empty() || !described) return;
  const auto& names = described->names.dns;
  if (std::ranges::any_of(names, [&](const std::string& name) { return is_for(name, domain.name); })) return;
  fields.bad("certFile",
             base::format("this certificate is for {}, and tools ask for {}: get one whose subject alternative names "
                          "have it",
                          names.empty() ? "no name" : base::printable(base::join(names, ", "), 500), domain.name));
}

void read_domain(const yaml::Node& node, Reading& reading) {
  const Mapping fields(node, reading.problems, kDomain);
  if (node.kind != yaml::Kind::mapping) return;
  auto& domain = reading.config.registry.domain.emplace();
  domain.place = {node.line, node.column};
  if (fields.require("name")) fields.text("name", domain.name);
  if (is_ip(domain.name))
    fields.bad("name", base::format("{} is an address: write a name that the site's DNS knows", domain.name));
  else if (!domain.name.empty() && (!is_dns_subdomain(domain.name) || !domain.name.contains('.')))
    fields.bad("name", base::format("\"{}\" is no DNS name in lower case with a dot in it: tools take a name without "
                                    "one for a part of an image's path",
                                    base::printable(domain.name, 300)));
  fields.port("port", domain.port);
  const bool has_certificate = fields.find("certFile") != nullptr, has_key = fields.find("keyFile") != nullptr;
  if (has_certificate != has_key)
    fields.bad(
        has_certificate ? "keyFile" : "certFile",
        "a certificate of the site needs \"certFile\" and \"keyFile\"; without both, the cluster's own authority "
        "makes one");
  domain.certificate = read_pem(fields, "certFile", reading);
  domain.key = Secret(read_pem(fields, "keyFile", reading, &domain.key_file));
  check_pair(fields, domain.certificate, domain.key);
  check_name(fields, domain);
  read_readers(fields, domain, reading);
}

// "20Gi", "500Gi", "2Ti", or bytes.
std::optional<uint64_t> parse_quantity(std::string_view text) {
  for (const auto& [unit, shift] : {std::pair<std::string_view, unsigned>{"Mi", 20}, {"Gi", 30}, {"Ti", 40}, {"", 0}}) {
    if (!text.ends_with(unit)) continue;
    const auto number = base::parse_u64(text.substr(0, text.size() - unit.size()));
    if (!number || *number > (UINT64_MAX >> 8 >> shift)) return std::nullopt;
    return *number << shift;
  }
  return std::nullopt;
}

}  // namespace

void read_registry(const yaml::Node& node, Reading& reading) {
  const Mapping fields(node, reading.problems, kRegistry);
  auto& registry = reading.config.registry;
  fields.port("port", registry.port);
  read_hosts_of_registry(fields, reading);
  if (const auto* domain = fields.find("domain")) read_domain(*domain, reading);
  if (const auto* external = fields.find("external")) read_external_registry(*external, fields, reading);
  if (const auto* upstreams = fields.find("upstreams"); upstreams != nullptr) {
    if (upstreams->kind != yaml::Kind::sequence || upstreams->items.empty())
      fields.bad("upstreams", "\"upstreams\" must be a list with at least one {match: …}");
    if (upstreams->items.size() > kMostUpstreams)
      fields.bad("upstreams", base::format("more than {} upstreams", kMostUpstreams));
    for (const auto& item : upstreams->items) read_upstream(item, reading);
  }
  std::string cache;
  fields.text("cache", cache);
  if (cache.empty()) return;
  const auto bytes = parse_quantity(cache);
  if (!bytes || *bytes < kLeastCache)
    fields.bad("cache", base::format("\"{}\" is no size of at least 1Gi, such as 20Gi", base::printable(cache, 100)));
  if (registry.upstreams.empty())
    fields.bad("cache", "\"cache\" limits what is kept of images from \"upstreams\", and there are none");
  registry.cache_bytes = bytes.value_or(registry.cache_bytes);
}

}  // namespace sealift::config
