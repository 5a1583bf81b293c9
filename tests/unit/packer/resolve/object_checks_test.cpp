// SPDX-License-Identifier: Apache-2.0
// What the API server or kubectl would refuse of manifests at the site is refused at the build.
#include "packer/resolve/object_checks.h"
#include "payload/base/format.h"

#include "packer/resolve/kubernetes_apis.h"
#include "packer/resolve/object_names.h"
#include "tests/unit/packer/resolve/context.h"

using namespace sealift;
using tests::Context;

namespace {

std::string config_map(std::string_view name, std::string_view more = {}) {
  return base::format("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {}}}\n{}", name, more);
}

void for_1_34(resolve::Request& request) { request.kubernetes_version = "v1.34.4"; }

size_t warnings(const Context& context, std::string_view text) {
  size_t out = 0;
  for (const auto& event : context.events.events())
    out += event.level == Level::warning && event.message.contains(text) ? 1 : 0;
  return out;
}

}  // namespace

TEST_CASE("a container of a built-in kind without an image is refused with file, object and path") {
  const Context context;
  const auto refusal = [&](std::string_view manifest) {
    context.write("m/a.yaml", manifest);
    return context.refused("APP erp local://m\n");
  };
  CHECK(
      refusal("apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: web}]}\n") ==
      "Kubefile:2: APP erp: m/a.yaml:1: Pod/p: .spec.containers[0] (web) has no image; the API server would refuse it");
  for (const auto kind : {"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"})
    CHECK(refusal(base::format("apiVersion: apps/v1\nkind: {}\nmetadata: {{name: d}}\nspec: {{template: {{spec: "
                               "{{initContainers: [{{name: i, image: ''}}]}}}}}}\n",
                               kind))
              .contains(base::format("{}/d: .spec.template.spec.initContainers[0] (i) has no image", kind)));
  CHECK(
      refusal("apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: c}\nspec: {jobTemplate: {spec: {template: {spec: "
              "{containers: [{name: j}]}}}}}\n")
          .contains(".spec.jobTemplate.spec.template.spec.containers[0] (j)"));
  CHECK(refusal("apiVersion: v1\nkind: List\nitems:\n- {apiVersion: batch/v1, kind: Job, metadata: {name: j}, spec: "
                "{template: {spec: {containers: [{name: j}]}}}}\n")
            .contains("m/a.yaml:4: Job/j"));
  // what an operator fills in is no pod yet
  context.write("m/a.yaml",
                "apiVersion: acme.example/v1\nkind: Thing\nmetadata: {name: t}\nspec: {containers: [{name: web}]}\n");
  context.resolved("APP erp local://m\n");
}

