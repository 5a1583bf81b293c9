// SPDX-License-Identifier: Apache-2.0
//
// A cluster.yaml with one host and the fields of a test, beside which some PEM files lie.
#pragma once

#include <catch2/catch_test_macros.hpp>
#include <map>
#include <string>
#include <string_view>

#include "payload/base/format.h"
#include "payload/trust/x509.h"
#include "runtime/config/parse.h"

namespace sealift::config {

struct Keys {
  trust::KeyPair authority, client, other;
  std::string authority_pem, client_pem, server_pem;  // server_pem: with the client's key
  Keys() {
    const auto now = WallTime{Duration{1'800'000'000'000}};
    const trust::Validity validity{now, now + std::chrono::days{100}};
    authority = *trust::generate_key();
    client = *trust::generate_key();
    other = *trust::generate_key();
    authority_pem = *trust::make_authority(authority.private_pem, "etcd of plant7", validity);
    client_pem = *trust::issue(client.public_pem, trust::Usage::client, {"apiserver", {}, {}}, authority_pem,
                               authority.private_pem, validity);
    server_pem =
        *trust::issue(client.public_pem, trust::Usage::server, {"images", {"images.plant7.lan", "*.site.lan"}, {}},
                      authority_pem, authority.private_pem, validity);
  }
};

// The spec's further fields start at line 7.
using Files = std::map<std::string, std::string>;  // beside cluster.yaml, by "site/name"
inline ParsedConfig with(std::string_view fields, const Files& more = {}) {
  static const Keys keys;
  Files files{{"site/ca.crt", keys.authority_pem},  {"site/client.crt", keys.client_pem},
              {"site/server.crt", keys.server_pem}, {"site/client.key", std::string(keys.client.private_pem.reveal())},
              {"site/password", "secret-1\n"},      {"site/other.key", std::string(keys.other.private_pem.reveal())},
              {"site/none.pem", "no PEM\n"},        {"site/large.pem", std::string(70'000, 'x')}};
  files.insert(more.begin(), more.end());
  const FileReader read = [files](const std::string& path, size_t) -> Result<std::string> {
    const auto found = files.find(path);
    if (found == files.end()) return fail(ErrorCode::not_found, "open {}: not there", path);
    return found->second;
  };
  const std::string text =
      "apiVersion: sealift.dev/v1\nkind: Cluster\nmetadata: {name: x}\nspec:\n  hosts:\n"
      "  - {address: 10.7.0.11, role: control-plane}\n" +
      std::string(fields);
  auto result = parse_cluster_config(text, "site/cluster.yaml", {}, read);
  if (!result) FAIL(result.error().text());
  return std::move(*result);
}

inline ClusterConfig good(std::string_view fields, const Files& more = {}) {
  auto result = with(fields, more);
  if (!result.problems.empty()) FAIL(to_error(result.problems).what);
  return std::move(result.config);
}

// At the first place of `at`.
inline void bad(std::string_view fields, std::string_view at, std::string_view why, const Files& more = {}) {
  const auto result = with(fields, more);
  const auto text = to_error(result.problems).what;
  INFO(fields);
  INFO(text);
  REQUIRE(result.problems.size() == 1);
  CHECK(text.starts_with(base::format("site/cluster.yaml:7:{}: ", fields.find(at) + 1)));
  CHECK(text.contains(why));
}

}  // namespace sealift::config
