// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>

#include "payload/base/file.h"
#include "payload/base/format.h"
#include "runtime/config/parse.h"
#include "tests/support/source_tree.h"

using namespace sealift;
using namespace sealift::config;
using format::HostRole;

namespace {

using Variables = std::map<std::string, std::string>;

ParsedConfig parsed(std::string_view text, const Variables& variables = {{"HOME", "/home/ops"}}) {
  const std::map<std::string, std::string> files{{"site/ntp.conf", "server 10.0.0.1\n"},
                                                 {"site/erp.yaml", "a: ${NOT_EXPANDED}\n"},
                                                 {"site/list.yaml", "- a\n"},
                                                 {"/abs", "x"}};
  const FileReader read = [files](const std::string& path, size_t) -> Result<std::string> {
    const auto found = files.find(path);
    if (found == files.end()) return fail(ErrorCode::not_found, "open {}: not there", path);
    return found->second;
  };
  auto result = parse_cluster_config(text, "site/cluster.yaml", variables, read);
  if (!result) FAIL(result.error().text());
  return std::move(*result);
}

ClusterConfig good(std::string_view text, const Variables& variables = {{"HOME", "/home/ops"}}) {
  auto result = parsed(text, variables);
  INFO(text);
  if (!result.problems.empty()) FAIL(to_error(result.problems).what);
  return std::move(result.config);
}

constexpr std::string_view kHead = "apiVersion: sealift.dev/v1\nkind: Cluster\nmetadata: {name: x}\nspec:\n";
constexpr std::string_view kHosts = "  hosts:\n  - {address: 10.7.0.11, role: control-plane}\n";

// The spec starts at line 5; after kHosts, at line 7.
ParsedConfig with_spec(std::string_view spec) { return parsed(std::string(kHead) + std::string(spec)); }
ParsedConfig with_fields(std::string_view fields) {
  return parsed(std::string(kHead) + std::string(kHosts) + std::string(fields));
}
ParsedConfig with_host(std::string_view fields) { return with_fields(base::format("  - {}\n", fields)); }
ParsedConfig with_document(std::string_view document) {
  return parsed(std::string(kHead) + std::string(kHosts) + "---\n" + std::string(document));
}

// Exactly one problem, at that place, with the text `why`.
void one_problem(const ParsedConfig& result, int line, int column, std::string_view why,
                 ErrorCode code = ErrorCode::invalid_config) {
  INFO(to_error(result.problems).what);
  REQUIRE(result.problems.size() == 1);
  CHECK(result.problems[0].line == line);
  CHECK(result.problems[0].column == column);
  CHECK(result.problems[0].message.contains(why));
  CHECK(result.problems[0].code == code);
  CHECK(to_error(result.problems).code == code);
}

}  // namespace

