// SPDX-License-Identifier: Apache-2.0
// P03–P09, P13: images in variables, flags, fields and ConfigMaps.
#include "payload/base/format.h"
#include "tests/unit/payload/workloads/finding.h"

using namespace sealift;
using namespace sealift::tests;

namespace {

std::string variable(std::string_view name, std::string_view value) {
  return resource(base::format("{{env: [{{name: {}, value: \"{}\"}}]}}", name, value));
}
std::string arguments(std::string_view list) { return resource(base::format("{{args: {}}}", list)); }

}  // namespace

TEST_CASE("environment variables hold whole names") {
  CHECK(images(variable("SIDECAR_IMAGE", "reg.example/mesh/proxy:2")) ==
        Lines{"reg.example/mesh/proxy:2, environment, .spec.env[name=SIDECAR_IMAGE].value"});
  CHECK(names(variable("RELATED_IMAGE_STORE_15", "acme/store:15")) == Lines{"acme/store:15"});
  CHECK(names(variable("OPERATOR_IMAGE_NAME", "redis:7")) == Lines{"redis:7"});
  CHECK(names(variable("DEFAULT_BUILDER", "reg.example/build/maven:1")) == Lines{"reg.example/build/maven:1"});
  CHECK(silent(variable("DEFAULT_BUILDER", "build/maven:1")));
}

TEST_CASE("a variable may hold a map or a list of images") {
  CHECK(names(variable("KAFKA_IMAGES", "3.1=reg.example/k:3.1\\n3.2=acme/k:3.2\\n")) ==
        Lines{"reg.example/k:3.1", "acme/k:3.2"});
  CHECK(names(variable("PRELOAD_IMAGES", "reg.example/a:1, reg.example/b:2")) ==
        Lines{"reg.example/a:1", "reg.example/b:2"});
  CHECK(names(resource("{images: 'acme/a:1,acme/b:2', imageNote: 'built from acme/c:1'}")) ==
        Lines{"acme/a:1", "acme/b:2"});
  CHECK(silent(variable("OPTIONS", "a=acme/k:3.1,b=c")));
}

TEST_CASE("flags hold images, after = or as the next word") {
  CHECK(images(arguments("['--helper-image=acme/busy:1']")) == Lines{"acme/busy:1, flag, .spec.args[0]"});
  CHECK(images(arguments("[run, --helper-image, 'acme/busy:1', --other, 'acme/no:1']")) ==
        Lines{"acme/busy:1, flag, .spec.args[2]"});
  CHECK(names(arguments("['--opmImage=reg.example/opm:1', '-reloader=reg.example/reload:2']")) ==
        Lines{"reg.example/opm:1", "reg.example/reload:2"});
  CHECK(names(resource("{command: [manager, '--image', 'redis:7']}")) == Lines{"redis:7"});
  CHECK(unresolved(arguments("['--agent-image=agent']")) == Lines{"agent, .spec.args[0]"});
}

