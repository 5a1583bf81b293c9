// SPDX-License-Identifier: Apache-2.0
// What looks like an image and is none: nothing is said about it. Each case was seen in a real chart.
#include "tests/unit/payload/workloads/finding.h"

using namespace sealift;
using namespace sealift::tests;

TEST_CASE("resource definitions describe images and name none, also inside of strings") {
  const std::string definition =
      "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: a}\nspec:\n"
      "  properties:\n    image: {type: string, description: 'for example docker.io/acme/node:v3'}\n"
      "    repository: {type: string, example: reg.example/a}\n    tag: {type: string, example: '1'}\n";
  CHECK(silent(definition));
  std::string indented;
  for (const char c : definition) indented += c == '\n' ? "\n    " : std::string(1, c);
  CHECK(silent(config_map("  crd: |\n    " + indented)));
}

TEST_CASE("comments inside strings and examples name nothing") {
  CHECK(silent(config_map("  conf: |\n    # image: reg.example/old:1\n    level: info # or reg.example/a:2\n")));
  CHECK(silent(config_map("  _example: |\n    image: reg.example/example:latest\n")));
  CHECK(silent("kind: Thing\nmetadata: {annotations: {alm-examples: '[{\"image\": \"acme/a:1\"}]'}}\n"));
  CHECK(silent(
      "kind: Thing\nmetadata: {annotations: {kubectl.kubernetes.io/last-applied-configuration: '{\"image\": \"acme/a:1\"}'}}\n"));
}

TEST_CASE("what is filled in later is no name") {
  for (const std::string value : {"{{ .ProxyImage }}", "${trialParameters.image}", "$(IMAGE)", "###REGISTRY###/a/b:1",
                                  "reg.example/a:%VERSION%", "ko://example.dev/cmd/x", "<image>", "reg/*"}) {
    INFO(value);
    CHECK(silent(resource("{image: '" + value + "', steps: [{name: x, image: '" + value + "'}]}")));
    CHECK(silent(resource("{env: [{name: X_IMAGE, value: '" + value + "'}], args: ['--x-image=" + value + "']}")));
    CHECK(silent(config_map("  image: '" + value + "'\n  f: |\n    image: '" + value + "'")));
  }
}

TEST_CASE("words that choose no image are no names") {
  for (const std::string value : {"auto", "disabled", "''", "{}", "null", "true", "default", "none", "'2'", "1.5"}) {
    INFO(value);
    CHECK(silent(resource("{image: " + value + ", baseImage: " + value + "}")));
    CHECK(silent(config_map("  kubernetes.podspec-volumes-image: " + value)));
  }
  CHECK(silent(resource("{repository: '', tag: '', registry: ''}")));
}

TEST_CASE("other properties of images are no images") {
  CHECK(silent(resource(
      "{imagePullPolicy: IfNotPresent, imagePullSecrets: [{name: regcred}], imageFormat: '2', imageFeatures: layering, imageTag: v1, image-gc-high: 85}")));
  CHECK(silent(
      resource("{args: ['--image-pull-policy=Always', '--image-tag=v1'], env: [{name: IMAGE_TAG, value: v1}]}")));
  CHECK(silent("apiVersion: v1\nkind: PersistentVolume\nspec: {rbd: {image: disk-one, pool: rbd}}\n"));
  CHECK(silent(
      "apiVersion: storage.k8s.io/v1\nkind: StorageClass\nparameters: {image: pool, imageFeatures: layering, x: 'reg.example/a:1'}\n"));
}

TEST_CASE("files and addresses of pictures are no images") {
  CHECK(silent(resource("{image: logo.png, coverImage: /static/cover.jpg, image_url: 'https://a.example/b.png'}")));
  CHECK(silent(resource("{osImage: ubuntu-x, machine: {disk_image: golden, vm-image: base}}")));
  CHECK(silent(resource("{image: 'data:image/png;base64,AAAA', osImage: ubuntu-22.04.qcow2}")));
}

TEST_CASE("names with colons and slashes of other worlds are no images") {
  for (const std::string value : {"db.example:5432",
                                  "10.0.0.1:9090",
                                  "system:masters",
                                  "crossplane:aggregate-to-view",
                                  "http:svc",
                                  "apiserver_request:burnrate1d",
                                  "s0:c123,c456",
                                  "1000:1000",
                                  "app.kubernetes.io/component:webhook",
                                  "topology.k8s.io/zone:a",
                                  "asg:tag=k8s.io/cluster-autoscaler/enabled",
                                  "mesh/ingress-gateway",
                                  "unix:///run/a.sock",
                                  "unix:/run/a.sock",
                                  "rsa:3072",
                                  "a.example/path",
                                  "https://a.example/b:1",
                                  "github.com/acme/tool:v1",
                                  "sum(rate(x{image!=\"\"}[5m]))",
                                  "example-1.2.3",
                                  "2024.01/02:30",
                                  "10.0.0.0/8:22"}) {
    INFO(value);
    CHECK(silent(
        resource("{address: '" + value + "', list: ['" + value + "'], args: ['--x=" + value + "', '" + value + "']}")));
    CHECK(silent(resource("{env: [{name: ADDRESS, value: '" + value + "'}]}")));
    CHECK(silent(config_map("  address: '" + value + "'")));
  }
}

TEST_CASE("roles speak of images as resources, rules of metrics") {
  CHECK(silent(
      "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: image-reflector-controller}\nrules: [{resources: [images, imagestreams, backingimages], image: acme/a:1}]\n"));
  CHECK(silent(
      "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nspec: {groups: [{rules: [{record: 'a:b', expr: x, image: acme/a:1}]}]}\n"));
}

TEST_CASE("labels and selectors are no images") {
  CHECK(silent(
      "apiVersion: v1\nkind: Service\nmetadata: {name: a, labels: {image: acme/a:1, helm.sh/chart: x-1.2.3}}\nspec: {selector: {image: acme/a:1}}\n"));
}

TEST_CASE("kustomizations name what they replace") {
  CHECK(silent(
      "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nimages: [{name: acme/a, newTag: '1'}]\n"));
}

TEST_CASE("artifacts that no node runs are omitted with their reason") {
  for (const std::string value :
       {"oci://reg.example/charts/a", "docker://reg.example/disk:1", "reg.example/sec/trivy-db:2",
        "reg.example/sec/trivy-java-db", "reg.example/sec/trivy-checks:1", "reg.example/a:sha256-0123.sig"}) {
    INFO(value);
    const auto all = findings(config_map("  source: '" + value + "'"));
    CHECK(all.images.empty());
    CHECK(all.unresolved.empty());
    REQUIRE(all.omitted.size() == 1);
    CHECK(all.omitted[0].text == value);
  }
}