TEST_CASE("every field arrives") {
  const auto config = good(R"(apiVersion: sealift.dev/v1
kind: Cluster
metadata: {name: plant7}
spec:
  ssh: {user: ops, port: 2222, keyPath: ~/.ssh/id, keyPassphrase: {prompt: passphrase}, password: {file: pw}, sudoPassword: {env: SUDO_PW}}
  hosts:
  - {address: 10.7.0.11, role: control-plane, name: cp1, hostKey: "SHA256:0123456789012345678901234567890123456789012"}
  - {addresses: "10.7.0.[21-23]", role: worker, labels: {zone: a, gpu: true, empty: }, taints: ["db=only:NoSchedule", "x:NoExecute"], dataRoot: /data/sealift, ssh: {user: root, port: 22}}
  - {addresses: [10.7.0.31, "node[08-10].lan"], role: worker}
  network: {pods: 10.200.0.0/16, services: 10.96.0.0/16, dnsUpstream: [10.0.0.53, "fd00::53"]}
  api: {port: 6444, localPort: 7444, certSANs: [k8s.plant7.lan, "*.plant7.lan", 10.7.0.100]}
  registry: {port: 5001, hosts: control-planes}
  files: [{src: ntp.conf, dest: /etc/ntp.conf, mode: "0600", role: worker}, {src: /abs, dest: /etc/abs}]
  apps: [flannel, redis]
---
apiVersion: sealift.dev/v1
kind: Application
metadata: {name: erp}
spec: {namespace: prod, values: {replicas: 3, text: "3"}, valuesFile: erp.yaml, valuesSet: large.yaml, needs: [redis]}
---
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
maxPods: 200
)");
  CHECK(config.name == "plant7");
  REQUIRE(config.hosts.size() == 8);
  const auto& first = config.hosts[0];
  CHECK(first.role == HostRole::control_plane);
  CHECK(first.name == "cp1");
  CHECK(first.host_key->starts_with("SHA256:"));
  CHECK(first.data_root == "/var/lib/sealift");
  CHECK(first.ssh.user == "ops");
  CHECK(first.ssh.port == 2222);
  CHECK(first.ssh.key_path == "/home/ops/.ssh/id");
  CHECK(first.ssh.key_passphrase->kind == SecretSource::Kind::prompt);
  CHECK(first.ssh.password->argument == "site/pw");
  CHECK(first.ssh.sudo_password->kind == SecretSource::Kind::environment);
  CHECK(first.ssh.sudo_password->argument == "SUDO_PW");
  CHECK(first.line == 7);
  const auto& second = config.hosts[1];
  CHECK(second.address == "10.7.0.21");
  CHECK(second.ssh.user == "root");
  CHECK(second.ssh.port == 22);
  CHECK(second.ssh.key_path == "/home/ops/.ssh/id");
  CHECK(second.labels == std::map<std::string, std::string>{{"zone", "a"}, {"gpu", "true"}, {"empty", ""}});
  CHECK(second.taints.size() == 2);
  CHECK(second.data_root == "/data/sealift");
  CHECK(config.hosts[3].address == "10.7.0.23");
  CHECK(config.hosts[4].address == "10.7.0.31");
  CHECK(config.hosts[5].address == "node08.lan");
  CHECK(config.hosts[7].address == "node10.lan");
  CHECK(config.network.pods == "10.200.0.0/16");
  CHECK(config.network.dns_upstream == NetworkConfig::Dns::addresses);
  CHECK(config.network.dns_addresses.size() == 2);
  CHECK(config.api.port == 6444);
  CHECK(config.api.local_port == 7444);
  CHECK(config.api.cert_sans.size() == 3);
  CHECK(config.registry.port == 5001);
  REQUIRE(config.files.size() == 2);
  CHECK(config.files[0].content == "server 10.0.0.1\n");
  CHECK(config.files[0].mode == 0600);
  CHECK(config.files[0].role == HostRole::worker);
  CHECK(config.apps == std::vector<std::string>{"flannel", "redis"});
  REQUIRE(config.applications.size() == 1);
  CHECK(config.applications[0].target_namespace == "prod");
  CHECK(config.applications[0].values_yaml == "replicas: 3\ntext: \"3\"\n");
  CHECK(config.applications[0].values_file_yaml == "a: ${NOT_EXPANDED}\n");
  CHECK(config.applications[0].values_set == "large.yaml");
  CHECK(config.applications[0].needs == std::vector<std::string>{"redis"});
  REQUIRE(config.kubeadm.size() == 1);
  CHECK(config.kubeadm[0].kind == "KubeletConfiguration");
  CHECK(config.kubeadm[0].yaml.contains("maxPods: 200"));
}

TEST_CASE("fields that later are compared with the cluster know where they stand") {
  const auto config = good(R"(apiVersion: sealift.dev/v1
kind: Cluster
metadata:
  name: plant7
spec:
  hosts:
  - {address: 10.7.0.11, role: control-plane, name: cp1, dataRoot: /data}
  - role: worker
    addresses:
    - 10.7.0.[21-22]
    - 10.7.0.31
  network:
    services: 10.96.0.0/16
    pods: 10.200.0.0/16
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
networking:
  dnsDomain: plant7.lan
)");
  CHECK(config.path == "site/cluster.yaml");
  CHECK(config.places.name == Place{4, 3});
  CHECK(config.places.spec == Place{5, 1});
  CHECK(config.places.services == Place{13, 5});
  CHECK(config.places.pods == Place{14, 5});
  CHECK(config.places.api_port == Place{5, 1});  // not written: the enclosing mapping
  const auto& first = config.hosts[0].places;
  CHECK(first.address == Place{7, 6});
  CHECK(first.role == Place{7, 26});
  CHECK(first.name == Place{7, 47});
  CHECK(first.data_root == Place{7, 58});
  CHECK(config.hosts[1].places.address == Place{10, 7});
  CHECK(config.hosts[2].places.address == Place{10, 7});
  CHECK(config.hosts[3].places.address == Place{11, 7});
  CHECK(config.hosts[3].places.name == Place{8, 5});
  REQUIRE(config.kubeadm.size() == 1);
  CHECK(config.kubeadm[0].places.at("networking/dnsDomain") == Place{19, 3});
  CHECK(config.kubeadm[0].places.at("") == Place{16, 1});
}