TEST_CASE("flags within a text for a shell are found, comments and variables are not") {
  CHECK(
      names(resource(
          R"({command: [sh, -ec, "exec run \\\n  -proxy-image=acme/proxy:1 \\\n  --agent-image 'reg.example/agent:2'\n# -old-image=acme/old:1\nIMAGE=acme/set:1 \\\n -x=$IMAGE -bare-image=bare\n"]})")) ==
      Lines{"acme/proxy:1", "reg.example/agent:2", "acme/set:1"});
  CHECK(names(resource("{command: 'run --helper-image=acme/busy:1'}")) == Lines{"acme/busy:1"});
}

TEST_CASE("fields of custom resources whose key says image hold one") {
  for (const std::string key : {"image", "sidecarImage", "docker_image", "imageName", "imageRef", "baseImage",
                                "image-name", "proxyImageURL", "dockerimage"}) {
    INFO(key);
    CHECK(images(resource(base::format("{{backup: {{{}: 'acme/backup:9'}}}}", key))).size() == 1);
  }
  CHECK(names(resource("{image: 'redis:7', images: ['acme/a:1', 'reg.example/b:2', plain]}")) ==
        Lines{"redis:7", "acme/a:1", "reg.example/b:2"});
  CHECK(names(resource("{images: {proxy: 'acme/proxy:1'}, image: {uri: 'acme/other:1'}}")) ==
        Lines{"acme/proxy:1", "acme/other:1"});
  CHECK(names(resource("{image: 'reg.example/a@sha256:" + std::string(64, 'a') + "'}")).size() == 1);
}

TEST_CASE("a bare name outside of pods gets no tag, but is told") {
  CHECK(unresolved(resource("{image: proxyv2, hub: reg.example, tag: '1'}")).empty());
  CHECK(unresolved(resource("{proxy: {image: proxyv2}, hub: reg.example}")) == Lines{"proxyv2, .spec.proxy.image"});
  CHECK(unresolved(resource("{baseImage: acme/pd, image: reg.example/x}")) ==
        Lines{"acme/pd, .spec.baseImage", "reg.example/x, .spec.image"});
  CHECK(unresolved(variable("MONGODB_IMAGE", "enterprise-server")) ==
        Lines{"enterprise-server, .spec.env[name=MONGODB_IMAGE].value"});
  CHECK(findings(resource("{image: proxyv2}")).images.empty());
}

TEST_CASE("a bare name is no question where its repository is packed with a tag") {
  const std::string bare = resource("{proxyImage: reg.example/proxy}");
  const std::string pod = "kind: Pod\nspec: {containers: [{image: 'reg.example/proxy:2'}]}\n";
  CHECK(unresolved(bare + "---\n" + pod).empty());
  CHECK(omitted(bare + "---\n" + pod) ==
        Lines{"reg.example/proxy, a name without a tag; reg.example/proxy:2 is packed"});
  CHECK(names(bare + "---\n" + pod) == Lines{"reg.example/proxy:2"});
  CHECK(unresolved(resource("{image: proxy}") + "---\nkind: Pod\nspec: {containers: [{image: 'proxy:2'}]}\n") ==
        Lines{"proxy, .spec.image"});
}

TEST_CASE("a name split over fields of one mapping is put together") {
  const auto one = [](std::string_view fields) { return names(resource(base::format("{{part: {}}}", fields))); };
  CHECK(images(resource("{gateway: {repository: reg.example/gw, tag: '4'}}")) ==
        Lines{"reg.example/gw:4, split fields, .spec.gateway"});
  CHECK(one("{registry: reg.example, repository: a/b, tag: 1.20}") == Lines{"reg.example/a/b:1.20"});
  CHECK(one("{registry: reg.example, repository: reg.example/a, tag: '1'}") == Lines{"reg.example/a:1"});
  CHECK(one("{hub: reg.example/x, image: proxy, tag: '1'}") == Lines{"reg.example/x/proxy:1"});
  CHECK(one("{repository: reg.example/gpu, image: driver, version: '5'}") == Lines{"reg.example/gpu/driver:5"});
  CHECK(one("{baseImage: acme/pd, version: v5}") == Lines{"acme/pd:v5"});
  CHECK(names(resource("{version: v6, pd: {baseImage: acme/pd}}")) == Lines{"acme/pd:v6"});
  CHECK(one("{image: acme/pd, tag: v5}") == Lines{"acme/pd:v5"});
  CHECK(names(resource("{image: {name: acme/a, tag: '1'}}")) == Lines{"acme/a:1"});
  CHECK(names(resource("{image: {name: acme/a, version: '2'}}")) == Lines{"acme/a:2"});
  CHECK(one("{image: acme/art, defaultImageVersion: latest}") == Lines{"acme/art:latest"});
  CHECK(names(resource("{image: {repository: redis, tag: '7'}}")) == Lines{"redis:7"});
  CHECK(names(resource("{image: {repository: acme/a, version: '7'}}")) == Lines{"acme/a:7"});
  const std::string digest(64, 'b');
  CHECK(one("{repository: acme/a, tag: '1', digest: 'sha256:" + digest + "'}") == Lines{"acme/a:1@sha256:" + digest});
  CHECK(one("{repository: acme/a, sha: " + digest + "}") == Lines{"acme/a@sha256:" + digest});
}

TEST_CASE("a name with a part missing is told where a key says image") {
  CHECK(unresolved(resource("{image: {repository: acme/a, tag: ''}}")) == Lines{"acme/a, .spec.image"});
  CHECK(unresolved(resource("{image: {tag: v1}}")) == Lines{"v1, .spec.image"});
  CHECK(silent(resource("{source: {repository: acme/a}, chart: {repository: 'https://charts.example/a', tag: '1'}}")));
  CHECK(silent(resource("{image: {repository: '', tag: ''}, other: {image: {pullPolicy: Always}}}")));
  CHECK(silent(resource("{part: {enabled: false, image: {repository: acme/a, tag: ''}}}")));
  CHECK(silent(resource("{part: {enabled: false, image: proxy}}")));
}

TEST_CASE("ConfigMaps hold whole names under keys that say nothing") {
  CHECK(images(config_map("  provisioner: reg.example/csi/provisioner:v6")) ==
        Lines{"reg.example/csi/provisioner:v6, reference, .data.provisioner"});
  CHECK(images(config_map("  node.imageRef: acme/node:1")) == Lines{"acme/node:1, field, .data[node.imageRef]"});
  CHECK(silent(config_map("  provisioner: csi/provisioner:v6")));
}

TEST_CASE("a variable that takes an image from a ConfigMap proves what that entry is") {
  const std::string user = resource(
      "{env: [{name: CSI_IMAGE, valueFrom: {configMapKeyRef: {name: a, key: csi}}}, {name: MODE, valueFrom: {configMapKeyRef: {name: a, key: mode}}}]}");
  const std::string holder = config_map("  csi: csi/provisioner:v6\n  mode: plain/mode:1");
  CHECK(images(user + "---\n" + holder) == Lines{"csi/provisioner:v6, reference, .data.csi"});
  CHECK(images(holder + "---\n" + user) == Lines{"csi/provisioner:v6, reference, .data.csi"});
}

TEST_CASE("values whose names share their beginning are put together") {
  CHECK(images(resource(
            "{env: [{name: A_IMAGE_REPOSITORY, value: acme/a}, {name: A_IMAGE_TAG, value: '1'}, {name: B_REPO, "
            "value: reg.example/b}, {name: B_VERSION, value: '2'}, {name: C_IMAGE, value: acme/c}, {name: "
            "C_VERSION, value: '3'}]}")) == Lines{"acme/a:1, split fields, .spec.env[name=A_IMAGE_REPOSITORY].value",
                                                  "reg.example/b:2, split fields, .spec.env[name=B_REPO].value",
                                                  "acme/c:3, split fields, .spec.env[name=C_IMAGE].value"});
  CHECK(images(arguments("['--a-image-repository=acme/a', '--a-image-tag=1']")) ==
        Lines{"acme/a:1, split fields, .spec.args[0]"});
  CHECK(names(resource("{proxyImageRepository: acme/a, proxyImageRegistry: reg.example, proxyImageTag: '1'}")) ==
        Lines{"reg.example/acme/a:1"});
  CHECK(unresolved(resource("{proxyImage: acme/a, proxyTag: '1'}")).empty());
  CHECK(
      silent(resource("{gitRepo: acme/a, gitVersion: '1', env: [{name: GIT_REPO, value: github.com/acme/a}, {name: "
                      "GIT_TAG, value: v1}]}")));
}

TEST_CASE("settings of other formats hold images under keys that say so") {
  CHECK(images(config_map(
            "  config.toml: |\n    [[runners]]\n      image = \"acme/run:1\"\n      # image = \"acme/old:1\"\n"
            "      url = \"acme/no:1\"\n")) == Lines{"acme/run:1, field, .data[config.toml]"});
  CHECK(names(config_map("  a.properties: |\n    sidecar.image=acme/side:2\n    sidecar.port=80\n")) ==
        Lines{"acme/side:2"});
}

TEST_CASE("flat keys of one prefix are put together") {
  CHECK(images(config_map("  scan.repository: reg.example/scan\n  scan.tag: '0.7'")) ==
        Lines{"reg.example/scan:0.7, split fields, .data[scan.repository]"});
  CHECK(silent(config_map("  scan.repository: reg.example/scan\n  other.tag: '0.7'")));
}

TEST_CASE("a Secret's entries are read as a ConfigMap's are") {
  CHECK(images("apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {agent: 'reg.example/agent:1'}\n") ==
        Lines{"reg.example/agent:1, reference, .stringData.agent"});
  // image: reg.example/agent:1
  CHECK(
      images("apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {c: aW1hZ2U6IHJlZy5leGFtcGxlL2FnZW50OjEK}\n") ==
      Lines{"reg.example/agent:1, field, .data.c > .image"});
}

TEST_CASE("of a resource definition only the defaults of image properties count") {
  CHECK(
      images(R"(apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things}
spec:
  versions:
  - schema:
      openAPIV3Schema:
        properties:
          image: {type: string, description: 'such as reg.example/a:1', example: 'reg.example/a:2'}
          repository: {type: string, default: reg.example/r}
          tag: {type: string, default: '1'}
          size: {type: string, default: 'reg.example/size:1'}
          proxy:
            properties:
              docker_image: {type: string, default: 'reg.example/pg:17'}
              image: {type: string, default: bare}
)") ==
      Lines{
          "reg.example/pg:17, schema default, .spec.versions[0].schema.openAPIV3Schema.properties.proxy.properties.docker_image.default"});
}
