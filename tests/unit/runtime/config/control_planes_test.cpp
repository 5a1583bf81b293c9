// SPDX-License-Identifier: Apache-2.0
//
// api.balancer and etcd.external.
#include "payload/base/format.h"
#include "tests/unit/runtime/config/one_field.h"

using namespace sealift;
using namespace sealift::config;

TEST_CASE("api.balancer: its port is the API's unless it has one of its own") {
  CHECK_FALSE(good("").api.balancer);
  const auto plain = good("  api: {port: 6444, balancer: {address: api.plant7.lan}}\n").api.balancer;
  REQUIRE(plain);
  CHECK(plain->address == "api.plant7.lan");
  CHECK(plain->port == 6444);
  CHECK_FALSE(plain->for_workers);
  const auto whole = good("  api: {balancer: {address: 10.7.0.100, port: 443, workers: true}}\n").api.balancer;
  CHECK(whole->port == 443);
  CHECK(whole->for_workers);
}

TEST_CASE("api.balancer: what can't be one") {
  bad("  api: {balancer: {port: 443}}\n", "balancer", "\"address\" is missing");
  bad("  api: {balancer: 10.7.0.100}\n", "balancer", "must be a mapping");
  bad("  api: {balancer: {address: \"api.lan:6443\"}}\n", "address", "the port has a field of its own");
  bad("  api: {balancer: {address: API.lan}}\n", "address", "lower case");
  bad("  api: {balancer: {address: api.lan, port: 70000}}\n", "port", "1 to 65535");
  bad("  api: {balancer: {address: api.lan, workers: maybe}}\n", "workers", "true or false");
  bad("  api: {balancer: {address: api.lan, workers: true}}\n", "address", "write its IP address");
  bad("  api: {balancer: {address: 10.244.3.1}}\n", "address", "lies in the network of pods");
  bad("  api: {balancer: {address: 10.96.0.1}}\n", "address", "lies in the network of services");
  bad("  api: {balancer: {address: \"fd00::1\", workers: true}}\n", "address", "both be IPv4 or both IPv6");
  bad("  api: {balancer: {adress: api.lan, address: api.lan}}\n", "adress", "did you mean \"address\"?");
}

TEST_CASE("etcd.external: endpoints and keys, which are read from their files") {
  const auto etcd =
      good(
          "  etcd:\n    external:\n      endpoints: [\"https://10.7.0.51:2379\", \"https://[fd00::5]:2379\", "
          "\"https://etcd3.lan:12379\"]\n      caFile: ca.crt\n      certFile: client.crt\n"
          "      keyFile: client.key\n")
          .external_etcd;
  REQUIRE(etcd);
  CHECK(etcd->endpoints ==
        std::vector<std::string>{"https://10.7.0.51:2379", "https://[fd00::5]:2379", "https://etcd3.lan:12379"});
  CHECK(etcd->authority.starts_with("-----BEGIN CERTIFICATE"));
  CHECK(etcd->certificate.starts_with("-----BEGIN CERTIFICATE"));
  CHECK(etcd->key.reveal().contains("PRIVATE KEY"));
  CHECK(etcd->key_file == "site/client.key");
}

TEST_CASE("etcd.external: what can't be one, each at its place") {
  const auto etcd = [](std::string_view fields) { return base::format("  etcd: {{external: {{{}}}}}\n", fields); };
  constexpr std::string_view kFiles = "caFile: ca.crt, certFile: client.crt, keyFile: client.key";
  constexpr std::string_view kEndpoint = "endpoints: [\"https://a:2379\"]";
  bad("  etcd: {}\n", "etcd", "\"external\" is missing");
  bad("  etcd: {external: }\n", "external", "has no value");
  bad(etcd(kFiles), "external", "\"endpoints\" is missing");
  bad(etcd(base::format("{}, endpoints: []", kFiles)), "endpoints", "the list is empty");
  for (const auto& [endpoint, why] : {std::pair{"10.7.0.51:2379", "write https://ADDRESS:PORT"},
                                      {"http://10.7.0.51:2379", "is not encrypted"},
                                      {"https://10.7.0.51", "has no port"},
                                      {"https://10.7.0.51:0", "has no port"},
                                      {"https://fd00::5:2379", "has no address or name"},
                                      {"https://[10.7.0.51]:2379", "has no address or name"},
                                      {"https://Etcd:2379", "has no address or name"},
                                      {"https://a:2379/v3", "has no port"}})
    bad(etcd(base::format("{}, endpoints: [\"{}\"]", kFiles, endpoint)), "\"" + std::string(endpoint), why);
  bad(etcd(base::format("{}, endpoints: [\"https://a:2379\", \"https://a:2379\"]", kFiles)), "\"https://a:2379\"]",
      "twice");
  bad(etcd(base::format("{}, certFile: client.crt, keyFile: client.key", kEndpoint)), "external",
      "\"caFile\" is missing");
  bad(etcd(base::format("{}, caFile: gone.crt, certFile: client.crt, keyFile: client.key", kEndpoint)), "caFile",
      "the file site/gone.crt is not there");
  bad(etcd(base::format("{}, caFile: none.pem, certFile: client.crt, keyFile: client.key", kEndpoint)), "caFile",
      "this file can't be used");
  bad(etcd(base::format("{}, caFile: large.pem, certFile: client.crt, keyFile: client.key", kEndpoint)), "caFile",
      "larger than 64 KiB");
  bad(etcd(base::format("{}, caFile: ca.crt, certFile: client.key, keyFile: client.key", kEndpoint)), "certFile",
      "this file can't be used");
  bad(etcd(base::format("{}, caFile: ca.crt, certFile: client.crt, keyFile: ca.crt", kEndpoint)), "keyFile",
      "this file can't be used");
  bad(etcd(base::format("{}, caFile: ca.crt, certFile: client.crt, keyFile: other.key", kEndpoint)), "keyFile",
      "does not belong to the certificate");
}

TEST_CASE("etcd.external: nothing of the key is kept of cluster.yaml, or told") {
  const auto result = with(
      "  etcd: {external: {endpoints: [\"https://a:2379\"], caFile: ca.crt, certFile: client.crt, "
      "keyFile: other.key}}\n");
  CHECK_FALSE(result.config.kept.contains("PRIVATE"));
  CHECK_FALSE(to_error(result.problems).what.contains("PRIVATE"));
  CHECK(result.config.kept.contains("other.key"));
}