TEST_CASE("what need not be said") {
  const auto config = good(std::string(kHead) + std::string(kHosts));
  CHECK(config.api.port == 6443);
  CHECK(config.registry.port == 5000);
  CHECK(config.network.dns_upstream == NetworkConfig::Dns::host);
  CHECK_FALSE(config.apps);
  CHECK(config.hosts[0].ssh.user == "root");
  CHECK_FALSE(config.hosts[0].name);
}

TEST_CASE("the template of config init is good as it is, and so are its comments") {
  const std::string text(config_template());
  const auto config = good(text);
  CHECK(config.hosts.size() == 4);
  std::string uncommented;
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    std::string line = text.substr(at, end - at);
    // Only lines that are YAML after their "# ".
    if (const size_t mark = line.find("# "); mark != std::string::npos && line.find_first_not_of(' ') == mark) {
      const std::string inner = line.substr(mark + 2);
      const bool field = inner.starts_with("- {") || inner.starts_with("certSANs:") || inner.starts_with("apps:") ||
                         inner.starts_with("password:") || inner.starts_with("sudoPassword:");
      line = field ? line.substr(0, mark) + inner : line;
    }
    if (line.contains("- {src")) line = "  files:\n" + line;
    uncommented += line + "\n";
    at = end + 1;
  }
  const auto result = parsed(uncommented);
  INFO(uncommented);
  INFO(to_error(result.problems).what);
  CHECK(result.config.api.cert_sans.size() == 1);
  CHECK(result.config.apps);
  CHECK(result.config.hosts.size() == 5);
  CHECK(result.config.files.size() == 1);
  CHECK(result.problems.empty());
}

TEST_CASE("ten mistakes give ten problems in one run, each with its place") {
  const std::string folder = tests::source_path("tests/golden/config/");
  auto result = load_cluster_config(folder + "ten-mistakes.yaml", {});
  REQUIRE(result);
  std::string text;
  for (auto& problem : result->problems) {
    std::string line = problem.text();
    while (line.contains(folder)) line.replace(line.find(folder), folder.size(), "");
    text += line + "\n";
  }
  if (std::getenv("SEALIFT_ACCEPT") != nullptr)
    REQUIRE(base::write_file_atomic(folder + "ten-mistakes.problems", base::as_bytes(text), 0644));
  CHECK(base::read_text_file(folder + "ten-mistakes.problems", 1 << 20) == text);
  CHECK(result->problems.size() == 10);
  CHECK_FALSE(text.contains("geheim"));
}

TEST_CASE("an unknown field names the nearest known one") {
  one_problem(with_fields("  netwerk: {}\n"), 7, 3, "did you mean \"network\"?");
  one_problem(with_fields("  xyz: {}\n"), 7, 3, "known are ssh, hosts");
  one_problem(with_host("{address: 10.7.0.12, role: worker, hostkey: x}"), 7, 40, "did you mean \"hostKey\"?");
  one_problem(with_fields("  ssh: {bastion: {address: x}}\n"), 7, 9, "not supported", ErrorCode::unsupported);
}

TEST_CASE("what is left for later is unsupported, with its place") {
  const auto unsupported = ErrorCode::unsupported;
  one_problem(with_host("{address: 10.7.0.12, role: worker, nodeIP: 10.8.0.12}"), 7, 40, "nodeIP", unsupported);
  one_problem(with_fields("  ssh: {agent: true}\n"), 7, 9, "agent", unsupported);
  one_problem(with_fields("  ssh: {keyboardInteractive: true}\n"), 7, 9, "keyboardInteractive", unsupported);
}

