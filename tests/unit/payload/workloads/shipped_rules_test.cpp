// SPDX-License-Identifier: Apache-2.0
// The rules of packer/rules, each on a small document of the kind that it is for.
#include <algorithm>
#include <filesystem>
#include <set>

#include "payload/base/file.h"
#include "payload/base/format.h"
#include "tests/support/source_tree.h"
#include "tests/unit/payload/workloads/finding.h"

using namespace sealift;
using namespace sealift::tests;

namespace {

workloads::Rules shipped() {
  workloads::Rules out;
  for (const auto& entry : std::filesystem::directory_iterator(source_path("packer/rules"))) {
    if (entry.path().extension() != ".yaml") continue;
    const auto text = base::read_text_file(entry.path(), size_t{1} << 20);
    if (!text) FAIL(text.error().text());
    const auto added = out.add(*text, entry.path().filename().string());
    if (!added) FAIL(added.error().text());
  }
  return out;
}

// "image, rule"; what is unresolved with "!", what is omitted with "-".
Lines found(std::string_view documents) {
  Lines out;
  const auto all = findings(documents, shipped());
  for (const auto& use : all.images) {
    if (use.found_by.starts_with("rule ")) out.push_back(base::format("{}, {}", use.image, use.found_by.substr(5)));
  }
  for (const auto& one : all.unresolved) out.push_back("!" + one.text);
  for (const auto& one : all.omitted) out.push_back("-" + one.text);
  std::ranges::sort(out);
  return out;
}

std::string object(std::string_view group, std::string_view kind, std::string_view spec) {
  return base::format("apiVersion: {}{}v1\nkind: {}\nmetadata: {{name: a}}\nspec: {}\n---\n", group,
                      group.empty() ? "" : "/", kind, spec);
}
std::string deployment(std::string_view image, std::string_view env = "") {
  return object(
      "apps", "Deployment",
      base::format("{{template: {{spec: {{containers: [{{name: c, image: '{}', env: [{}]}}]}}}}}}", image, env));
}
std::string config_map(std::string_view name, std::string_view data) {
  return base::format(
      "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {}, labels: {{app.kubernetes.io/part-of: istio}}}}\ndata: {}\n---\n",
      name, data);
}

}  // namespace

TEST_CASE("every shipped rule says where it was seen, and is tested below") {
  std::set<std::string> tested{"istio-proxy",
                               "istio-values",
                               "eck-elasticsearch",
                               "eck-kibana",
                               "eck-apm-server",
                               "eck-logstash",
                               "eck-enterprise-search",
                               "eck-beat",
                               "eck-agent",
                               "victoria-metrics-single",
                               "victoria-metrics-single-scraping",
                               "victoria-metrics-agent",
                               "victoria-metrics-alert",
                               "victoria-metrics-alertmanager",
                               "victoria-metrics-auth",
                               "victoria-metrics-cluster",
                               "tigera-calico",
                               "tigera-apiserver",
                               "tigera-goldmane",
                               "tigera-whisker",
                               "tigera-gateway",
                               "tigera-guardian",
                               "tigera-istio",
                               "minio-sidecar",
                               "spotahome-redis",
                               "trivy-scanner",
                               "strimzi-built",
                               "falco-artifacts",
                               "crossplane-packages",
                               "nvidia-drivers",
                               "flux-image-repository",
                               "cluster-api-machines"};
  for (const auto& rule : shipped().all) {
    INFO(rule.name);
    CHECK(tested.erase(rule.name) == 1);
    CHECK(rule.source.starts_with("https://"));
    CHECK_FALSE(rule.seen_with.empty());
  }
  CHECK(tested.empty());
}

TEST_CASE("istio") {
  CHECK(found(config_map(
            "istio-sidecar-injector-canary",
            R"({values: '{"global": {"hub": "reg.example/istio", "tag": "1.30", "proxy": {"image": "proxyv2"}}}'})")) ==
        Lines{"reg.example/istio/proxyv2:1.30, istio-proxy"});
  CHECK(
      found(config_map(
          "istio-sidecar-injector",
          R"({values: '{"global": {"hub": "h.example", "tag": "1", "proxy": {"image": "p"}, "proxy_init": {"image": "i"}}}'})")) ==
      Lines{"h.example/i:1, istio-proxy", "h.example/p:1, istio-proxy"});
  CHECK(found(config_map("istio-sidecar-injector", R"({values: '{"global": {"tag": "1"}}'})")).size() == 1);
  CHECK(found(config_map("values", R"({merged-values: '{"image": "pilot"}'})")) == Lines{"-pilot"});
}

