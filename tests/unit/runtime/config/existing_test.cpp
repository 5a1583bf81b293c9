// SPDX-License-Identifier: Apache-2.0
//
// spec.existing: the login at a cluster that Sealift did not make, and what can't stand beside it.
#include "payload/base/format.h"
#include "payload/yaml/node.h"
#include "tests/unit/runtime/config/one_field.h"

using namespace sealift;
using namespace sealift::config;

namespace {

struct Kubeconfig {
  std::string cluster = "{server: \"https://10.7.0.100:6443\", certificate-authority-data: Y2E=}";
  std::string user = "{token: hunter2-token}";
  std::string current = "current-context: plant\n";
};

Files beside(const Kubeconfig& config) {
  return {{"site/admin.conf", "apiVersion: v1\nkind: Config\n" + config.current +
                                  "contexts:\n- {name: other, context: {cluster: c2, user: u2}}\n"
                                  "- {name: plant, context: {cluster: c1, user: u1, namespace: web}}\n"
                                  "clusters:\n- {name: c2, cluster: {server: \"https://elsewhere:6443\"}}\n"
                                  "- {name: c1, cluster: " +
                                  config.cluster + "}\nusers:\n- {name: u2, user: {password: hunter2-other}}\n" +
                                  "- {name: u1, user: " + config.user + "}\n"}};
}

constexpr std::string_view kField = "  existing: {kubeconfig: admin.conf}\n";

void bad_file(const Kubeconfig& config, std::string_view why) { bad(kField, "kubeconfig", why, beside(config)); }

}  // namespace

TEST_CASE("existing: without a kubeconfig the one of the first control plane is used") {
  CHECK_FALSE(good("").existing);
  const auto existing = good("  existing: {}\n").existing;
  REQUIRE(existing);
  CHECK(existing->kubeconfig.empty());
  CHECK(existing->place == Place{7, 3});
}

TEST_CASE("existing.kubeconfig: its current context gets onto the hosts, and no other login") {
  const auto existing = good(kField, beside({})).existing;
  REQUIRE(existing);
  CHECK(existing->kubeconfig_file == "site/admin.conf");
  const auto text = existing->kubeconfig.reveal();
  CHECK(text.contains("hunter2-token"));
  CHECK_FALSE(text.contains("hunter2-other"));
  CHECK_FALSE(text.contains("elsewhere"));
  const auto documents = yaml::parse(text, "kubeconfig");
  REQUIRE(documents);
  const auto& document = documents->front();
  CHECK(document.text_at("kind") == "Config");
  const auto& context = document.find("contexts")->items.front();
  CHECK(document.text_at("current-context") == context.text_at("name"));
  CHECK(context.text_at("context/cluster") == document.find("clusters")->items.front().text_at("name"));
  CHECK(context.text_at("context/user") == document.find("users")->items.front().text_at("name"));
  CHECK(document.find("clusters")->items.front().text_at("cluster/certificate-authority-data") == "Y2E=");
  // Never one that the same kubectl would read beside it.
  CHECK(context.text_at("context/user") != "kubernetes-admin");
}

TEST_CASE("existing: what can't be one, each at its place") {
  bad("  existing: \n", "existing", "write {}");
  bad("  existing: true\n", "existing", "must be a mapping");
  bad("  existing: {kubeconfg: admin.conf}\n", "kubeconfg", "did you mean \"kubeconfig\"?");
  bad("  existing: {kubeconfig: [a]}\n", "kubeconfig", "must be");
  bad("  existing: {kubeconfig: nowhere.conf}\n", "kubeconfig", "is not there");
}

TEST_CASE("existing.kubeconfig: what would not work on the hosts is refused, and no secret is told") {
  bad(kField, "kubeconfig", "is no kubeconfig", {{"site/admin.conf", "kind: Secret\n"}});
  bad(kField, "kubeconfig", "is no kubeconfig", {{"site/admin.conf", "a: [hunter2\n"}});
  bad_file({.current = ""}, "has no current-context");
  bad_file({.current = "current-context: nobody\n"}, "is none of its contexts");
  bad_file({.cluster = "{server: \"http://10.7.0.100:8080\"}"}, "no cluster with a server https://");
  bad_file({.cluster = "{}"}, "no cluster with a server https://");
  bad_file({.user = "null"}, "has no user");
  bad_file({.cluster = "{server: \"https://a:6443\", certificate-authority: /tmp/ca.crt}"},
           "\"certificate-authority-data\"");
  bad_file({.user = "{client-certificate: a.crt, client-key-data: a2V5}"}, "\"client-certificate-data\"");
  bad_file({.user = "{client-certificate-data: Y3J0, client-key: a.key}"}, "\"client-key-data\"");
  bad_file({.user = "{tokenFile: /var/run/token}"}, "\"token\"");
  bad_file({.user = "{exec: {command: aws}}"}, "logs in with a program (\"exec\")");
  bad_file({.user = "{auth-provider: {name: oidc}}"}, "logs in with a program (\"auth-provider\")");
  const auto refused = with(kField, beside({.user = "{token: hunter2-token, exec: {command: aws}}"}));
  CHECK_FALSE(to_error(refused.problems).what.contains("hunter2"));
}

TEST_CASE("existing: fields of a cluster that Sealift makes can't stand beside it") {
  constexpr std::string_view kBegin = "  existing: {}\n";
  struct Beside {
    std::string text;
    int line, column;
  };
  for (const auto& [text, line, column] :
       {Beside{"  network: {pods: 10.1.0.0/16}\n", 8, 3}, Beside{"  api: {port: 6444}\n", 8, 3},
        Beside{"  etcd: {external: {endpoints: [\"https://a:2379\"], caFile: ca.crt, certFile: client.crt, "
               "keyFile: client.key}}\n",
               8, 3},
        Beside{"---\napiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nmaxPods: 9\n", 9, 1}}) {
    INFO(text);
    const auto result = with(std::string(kBegin) + text);
    REQUIRE(result.problems.size() == 1);
    CHECK(result.problems[0].text().starts_with(base::format("site/cluster.yaml:{}:{}: ", line, column)));
    CHECK(result.problems[0].message.contains("the cluster is there (\"existing\")"));
  }
  const auto hosts = with(
      "  - {address: 10.7.0.12, role: worker, labels: {zone: a}, taints: [\"db=only:NoSchedule\"]}\n  existing: {}\n");
  REQUIRE(hosts.problems.size() == 2);
  CHECK(hosts.problems[0].line == 7);
  const auto hook = with(
      std::string(kBegin) +
      "---\napiVersion: sealift.dev/v1\nkind: Hook\nmetadata: {name: disks}\nspec: {before: hosts, packedProgram: a}\n");
  REQUIRE(hook.problems.size() == 1);
  CHECK(hook.problems[0].message.contains("would never run"));
}

TEST_CASE("existing: the networks that a cluster of ours would have forbid no address") {
  const auto result =
      with("  - {address: 10.244.1.7, role: worker}\n  - {address: \"fd00::7\", role: worker}\n  existing: {}\n");
  CHECK(result.problems.empty());
}