TEST_CASE("how applications are delivered") {
  const auto plain = good(std::string(kHead) + std::string(kHosts));
  CHECK_FALSE(plain.apps);
  CHECK(plain.apps_at_once == 8);
  const auto config = good(std::string(kHead) + std::string(kHosts) + R"(  apps: {names: [redis, erp], concurrency: 3}
---
apiVersion: sealift.dev/v1
kind: Application
metadata: {name: erp}
spec:
  enabled: false
  timeout: 1h30m
  wait: applied
  files:
  - {path: templates/web.yaml, strategy: merge, data: {spec: {replicas: 2}}}
  - {path: templates/a.yaml, strategy: merge, data: "kind: A"}
  - path: Chart.yaml
    data: |
      name: erp
)");
  CHECK(config.apps == std::vector<std::string>{"redis", "erp"});
  CHECK(config.apps_at_once == 3);
  REQUIRE(config.applications.size() == 1);
  const auto& erp = config.applications[0];
  CHECK_FALSE(erp.enabled);
  CHECK(erp.timeout == std::chrono::minutes(90));
  CHECK_FALSE(erp.waits_for_health);
  REQUIRE(erp.files.size() == 3);
  CHECK(erp.files[0].path == "templates/web.yaml");
  CHECK(erp.files[0].strategy == FileChange::Strategy::merge);
  CHECK(erp.files[0].data == "spec:\n  replicas: 2\n");
  CHECK(erp.files[1].data == "kind: A");
  CHECK(erp.files[2].strategy == FileChange::Strategy::overwrite);
  CHECK(erp.files[2].data == "name: erp\n");
  CHECK(erp.files[2].place.line > erp.files[1].place.line);
  CHECK(good(std::string(kHead) + std::string(kHosts) + "  apps: {concurrency: 64}\n").apps_at_once == 64);
}

TEST_CASE("what can't be said of applications") {
  const auto application = [](const std::string& spec) {
    return with_document("apiVersion: sealift.dev/v1\nkind: Application\nmetadata: {name: x}\nspec:\n" + spec);
  };
  for (const char* number : {"0", "65", "many", "-1", "\"8\"", "[]"})
    one_problem(with_fields(base::format("  apps: {{concurrency: {}}}\n", number)), 7, 10, "from 1 to 64");
  one_problem(with_fields("  apps: {name: [a]}\n"), 7, 10, "did you mean \"names\"?");
  one_problem(with_fields("  apps: {names: [a, a]}\n"), 7, 21, "twice");
  one_problem(with_fields("  apps: {names: a}\n"), 7, 10, "must be a list");
  one_problem(application("  enabled: perhaps\n"), 12, 3, "true or false");
  for (const char* time : {"10", "0s", "m", "1m1h", "5m5m", "31000m30d", "1.5h", "800h", "99999999s"})
    one_problem(application(base::format("  timeout: {}\n", time)), 12, 3, "is not a time such as 90s");
  one_problem(application("  wait: ready\n"), 12, 3, "healthy (the default) or applied");
  one_problem(application("  files: {path: a}\n"), 12, 3, "must be a list");
  one_problem(application("  files: [a]\n"), 12, 11, "must be a mapping");
  one_problem(application("  files: [{data: a}]\n"), 12, 11, "\"path\" is missing");
  one_problem(application("  files: [{path: a}]\n"), 12, 11, "\"data\" is missing");
  for (const char* path : {"../a", "/a", "a/../b", "a//b"})
    one_problem(application(base::format("  files: [{{path: {}, data: x}}]\n", path)), 12, 12,
                "below the application's folder");
  one_problem(application("  files: [{path: a, data: x}, {path: a, data: y}]\n"), 12, 32, "changed twice");
  one_problem(application("  files: [{path: a, strategy: replace, data: x}]\n"), 12, 21, "overwrite or merge");
  one_problem(application("  files: [{path: a, data: {b: 1}}]\n"), 12, 21, "must be a text");
  for (const char* data : {"[a]", "a", "\"a: 1\\n---\\nb: 2\""})
    one_problem(application(base::format("  files: [{{path: a, strategy: merge, data: {}}}]\n", data)), 12, 38,
                "must be one mapping");
  one_problem(application("  files: [{path: a, strategy: merge, data: \"a: [\"}]\n"), 12, 38, "a:");
}

