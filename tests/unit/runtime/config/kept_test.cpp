// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include "runtime/config/cluster_config.h"
#include "runtime/config/parse.h"

using namespace sealift;
using namespace sealift::config;

namespace {

std::string kept(std::string_view text) {
  auto documents = yaml::parse(text, "c");
  REQUIRE(documents);
  return kept_text(*documents);
}

}  // namespace

TEST_CASE("kept: no value whose key names a secret, and variables as they are written") {
  const auto text = kept(R"(apiVersion: sealift.dev/v1
kind: Cluster
metadata: {name: plant7}
spec:
  ssh: {user: ops, keyPath: ~/.ssh/id, password: {env: OPS_PASSWORD}}
  hosts: [{address: 10.7.0.11, hostKey: "SHA256:abc", name: "${NAME:-cp1}"}]
---
apiVersion: sealift.dev/v1
kind: Application
metadata: {name: erp}
spec:
  values:
    replicas: 3
    db: {user: erp, PASSWORD: geheim-1, rootPass: [geheim-2, {deep: geheim-3}]}
    auth: {enabled: true, value: geheim-4}
    env: [{name: API_TOKEN, value: geheim-5}, {name: LEVEL, value: debug}]
  valuesFile: erp.yaml
  files:
  - {path: whole.yaml, data: "password: geheim-8"}
  - {path: part.yaml, strategy: merge, data: {spec: {token: geheim-9, replicas: 7}}}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
bootstrapTokens: [{token: abcdef.geheim-6}]
certificateKey: geheim-7
)");
  CHECK_FALSE(text.contains("geheim"));
  CHECK(text.contains("(not kept)"));
  for (const auto* there : {"OPS_PASSWORD", "SHA256:abc", "~/.ssh/id", "${NAME:-cp1}", "replicas: 3", "user: erp",
                            "debug", "erp.yaml", "whole.yaml", "replicas: 7"}) {
    INFO(there);
    CHECK(text.contains(there));
  }
  CHECK(kept(text) == text);  // it is a cluster.yaml again
}

TEST_CASE("kept: nor a value that is a secret under any name") {
  const auto text = kept(R"(kind: Application
metadata: {name: erp}
spec:
  values:
    url: postgres://erp:geheim-1@db/erp
    urls: ["redis://:geheim-2@cache:6379", "say http://a and https://ops:geheim-3@mail"]
    home: http://erp.plant7.lan:8080/a@b:c
    mail: ops@plant7.lan:25
    user: https://ops@git.lan/x
    file: |
      -----BEGIN RSA PRIVATE KEY-----
      geheim-4
      -----END RSA PRIVATE KEY-----
)");
  CHECK_FALSE(text.contains("geheim"));
  for (const auto* there : {"http://erp.plant7.lan:8080/a@b:c", "ops@plant7.lan:25", "https://ops@git.lan/x"}) {
    INFO(there);
    CHECK(text.contains(there));
  }
}

TEST_CASE("kept: differences are named by the field") {
  const std::string before = R"(kind: Cluster
spec:
  api: {port: 6443}
  hosts:
  - {address: 10.0.0.1, name: cp1, role: control-plane}
  - {address: 10.0.0.2, role: worker}
---
kind: Application
metadata: {name: erp}
spec: {values: {replicas: 1}}
)";
  const std::string now = R"(kind: Cluster
spec:
  api: {port: 7443}
  hosts:
  - {address: 10.0.0.3, role: worker}
  - {address: 10.0.0.1, name: cp1, role: control-plane}
---
kind: Application
metadata: {name: erp}
spec: {values: {replicas: 2}}
)";
  CHECK(kept_differences(before, now) ==
        std::vector<std::string>{"~ Application erp/spec/values/replicas: 1 → 2", "~ spec/api/port: 6443 → 7443",
                                 "- spec/hosts/10.0.0.2/address: 10.0.0.2", "- spec/hosts/10.0.0.2/role: worker",
                                 "+ spec/hosts/10.0.0.3/address: 10.0.0.3", "+ spec/hosts/10.0.0.3/role: worker"});
  CHECK(kept_differences(before, before).empty());
  CHECK(kept_differences("a: [", now).size() == 1);
}

TEST_CASE("kept: comes from the file before variables are known") {
  const auto parsed = parse_cluster_config(
      "apiVersion: sealift.dev/v1\nkind: Cluster\nmetadata: {name: \"${SITE}\"}\nspec: {hosts: [{address: 10.0.0.1, role: control-plane}]}\n",
      "c.yaml", {{"SITE", "plant7"}}, [](const std::string&, size_t) -> Result<std::string> { return std::string(); });
  REQUIRE(parsed);
  CHECK(parsed->config.name == "plant7");
  CHECK(parsed->config.kept.contains("${SITE}"));
  CHECK_FALSE(parsed->config.kept.contains("plant7"));
}