TEST_CASE("eck") {
  const std::string settings =
      config_map("elastic-operator", "{eck.yaml: \"container-registry: own.example\\ncontainer-suffix: -x\\n\"}");
  const std::string store = object("elasticsearch.k8s.elastic.co", "Elasticsearch", "{version: 9.4.2}");
  CHECK(found(store) == Lines{"docker.elastic.co/elasticsearch/elasticsearch:9.4.2, eck-elasticsearch"});
  CHECK(found(settings + store) == Lines{"own.example/elasticsearch/elasticsearch-x:9.4.2, eck-elasticsearch"});
  CHECK(found(object("elasticsearch.k8s.elastic.co", "Elasticsearch", "{version: 9.4.2, image: 'own.example/es:1'}"))
            .empty());
  CHECK(found(object("kibana.k8s.elastic.co", "Kibana", "{version: 9.4.2}")) ==
        Lines{"docker.elastic.co/kibana/kibana:9.4.2, eck-kibana"});
  CHECK(found(object("apm.k8s.elastic.co", "ApmServer", "{version: 8.1.0}")) ==
        Lines{"docker.elastic.co/apm/apm-server:8.1.0, eck-apm-server"});
  CHECK(found(object("logstash.k8s.elastic.co", "Logstash", "{version: 8.1.0}")) ==
        Lines{"docker.elastic.co/logstash/logstash:8.1.0, eck-logstash"});
  CHECK(found(object("enterprisesearch.k8s.elastic.co", "EnterpriseSearch", "{version: 8.1.0}")) ==
        Lines{"docker.elastic.co/enterprise-search/enterprise-search:8.1.0, eck-enterprise-search"});
  CHECK(found(object("beat.k8s.elastic.co", "Beat", "{type: filebeat, version: 8.1.0}")) ==
        Lines{"docker.elastic.co/beats/filebeat:8.1.0, eck-beat"});
  CHECK(found(object("agent.k8s.elastic.co", "Agent", "{version: 8.1.0}")) ==
        Lines{"docker.elastic.co/beats/elastic-agent:8.1.0, eck-agent"});
  CHECK(found(object("agent.k8s.elastic.co", "Agent", "{version: 9.0.1}")) ==
        Lines{"docker.elastic.co/elastic-agent/elastic-agent:9.0.1, eck-agent"});
}

TEST_CASE("victoria metrics") {
  const auto resource = [](std::string_view kind, std::string_view spec) {
    return object("operator.victoriametrics.com", kind, spec);
  };
  const std::string op = deployment("victoriametrics/operator:v0.74.0");
  CHECK(found(resource("VMSingle", "{image: {tag: v1}}")) ==
        Lines{"docker.io/victoriametrics/victoria-metrics:v1, victoria-metrics-single"});
  CHECK(found(resource("VMSingle", "{image: {tag: v1, repository: own.example/vm}}")).empty());
  CHECK(found(resource("VMSingle", "{}")) == Lines{"!{registry}/victoriametrics/victoria-metrics:{.spec.image.tag}"});
  CHECK(found(op + resource("VMSingle", "{image: {tag: v1}, ingestOnlyMode: false}")) ==
        Lines{"docker.io/victoriametrics/operator:config-reloader-v0.74.0, victoria-metrics-single-scraping",
              "docker.io/victoriametrics/victoria-metrics:v1, victoria-metrics-single"});
  CHECK(found(op + resource("VMAgent", "{image: {tag: v1}}")) ==
        Lines{"docker.io/victoriametrics/operator:config-reloader-v0.74.0, victoria-metrics-agent",
              "docker.io/victoriametrics/vmagent:v1, victoria-metrics-agent"});
  CHECK(found(op + resource("VMAlert", "{image: {tag: v1}}"))[1] ==
        "docker.io/victoriametrics/vmalert:v1, victoria-metrics-alert");
  CHECK(found(op + resource("VMAuth", "{image: {tag: v1}}"))[1] ==
        "docker.io/victoriametrics/vmauth:v1, victoria-metrics-auth");
  const std::string own =
      deployment("own.example/victoriametrics/operator:v0.74.0", "{name: VM_CONTAINERREGISTRY, value: own.example}");
  CHECK(found(own + resource("VMAlertmanager", "{image: {tag: v2}}")) ==
        Lines{"own.example/prom/alertmanager:v2, victoria-metrics-alertmanager",
              "own.example/victoriametrics/operator:config-reloader-v0.74.0, victoria-metrics-alertmanager"});
  CHECK(found(resource("VMCluster", "{vmselect: {image: {tag: v1-cluster}}, vmstorage: {image: {tag: v1-cluster}}}")) ==
        Lines{"docker.io/victoriametrics/vmselect:v1-cluster, victoria-metrics-cluster",
              "docker.io/victoriametrics/vmstorage:v1-cluster, victoria-metrics-cluster"});
}