TEST_CASE("documents") {
  one_problem(parsed(""), 1, 1, "config init");
  one_problem(parsed("apiVersion: sealift.dev/v1\nkind: Application\nmetadata: {name: x}\n"), 1, 1,
              "no document of kind Cluster");
  one_problem(with_document("apiVersion: sealift.dev/v1\nkind: Aplication\n"), 9, 1, "did you mean Application?");
  one_problem(with_document("apiVersion: kubeadm.k8s.io/v1beta3\nkind: ClusterConfiguration\n"), 8, 1,
              "kubeadm.k8s.io/v1beta4");
  one_problem(with_document("apiVersion: v1\nkind: ConfigMap\n"), 8, 1, "is not known");
  one_problem(with_document("- a\n"), 8, 1, "must be a mapping");
  one_problem(with_document(std::string(kHead) + std::string(kHosts)), 8, 1, "second document");
  one_problem(with_document("apiVersion: sealift.dev/v1alpha1\nkind: Application\nmetadata: {name: x}\n"), 8, 1,
              "must be sealift.dev/v1");
  one_problem(
      with_document(
          "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n---\napiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n"),
      11, 1, "second");
  one_problem(
      with_document(
          "apiVersion: sealift.dev/v1\nkind: Application\nmetadata: {name: x}\n---\napiVersion: sealift.dev/v1\nkind: Application\nmetadata: {name: x}\n"),
      14, 12, "second Application");
  const FileReader none;
  const auto broken = parse_cluster_config("a: [\n", "c.yaml", {}, none);
  REQUIRE_FALSE(broken);
  CHECK(broken.error().code == ErrorCode::invalid_config);
  CHECK(broken.error().what.starts_with("c.yaml:"));
}

TEST_CASE("variables") {
  const auto with = [](std::string_view name, const Variables& variables) {
    return parsed(
        base::format("apiVersion: sealift.dev/v1\nkind: Cluster\nmetadata:\n  name: {}\nspec:\n{}", name, kHosts),
        variables);
  };
  CHECK(with("${SITE}", {{"SITE", "plant7"}}).config.name == "plant7");
  CHECK(with("a-${SITE:-plant}-b", {}).config.name == "a-plant-b");
  CHECK(with("${SITE:-plant}", {{"SITE", ""}}).config.name == "plant");
  one_problem(with("${SITE}", {}), 4, 3, "SITE is not set");
  one_problem(with("${SITE-x}", {{"SITE", "a"}}), 4, 3, "${SITE-x} is not a variable");
  one_problem(with("\"${SITE\"", {{"SITE", "a"}}), 4, 3, "without }");
  // Inside braces quotes are needed; the message says so.
  const auto broken = parse_cluster_config("kind: Cluster\nmetadata: {name: ${SITE}}\n", "c.yaml", {}, {});
  REQUIRE_FALSE(broken);
  CHECK(broken.error().what.contains("in quotes"));
  const std::string values =
      "apiVersion: sealift.dev/v1\nkind: Application\nmetadata: {name: x}\nspec: {values: {a: \"$${HOST} $$ $x\", replicas: \"${N:-3}\", m: \"${M:-x}\"}}\n";
  const auto result = with_document(values);
  CHECK(result.problems.empty());
  CHECK(result.config.applications.at(0).values_yaml == "a: \"${HOST} $$ $x\"\nreplicas: \"3\"\nm: x\n");
}

TEST_CASE("a value from a variable can't become structure") {
  const auto result = parsed(
      std::string(kHead) + std::string(kHosts) +
          "---\napiVersion: sealift.dev/v1\nkind: Application\nmetadata: {name: x}\nspec:\n  values:\n    a: ${A}\n",
      {{"A", "x\nb: injected"}});
  CHECK(result.problems.empty());
  CHECK(result.config.applications.at(0).values_yaml == "a: |-\n  x\n  b: injected\n");
}

TEST_CASE("secrets") {
  one_problem(with_fields("  ssh: {password: hunter2}\n"), 7, 9, "must not stand in the file");
  CHECK_FALSE(with_fields("  ssh: {password: hunter2}\n").problems[0].message.contains("hunter2"));
  one_problem(with_fields("  ssh: {password: {file: a, env: b}}\n"), 7, 9, "exactly one");
  one_problem(with_fields("  ssh: {password: {}}\n"), 7, 9, "exactly one");
  one_problem(with_fields("  ssh: {password: {promt: x, file: y}}\n"), 7, 20, "did you mean \"prompt\"?");
  one_problem(with_host("{address: 10.7.0.12, role: worker, ssh: {sudoPassword: x}}"), 7, 46,
              "must not stand in the file");
}

