// SPDX-License-Identifier: Apache-2.0
//
// Twenty-five values that must not get into a report: wherever a site can write a secret down, and wherever a program
// could say one. The report is given out, printed and kept.
#include <catch2/catch_test_macros.hpp>

#include "payload/base/format.h"
#include "runtime/config/parse.h"
#include "tests/unit/runtime/report/acceptance_example.h"

using namespace sealift;

namespace {

constexpr size_t kCanaries = 25;

std::string canary(size_t number) { return base::format("kanarienvogel-{:02}-x", number); }

// {NN} is the canary of that number.
std::string with_canaries(std::string text) {
  for (size_t i = 1; i <= kCanaries; ++i) {
    const auto place = base::format("{{{:02}}}", i);
    for (size_t at = text.find(place); at != std::string::npos; at = text.find(place))
      text.replace(at, place.size(), canary(i));
  }
  return text;
}

constexpr std::string_view kSite = R"(apiVersion: sealift.dev/v1
kind: Cluster
metadata: {name: plant7}
spec:
  ssh: {user: ops, password: {env: OPS_PASSWORD}, keyPath: key, keyPassphrase: {file: passphrase}, sudoPassword: {env: SUDO}}
  hosts:
  - {address: 10.7.0.11, role: control-plane, name: "${NAME}"}
  files:
  - {src: pull.json, dest: /etc/pull.json}
---
apiVersion: sealift.dev/v1
kind: Application
metadata: {name: app-01}
spec:
  values:
    replicas: 3
    password: "{01}"
    db: {rootPassword: "{02}", options: [{token: "{03}"}], url: "postgres://erp:{04}@db/erp"}
    env: [{name: API_TOKEN, value: "{05}"}, {name: LEVEL, value: debug}]
    tls: {key: "{06}", crt: public}
    pullSecret: {auths: {registry.lan: {auth: "{07}"}}}
    licenseKey: "{08}"
    accessKeyId: "{09}"
    cloud: {credentials: {id: "{10}"}, clientSecret: "{11}"}
    pem: |
      -----BEGIN PRIVATE KEY-----
      {12}
      -----END PRIVATE KEY-----
    fromVariable: "${DB_URL}"
  valuesFile: values.yaml
  files:
  - {path: templates/a.yaml, data: "value: {13}"}
  - {path: templates/b.yaml, strategy: merge, data: {spec: {apiKey: "{14}"}}}
---
apiVersion: sealift.dev/v1
kind: Patch
metadata: {name: p}
spec:
  app: app-01
  target: {kind: Deployment}
  patch: {spec: {passphrase: "{15}"}}
---
apiVersion: sealift.dev/v1
kind: Patch
metadata: {name: q}
spec:
  app: app-01
  target: {kind: Deployment}
  patch: |
    {spec: {value: "{16}"}}
---
apiVersion: sealift.dev/v1
kind: Hook
metadata: {name: scan}
spec: {after: hosts, program: scan.sh, inputFile: input}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
bootstrapTokens: [{token: "abcdef.{17}"}]
certificateKey: "{18}"
)";

config::ClusterConfig site() {
  const std::map<std::string, std::string> files{{"pull.json", "{\"auth\":\"{19}\"}"},
                                                 {"values.yaml", "anything: {20}\n"},
                                                 {"scan.sh", "#!/bin/sh\n# {21}\n"},
                                                 {"input", "{22}"}};
  auto out = config::parse_cluster_config(
      with_canaries(std::string(kSite)), "cluster.yaml",
      {{"NAME", "cp1"}, {"DB_URL", canary(23)}, {"OPS_PASSWORD", canary(23)}, {"SUDO", canary(23)}},
      [&](const std::string& path, size_t) -> Result<std::string> {
        for (const auto& [name, text] : files) {
          if (path == name || path.ends_with("/" + name)) return with_canaries(text);
        }
        return fail(ErrorCode::not_found, "no file {}", path);
      });
  if (!out) FAIL(out.error().text());
  // The tokens are no valid ones: what is read of them, not what they are, is tested.
  return std::move(out->config);
}

}  // namespace

TEST_CASE("acceptance: no secret is in any format") {
  tests::AnAcceptance example;
  const auto names = example.config.apps;
  const auto hosts = example.config.hosts;
  example.config = site();
  REQUIRE(example.config.hooks.size() == 1);
  REQUIRE(example.config.hooks[0].input.reveal().contains(canary(22)));
  REQUIRE(example.config.applications.size() == 1);
  REQUIRE(example.config.applications[0].values_yaml.contains(canary(1)));
  REQUIRE(example.config.applications[0].values_file_yaml.contains(canary(20)));
  example.config.apps = names;
  example.found.push_back({"app.others", "Deployment a/b", inspection::Verdict::warn,
                           "Deployment a/b: not ready; the last lines of a/b-1: token " + canary(24), "look"});
  example.journal.runs[1].steps.push_back(
      {.host = "w1", .step = "hook.scan.w1", .status = "failed", .error = "exit 3: " + canary(25)});
  const auto acceptance = example.acceptance();
  for (const auto& text : {report::to_html(acceptance), report::to_json(acceptance), report::to_junit(acceptance)}) {
    CHECK_FALSE(text.contains("kanarienvogel"));
    CHECK(text.contains("Deployment a/b: not ready"));
  }
  // and what is no secret is there
  for (const auto& text : {report::to_html(acceptance), report::to_json(acceptance)}) {
    CHECK(text.contains("replicas: 3"));
    CHECK(text.contains("OPS_PASSWORD"));
    CHECK(text.contains("(not kept)"));
  }
}