TEST_CASE("tigera operator") {
  const std::string op = deployment("quay.io/tigera/operator:v1.40.15");
  const auto resource = [](std::string_view kind, std::string_view spec = "{}") {
    return object("operator.tigera.io", kind, spec);
  };
  const auto base = found(op + resource("Installation"));
  CHECK(base.size() == 8);
  CHECK(std::ranges::contains(base, "quay.io/calico/node:v3.31.7, tigera-calico"));
  const std::string own = resource("Installation", "{registry: own.example, imagePath: net, imagePrefix: x-}");
  CHECK(std::ranges::contains(found(op + own), "own.example/net/x-typha:v3.31.7, tigera-calico"));
  CHECK(std::ranges::contains(found(op + own + resource("APIServer")),
                              "own.example/net/x-apiserver:v3.31.7, tigera-apiserver"));
  CHECK(found(op + resource("Goldmane")) == Lines{"quay.io/calico/goldmane:v3.31.7, tigera-goldmane"});
  CHECK(found(op + resource("Whisker")).size() == 2);
  CHECK(found(op + resource("GatewayAPI")).size() == 3);
  CHECK(found(op + resource("ManagementClusterConnection")) ==
        Lines{"quay.io/calico/guardian:v3.31.7, tigera-guardian"});
  CHECK(found(op + resource("Istio")).size() == 4);
  CHECK(found(deployment("quay.io/tigera/operator:v1.41.0") + resource("Installation")) == Lines{"!v1.41.0"});
}

TEST_CASE("minio operator") {
  CHECK(found(deployment("quay.io/minio/operator:v7.1.1")) ==
        Lines{"quay.io/minio/operator-sidecar:v7.0.1, minio-sidecar"});
  CHECK(
      found(deployment("quay.io/minio/operator:v7.1.1", "{name: OPERATOR_SIDECAR_IMAGE, value: 'own.example/side:1'}"))
          .empty());
  CHECK(found(deployment("quay.io/minio/operator:v8.0.0")) == Lines{"!v8.0.0"});
  CHECK(found(deployment("quay.io/other/operator:v8.0.0")).empty());
}

TEST_CASE("spotahome's redis operator") {
  const std::string op = deployment("quay.io/spotahome/redis-operator:v1.3.0");
  const auto redis = [](std::string_view spec) { return object("databases.spotahome.com", "RedisFailover", spec); };
  CHECK(found(op + redis("{redis: {replicas: 3, exporter: {enabled: true}}}")) ==
        Lines{"quay.io/oliver006/redis_exporter:v1.43.0, spotahome-redis", "redis:6.2.6-alpine, spotahome-redis"});
  CHECK(found(op + redis("{redis: {image: 'redis:8'}, sentinel: {image: 'redis:8', exporter: {enabled: false}}}"))
            .empty());
  CHECK(found(op).empty());
}

TEST_CASE("trivy operator") {
  // Found without the rule, too; the rule asks for what is missing.
  const auto all = findings(
      config_map("trivy-operator-trivy-config", "{trivy.repository: reg.example/trivy, trivy.tag: '0.72'}"), shipped());
  REQUIRE(all.images.size() == 1);
  CHECK(all.images[0].image == "reg.example/trivy:0.72");
  CHECK(all.unresolved.empty());
  CHECK(found(config_map("trivy-operator-trivy-config", "{trivy.repository: reg.example/trivy}")).size() == 1);
}

TEST_CASE("drivers whose names only the nodes complete") {
  const auto all = findings(
      object(
          "nvidia.com", "ClusterPolicy",
          "{driver: {repository: reg.example/nv, image: driver, version: '5', manager: {repository: reg.example/nv, image: manager, version: '1'}}}"),
      shipped());
  REQUIRE(all.images.size() == 1);
  CHECK(all.images[0].image == "reg.example/nv/manager:1");
  REQUIRE(all.omitted.size() == 1);
  CHECK(all.omitted[0].text == "reg.example/nv/driver:5");
}

TEST_CASE("what other projects call images") {
  CHECK(found(object("pkg.crossplane.io", "Provider", "{package: 'reg.example/packages/provider:v1'}")) ==
        Lines{"-reg.example/packages/provider:v1"});
  CHECK(found(config_map("rel-falcoctl",
                         "{falcoctl.yaml: 'artifact: {install: {refs: [\"reg.example/plugins/a:1\"]}}'}")) ==
        Lines{"-reg.example/plugins/a:1"});
  CHECK(found(object("kafka.strimzi.io", "KafkaConnect",
                     "{image: 'acme/base:1', build: {output: {type: docker, image: 'reg.example/connect:1'}}}")) ==
        Lines{"-reg.example/connect:1"});
  CHECK(found(object("image.toolkit.fluxcd.io", "ImageRepository", "{image: ghcr.io/acme/app}")) ==
        Lines{"-ghcr.io/acme/app"});
  CHECK(found(object("infrastructure.cluster.x-k8s.io", "CloudMachineTemplate",
                     "{template: {spec: {image: ubuntu-x}}}")) == Lines{"-ubuntu-x"});
}