TEST_CASE("hosts") {
  one_problem(with_spec("  hosts: []\n"), 5, 3, "at least one");
  one_problem(with_spec("  apps: [a]\n"), 4, 1, "\"hosts\" is missing");
  one_problem(with_spec("  hosts:\n  - {address: 10.7.0.11, role: worker}\n"), 5, 3,
              "no host has the role control-plane");
  one_problem(with_host("{address: 10.7.0.12}"), 7, 5, "\"role\" is missing");
  one_problem(with_host("{address: 10.7.0.12, role: all}"), 7, 26, "control-plane or worker");
  one_problem(with_host("{address: 10.7.0.12, role: master}"), 7, 26, "is called control-plane");
  one_problem(with_host("{role: worker}"), 7, 5, "either");
  one_problem(with_host("{address: 10.7.0.12, addresses: 10.7.0.13, role: worker}"), 7, 5, "either");
  one_problem(with_host("{address: 10.7.0.11, role: worker}"), 7, 6, "stands in line 6 already");
  one_problem(with_host("{address: 10.7.0.300, role: worker}"), 7, 6, "neither");
  one_problem(with_host("{address: Node1, role: worker}"), 7, 6, "lower case");
  one_problem(with_host("{address: \"10.7.0.[1-2]\", role: worker}"), 7, 6, "\"addresses\"");
  one_problem(with_host("{addresses: \"10.7.0.[30-20]\", role: worker}"), 7, 6, "not a range");
  one_problem(with_host("{addresses: \"10.7.0.[0-1000]\", role: worker}"), 7, 6, "not a range");
  one_problem(with_host("{addresses: \"10.7.0.[250-260]\", role: worker}"), 7, 6, "10.7.0.256");
  one_problem(with_host("{addresses: \"10.7.0.[12-13]\", role: worker, name: a}"), 7, 49, "belongs to one host");
  one_problem(with_host("{address: 10.7.0.12, role: worker, name: \"Node_1\"}"), 7, 40, "node's name");
  one_problem(
      with_fields("  - {address: 10.7.0.12, role: worker, name: a}\n  - {address: 10.7.0.13, role: worker, name: a}\n"),
      8, 40, "line 7 already");
  one_problem(with_host("{address: 10.7.0.12, role: worker, hostKey: \"MD5:aa\"}"), 7, 40, "fingerprint");
  one_problem(with_host("{address: 10.7.0.12, role: worker, dataRoot: data}"), 7, 40, "");
  one_problem(with_host("{address: 10.7.0.12, role: worker, dataRoot: /tmp/x}"), 7, 40, "is not kept");
  one_problem(with_host("{address: 10.7.0.12, role: worker, labels: {\"a b\": c}}"), 7, 49, "label key");
  one_problem(with_host("{address: 10.7.0.12, role: worker, labels: {a: \"b c\"}}"), 7, 49, "label's value");
  one_problem(with_host("{address: 10.7.0.12, role: worker, labels: {a: [b]}}"), 7, 49, "must have a text");
  one_problem(with_host("{address: 10.7.0.12, role: worker, labels: [a]}"), 7, 40, "mapping");
  one_problem(with_host("{address: 10.7.0.12, role: worker, taints: [\"a=b\"]}"), 7, 49, "not a taint");
  one_problem(with_host("{address: 10.7.0.12, role: worker, taints: \"a=b:NoExecute\"}"), 7, 40, "list");
  one_problem(with_host("x"), 7, 5, "mapping");
  one_problem(with_host("{address: 10.244.3.1, role: worker}"), 7, 6, "lies in the network of pods");
  one_problem(with_host("{address: \"fd00::1\", role: worker}"), 7, 6, "both be IPv4 or both IPv6");
  one_problem(with_fields("  ssh: {user: \"-oProxyCommand=x\"}\n"), 7, 9, "name of a user");
  one_problem(with_fields("  ssh: {port: 0}\n"), 7, 9, "port number");
}

