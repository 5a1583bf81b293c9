// SPDX-License-Identifier: Apache-2.0
//
// spec.api and spec.etcd: how the API servers are reached, and where they keep what they know.
#include <algorithm>

#include "payload/base/address.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/config/field_reader.h"

namespace sealift::config {
namespace {

constexpr size_t kMostEndpoints = 16;

void read_balancer(const yaml::Node& node, Reading& reading) {
  const Mapping fields(node, reading.problems, kBalancer);
  if (node.kind != yaml::Kind::mapping) return;
  auto& balancer = reading.config.api.balancer.emplace();
  balancer.port = reading.config.api.port;
  if (fields.require("address")) fields.text("address", balancer.address);
  fields.port("port", balancer.port);
  fields.boolean("workers", balancer.for_workers);
  if (balancer.address.empty()) return;
  if (!is_host(balancer.address)) {
    fields.bad("address", base::format("\"{}\" is neither an IP address nor a host name in lower case; the port has a "
                                       "field of its own",
                                       base::printable(balancer.address)));
  } else if (balancer.for_workers && !is_ip(balancer.address)) {
    fields.bad("address",
               "workers reach the API servers through it alone (\"workers\"), also before any name can be resolved: "
               "write its IP address");
  }
}

// etcd's clients speak to it with TLS only: whoever may write to it is the cluster's master.
std::optional<std::string> bad_endpoint(std::string_view text) {
  constexpr std::string_view kScheme = "https://";
  constexpr std::string_view kForm = "write https://ADDRESS:PORT";
  if (text.starts_with("http://"))
    return base::format("\"{}\" is not encrypted, and who can write there owns the cluster; {}", base::printable(text),
                        kForm);
  if (!text.starts_with(kScheme)) return base::format("\"{}\" is no endpoint; {}", base::printable(text), kForm);
  const auto rest = text.substr(kScheme.size());
  const size_t colon = rest.rfind(':');
  const auto port = colon == std::string_view::npos ? std::nullopt : base::parse_u64(rest.substr(colon + 1));
  if (!port || *port == 0 || *port > 65535) return base::format("\"{}\" has no port; {}", base::printable(text), kForm);
  auto host = rest.substr(0, colon);
  const bool in_brackets = host.starts_with('[') && host.ends_with(']');
  if (in_brackets) host = host.substr(1, host.size() - 2);
  if (!is_host(host) || in_brackets != host.contains(':'))
    return base::format("\"{}\" has no address or name in lower case; {}", base::printable(text), kForm);
  return std::nullopt;
}

void read_endpoints(const Mapping& fields, ExternalEtcd& etcd, Problems& problems) {
  if (!fields.require("endpoints")) return;
  for (const auto* endpoint : fields.texts("endpoints")) {
    if (const auto bad = bad_endpoint(endpoint->text)) problems.add(*endpoint, *bad);
    if (std::ranges::contains(etcd.endpoints, endpoint->text))
      problems.add(*endpoint, base::format("\"{}\" stands in \"endpoints\" twice", base::printable(endpoint->text)));
    etcd.endpoints.push_back(endpoint->text);
  }
  if (etcd.endpoints.size() > kMostEndpoints)
    fields.bad("endpoints", base::format("more than {} endpoints", kMostEndpoints));
  const auto* list = fields.find("endpoints");
  if (list->kind == yaml::Kind::sequence && list->items.empty())
    fields.bad("endpoints", "the list is empty; write those of all members");
}

void read_external(const yaml::Node& node, Reading& reading) {
  const Mapping fields(node, reading.problems, kExternalEtcd);
  if (node.kind != yaml::Kind::mapping) return;
  auto& etcd = reading.config.external_etcd.emplace();
  read_endpoints(fields, etcd, reading.problems);
  for (const auto* key : {"caFile", "certFile", "keyFile"}) fields.require(key);
  etcd.authority = read_pem(fields, "caFile", reading);
  etcd.certificate = read_pem(fields, "certFile", reading);
  etcd.key = Secret(read_pem(fields, "keyFile", reading, &etcd.key_file));
  check_certificates(fields, "caFile", etcd.authority);
  check_pair(fields, etcd.certificate, etcd.key);
}

}  // namespace

void read_api(const yaml::Node& node, Reading& reading) {
  const Mapping fields(node, reading.problems, kApi);
  auto& api = reading.config.api;
  fields.port("port", api.port);
  fields.port("localPort", api.local_port);
  for (const auto* san : fields.texts("certSANs")) {
    const std::string_view text = san->text;
    if (!is_ip(text) && !is_dns_subdomain(text.starts_with("*.") ? text.substr(2) : text)) {
      reading.problems.add(
          *san, base::format("\"{}\" is neither an IP address nor a DNS name in lower case", base::printable(text)));
    }
    api.cert_sans.push_back(san->text);
  }
  if (const auto* balancer = fields.find("balancer")) read_balancer(*balancer, reading);
}

void read_etcd(const yaml::Node& node, Reading& reading) {
  const Mapping fields(node, reading.problems, kEtcd);
  if (fields.require("external")) read_external(*fields.find("external"), reading);
}

}  // namespace sealift::config