TEST_CASE("an image with blanks around its name is refused, as the API server refuses its pods") {
  const Context context;
  const auto pod = [](std::string_view image) {
    return base::format(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec: {{containers: [{{name: w, image: {}}}]}}\n", image);
  };
  context.write("m/a.yaml", pod("' nginx:1.27 '"));
  const auto text = context.refused("APP erp local://m\n");
  CHECK(text.contains("\" nginx:1.27 \": no node can pull a name with blanks or line ends around it"));
  CHECK(text.contains("m/a.yaml:4, Pod/p .spec.containers[0].image"));
}

TEST_CASE("an object that stands twice in an application is refused with both places") {
  const Context context;
  context.write("m/a.yaml", config_map("one") + "---\n" + config_map("two"));
  context.write("m/b.yaml", config_map("two", "data: {a: b}\n"));
  CHECK(context.refused("APP erp local://m\n") ==
        "Kubefile:2: APP erp: m/b.yaml:1: ConfigMap/two: it stands at m/a.yaml:5 already, and the last one would win; "
        "remove one of them");
  // an absent namespace is the application's; versions of one group share their objects
  context.write("m/b.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: two, namespace: data}\n");
  CHECK(context.refused("APP erp local://m NAMESPACE data\n").contains("m/b.yaml:1"));
  context.resolved("APP erp local://m NAMESPACE other\n");
  context.write("m/b.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: two}\n");
  context.resolved("APP erp local://m\n");
  context.resolved("APP erp local://app\nAPP other local://app\n");  // the site gives them namespaces
}

TEST_CASE("an application without any object is refused") {
  const Context context;
  context.write("m/a.yaml", "# nothing yet\n");
  context.write("m/b.yaml", "");
  CHECK(context.refused("APP erp local://m\n") ==
        "Kubefile:2: APP erp: its files hold no object; there is nothing to apply");
}

TEST_CASE("API versions that the base's Kubernetes has removed are refused, deprecated ones are warned about") {
  const Context context;
  const auto object = [&](std::string_view api_version, std::string_view kind) {
    context.write("m/a.yaml", base::format("apiVersion: {}\nkind: {}\nmetadata: {{name: x}}\n", api_version, kind));
  };
  object("extensions/v1beta1", "Ingress");
  CHECK(
      context.refused("APP erp local://m\n", for_1_34) ==
      "Kubefile:2: APP erp: m/a.yaml:1: Ingress/x: Kubernetes 1.22 removed extensions/v1beta1, and this artifact is for "
      "1.34; use networking.k8s.io/v1");
  object("policy/v1beta1", "PodSecurityPolicy");
  CHECK(context.refused("APP erp local://m\n", for_1_34).contains("1.25 removed policy/v1beta1"));
  object("batch/v1beta1", "CronJob");
  CHECK(context.refused("APP erp local://m\n", for_1_34).contains("use batch/v1"));
  context.resolved("APP erp local://m\n");  // without a base, nobody knows
  CHECK(context.refused("APP erp local://m\n", [](auto& request) { request.kubernetes_version = "v1.25.0"; })
            .contains("1.25 removed batch/v1beta1, and this artifact is for 1.25"));
  context.resolved("APP erp local://m\n", [](auto& request) { request.kubernetes_version = "v1.24.0"; });
  CHECK(warnings(context,
                 "CronJob/x: batch/v1beta1 is deprecated since Kubernetes 1.21, and removed in 1.25; use batch/v1") ==
        1);
  object("v1", "Endpoints");
  context.resolved("APP erp local://m\n", for_1_34);
  CHECK(warnings(context, "Endpoints/x: v1 is deprecated since Kubernetes 1.33; use") == 1);
  object("networking.k8s.io/v1", "Ingress");
  context.resolved("APP erp local://m\n", for_1_34);
}

TEST_CASE("the table of old APIs is in order: each version deprecated before it is removed, no entry twice") {
  std::set<std::pair<std::string_view, std::string_view>> seen;
  int last = 1000;
  for (const auto& api : resolve::old_apis()) {
    INFO(api.api_version << " " << api.kind);
    CHECK(seen.emplace(api.api_version, api.kind).second);
    CHECK_FALSE(api.instead.empty());
    const int removed = api.removed == 0 ? 999 : api.removed;
    CHECK(api.deprecated < removed);
    CHECK(removed <= last);
    last = removed;
  }
  CHECK(resolve::find_old_api("policy/v1beta1", "PodDisruptionBudget")->instead == "policy/v1");
  CHECK(resolve::find_old_api("policy/v1beta1", "PodSecurityPolicy")->instead != "policy/v1");
  CHECK(resolve::find_old_api("storage.k8s.io/v1beta1", "VolumeAttributesClass")->instead == "storage.k8s.io/v1");
  CHECK(resolve::find_old_api("storage.k8s.io/v1beta1", "Something") == nullptr);
  CHECK(resolve::find_old_api("v1", "Pod") == nullptr);
  CHECK(resolve::minor_of("v1.34.4") == 34);
  CHECK(resolve::minor_of("1.9") == 9);
  for (const auto* text : {"", "v2.1.0", "1", "1.x", "1.12345678901"}) CHECK_FALSE(resolve::minor_of(text));
}

TEST_CASE("objects larger than the cluster takes are refused with their size and the limit") {
  const Context context;
  const auto refusal = [&](const std::string& manifest) {
    context.write("m/a.yaml", manifest);
    return context.refused("APP erp local://m\n");
  };
  const auto of = [](size_t bytes) { return std::string(bytes, 'x'); };
  const size_t mib = size_t{1} << 20;
  CHECK(
      refusal("apiVersion: acme.example/v1\nkind: Thing\nmetadata: {name: t}\nspec: {text: " + of(mib * 3 / 2) + "}\n")
          .contains("Thing/t: it is 1.5 MiB, and etcd takes objects of at most 1.5 MiB; split it"));
  CHECK(refusal(config_map("a", "data: {k: " + of(mib + 1) + "}\n"))
            .contains("ConfigMap/a: it has data of 1.0 MiB, and the API server takes data of at most 1.0 MiB"));
  CHECK(refusal("apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {k: " + of((mib + 8) / 3 * 4) + "}\n")
            .contains("Secret/s: it has data"));
  CHECK(refusal("apiVersion: v1\nkind: Service\nmetadata: {name: s, annotations: {a: " + of(mib / 4) + "}}\n")
            .contains("it has annotations of 256 KiB"));
  // up to the limits
  context.write("m/a.yaml", config_map("a", "data: {k: " + of(mib) + "}\n") +
                                "---\napiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {k: " + of(mib / 3 * 4) +
                                "}\n");
  context.resolved("APP erp local://m\n");
}

TEST_CASE("a name that the API server refuses is refused with its object") {
  const Context context;
  context.write("m/a.yaml", config_map("'a b'"));
  CHECK(
      context.refused("APP erp local://m\n") ==
      "Kubefile:2: APP erp: m/a.yaml:1: ConfigMap/a b: the API server refuses this name: lower-case letters, digits and "
      "- and . are allowed, with a letter or digit at both ends and beside each .");
  context.write("m/a.yaml",
                "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: 'system:A b'}\n");
  context.resolved("APP erp local://m\n");
  context.write("m/a.yaml", "apiVersion: acme.example/v1\nkind: Thing\nmetadata: {name: Upper}\n");
  context.resolved("APP erp local://m\n");
  CHECK(warnings(context, "Thing/Upper: the API server may refuse this name") == 1);
}

TEST_CASE("names are judged by what their kind allows, and refused only where that is certain") {
  const auto refused = [](std::string_view group, std::string_view kind, std::string_view name) {
    const auto problem = resolve::name_problem(group, kind, name);
    return problem && problem->is_certain;
  };
  for (const auto* name : {"a", "a.b", "0", "a-b.c-1", "kube-root-ca.crt"}) {
    INFO(name);
    CHECK_FALSE(resolve::name_problem("", "Secret", name));
  }
  for (const auto* name : {"A", "a_b", "a b", "-a", "a-", ".a", "a.", "a..b", "a.-b", "a/b", "ä", "a:b", "..", "a\n"}) {
    INFO(name);
    CHECK(refused("", "Secret", name));
    CHECK(refused("apps", "Deployment", name));
  }
  CHECK_FALSE(resolve::name_problem("", "Secret", std::string(253, 'a')));
  CHECK(refused("", "Secret", std::string(254, 'a')));
  for (const auto* kind : {"Namespace", "Service"}) {
    CHECK(refused("", kind, "a.b"));
    CHECK_FALSE(resolve::name_problem("", kind, std::string(63, 'a')));
    CHECK(refused("", kind, std::string(64, 'a')));
  }
  CHECK_FALSE(resolve::name_problem("serving.example", "Service", "a.b"));  // another one
  CHECK_FALSE(resolve::name_problem("batch", "CronJob", std::string(52, 'a')));
  CHECK(refused("batch", "CronJob", std::string(53, 'a')));
  // parts of paths
  for (const auto* kind : {"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"}) {
    CHECK_FALSE(resolve::name_problem("rbac.authorization.k8s.io", kind, "system:Foo bar"));
    for (const auto* name : {".", "..", "a/b", "a%b"}) CHECK(refused("rbac.authorization.k8s.io", kind, name));
  }
  CHECK_FALSE(resolve::name_problem("networking.k8s.io", "IPAddress", "fd00::1"));
  // who knows what another server takes
  CHECK(resolve::name_problem("acme.example", "Thing", "a:b"));
  CHECK_FALSE(refused("acme.example", "Thing", "a:b"));
  CHECK(refused("acme.example", "Thing", "a/b"));
}