TEST_CASE("a node's name is no address, and not what every machine calls itself") {
  const auto named = [](std::string_view name) {
    return with_host(base::format("{{address: 10.7.0.12, role: worker, name: \"{}\"}}", name));
  };
  for (const auto* name : {"127", "127.0.0.1", "10.7.0.13", "1.2", "a.1", "0x7f", "0x7f000001", "0x7f.0x1",
                           "2130706433", "017700000001", "a.0x1f", "a.0x", "10.7.0.11.12"})
    one_problem(named(name), 7, 40, "it reads like an address");
  for (const auto* name : {"localhost", "localhost.localdomain", "cp1.localhost"})
    one_problem(named(name), 7, 40, "every machine calls itself so");
  for (const auto* name : {"a_b", "-a", "a.", "fd00::1", "a b",
                           "b\xc3\xbc"
                           "cher",
                           "10\xe3\x80\x82"
                           "7"})
    one_problem(named(name), 7, 40, "letters, digits, - and . only");
  one_problem(named("CP1"), 7, 40, "write \"cp1\"");
  one_problem(named(std::string(64, 'a')), 7, 40, "letters, digits");  // not a DNS label
  one_problem(named(std::string(32, 'a') + "." + std::string(31, 'b')), 7, 40, "64 characters are too many");
  for (const auto* name :
       {"ip-10-7-0-12", "10-7-0-12.lan", "127.lan", "0xyz", "0x7f.lan", "xn--bcher-kva", "localhost1", "w1.plant7.lan"})
    CHECK(named(name).problems.empty());
  CHECK(named(std::string(32, 'a') + "." + std::string(30, 'b')).problems.empty());
  // An address is taken as one only where an address is expected.
  CHECK(with_host("{address: 127.0.0.1, role: worker}").problems.empty());
}

TEST_CASE("a short file can't become millions of hosts") {
  std::string text;
  for (int i = 0; i < 100; ++i) text += base::format("  - {{addresses: \"n{}-[1-1000]\", role: worker}}\n", i);
  const auto result = with_fields(text + "  network: {pods: 10.128.0.0/10}\n");
  CHECK(result.config.hosts.size() == 5001);
  one_problem(result, 11, 5, "more than 5000 hosts");
}

TEST_CASE("a cluster with IPv6 alone") {
  const auto config = good(R"(apiVersion: sealift.dev/v1
kind: Cluster
metadata: {name: six}
spec:
  hosts:
  - {address: "fd00:7::11", role: control-plane}
  - {addresses: "fd00:7::[1e-21]", role: worker}
  network: {pods: "fd00:10::/56", services: "fd00:20::/112"}
)");
  REQUIRE(config.hosts.size() == 5);
  CHECK(config.hosts[1].address == "fd00:7::1e");
  CHECK(config.hosts[4].address == "fd00:7::21");
  one_problem(
      parsed(
          std::string(kHead) +
          "  hosts:\n  - {address: \"fd00::1\", role: control-plane}\n  - {address: \"FD00:0::1\", role: worker}\n  network: {pods: \"fd00:10::/56\", services: \"fd00:20::/112\"}\n"),
      7, 6, "line 6 already");
}

TEST_CASE("networks and ports") {
  one_problem(with_fields("  network: {pods: 10.244.0.1/16}\n"), 7, 13, "behind its prefix");
  one_problem(with_fields("  network: {pods: 10.244.0.0}\n"), 7, 13, "is not a network");
  one_problem(with_fields("  network: {pods: 10.244.0.0/25}\n"), 7, 13, "too small");
  one_problem(with_fields("  network: {pods: 12.0.0.0/7}\n"), 7, 13,
              "too large: Kubernetes takes a prefix from /8 to /24");
  for (const auto* good : {"11.0.0.0/8", "11.0.0.0/24"})
    CHECK(with_fields(base::format("  network: {{pods: {}}}\n", good)).problems.empty());
  one_problem(with_fields("  network: {services: 11.0.0.0/8}\n"), 7, 13, "prefix from /12");
  one_problem(with_fields("  network: {services: 10.244.0.0/20}\n"), 7, 13, "overlap");
  one_problem(with_fields("  network: {pods: 10.96.0.0/13}\n"), 7, 3, "10.96.0.0/13 and 10.96.0.0/12");
  one_problem(with_fields("  network: {services: \"fd00::/112\"}\n"), 7, 13, "both be IPv4");
  one_problem(with_fields("  - {address: 10.7.0.12, role: worker}\n  network: {pods: 10.244.0.0/24}\n"), 8, 13,
              "room for 1 host,");
  one_problem(with_fields("  network: {dnsUpstream: maybe}\n"), 7, 13, "host, none");
  one_problem(with_fields("  network: {dnsUpstream: []}\n"), 7, 13, "empty");
  one_problem(with_fields("  network: {dnsUpstream: [8.8.8]}\n"), 7, 27, "not an IP address");
  one_problem(with_fields("  api: {port: 70000}\n"), 7, 9, "1 to 65535");
  one_problem(with_fields("  api: {port: 5000}\n"), 7, 9, "must differ");
  one_problem(with_fields("  api: {port: 5001}\n"), 7, 9, "the port after it and registry.domain.port must differ");
  one_problem(with_fields("  registry: {port: 65535}\n"), 7, 14, "less than 65535");
  one_problem(with_fields("  registry: {port: 2378}\n"), 7, 14, "2379 is taken by Kubernetes");
  one_problem(with_fields("  api: {localPort: 10250}\n"), 7, 9, "taken by Kubernetes");
  one_problem(with_fields("  api: {certSANs: [\"a b\"]}\n"), 7, 20, "neither");
  one_problem(with_fields("  api: []\n"), 7, 3, "mapping");
}

TEST_CASE("the artifacts that may be delivered") {
  const std::string one = "sha256:" + std::string(64, 'a'), two = "sha256:" + std::string(64, 'b');
  const auto with_identity = [](std::string_view value) {
    return with_fields(base::format("  artifact: {{identity: {}}}\n", value));
  };
  CHECK(with_fields("").config.identities.empty());
  const auto single = with_identity(one);
  CHECK(single.problems.empty());
  CHECK(single.config.identities == std::vector{Digest::parse(one).value()});
  const auto several = with_identity("[\"" + one + "\", \"" + two + "\"]");
  CHECK(several.problems.empty());
  CHECK(several.config.identities == std::vector{Digest::parse(one).value(), Digest::parse(two).value()});
  // Whatever is no identity must not come to mean any.
  for (const std::string& bad : {std::string("sha256:12"), std::string(64, 'a'), "sha256:" + std::string(64, 'A')})
    one_problem(with_identity(bad), 7, 14, "is not an identity");
  one_problem(with_identity("[]"), 7, 14, "the list is empty");
  one_problem(with_identity("{a: b}"), 7, 14, "must be a list");
  for (const auto* nothing : {"", "~", "\"\""}) CHECK(with_identity(nothing).problems.size() == 1);
  one_problem(with_identity("[" + one + ", x]"), 7, 98, "is not an identity");
  CHECK(with_fields("  artifact: {}\n").problems.size() == 1);
  CHECK(with_fields("  artifact:\n").problems.size() == 1);
}

TEST_CASE("files and applications") {
  one_problem(with_fields("  files: [{src: ntp.conf}]\n"), 7, 11, "\"dest\" is missing");
  one_problem(with_fields("  files: [{src: absent, dest: /etc/x}]\n"), 7, 12, "site/absent");
  one_problem(with_fields("  files: [{src: ntp.conf, dest: etc/x}]\n"), 7, 27, "");
  one_problem(with_fields("  files: [{src: ntp.conf, dest: /etc/../x}]\n"), 7, 27, "");
  one_problem(with_fields("  files: [{src: ntp.conf, dest: /proc/x}]\n"), 7, 27, "no place");
  one_problem(with_fields("  files: [{src: ntp.conf, dest: /etc/sealift/x}]\n"), 7, 27, "belongs to Sealift");
  one_problem(with_fields("  files: [{src: ntp.conf, dest: /etc/x, mode: rw}]\n"), 7, 41, "octal");
  one_problem(with_fields("  files: [{src: ntp.conf, dest: /etc/x, role: master}]\n"), 7, 41, "control-plane");
  one_problem(with_fields("  files: [{src: ntp.conf, dest: /etc/x}, {src: ntp.conf, dest: /etc/x, role: worker}]\n"), 7,
              58, "twice");
  one_problem(with_fields("  apps: [a, a]\n"), 7, 13, "twice");
  one_problem(with_fields("  apps: a\n"), 7, 3, "list");
  const auto application = [](std::string_view spec) {
    return with_document(
        base::format("apiVersion: sealift.dev/v1\nkind: Application\nmetadata: {{name: x}}\nspec: {}\n", spec));
  };
  one_problem(application("{valuesFile: absent.yaml}"), 11, 8, "site/absent.yaml");
  one_problem(application("{valuesFile: list.yaml}"), 11, 8, "one mapping");
  one_problem(application("{values: [a]}"), 11, 8, "mapping");
  one_problem(application("{namespace: A}"), 11, 8, "namespace");
  one_problem(application("{needs: [x]}"), 11, 16, "itself");
}

TEST_CASE("a file that can't be read is an error, not a problem") {
  const auto result = load_cluster_config("/nonexistent/cluster.yaml", {});
  REQUIRE_FALSE(result);
  CHECK(result.error().code == ErrorCode::not_found);
}
