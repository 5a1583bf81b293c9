// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/apps.h"

#include <catch2/catch_test_macros.hpp>

#include "runtime/host/artifact_record.h"
#include "tests/support/played_stage.h"
#include "tests/unit/runtime/steps/bench.h"

using namespace sealift;
using base::Command;
using base::CommandIo;
using base::ExitStatus;
using engine::StepState;
using tests::ended;
using tests::failed;
using tests::has_word;
using tests::word_after;

namespace {

constexpr std::string_view kManifest = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: echo}\n";
// As helm prints it in JSON.
constexpr std::string_view kChart =
    R"(apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: echo, namespace: store}\n)";
constexpr std::string_view kHealthy =
    R"({"kind":"List","items":[{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"echo","generation":1},"spec":{"replicas":1},)"
    R"("status":{"observedGeneration":1,"replicas":1,"updatedReplicas":1,"readyReplicas":1,"availableReplicas":1}},)"
    R"({"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"things.acme.example"},)"
    R"("status":{"conditions":[{"type":"Established","status":"True"}]}}]})";
constexpr std::string_view kStarting =
    R"({"kind":"List","items":[{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"echo","namespace":"web","generation":1},"spec":{"replicas":3,"selector":{"matchLabels":{"app":"echo"}},)"
    R"("template":{"spec":{"initContainers":[{"name":"first","image":"nginx:1.22"}],"containers":[{"name":"main","image":"quay.io/nobody/has:1"}]}}},)"
    R"("status":{"observedGeneration":1,"replicas":3,"updatedReplicas":3,"readyReplicas":1,"availableReplicas":1}}]})";

// A control plane with one manifest application and one chart; helm and kubectl record their input.
struct Apps : tests::Site {
  steps::SelectedApp hello, shop;
  std::set<std::string> namespaces;
  std::map<std::string, std::string> seen;  // files below the application's folder while helm or kubectl ran
  std::vector<std::string> kubeconfigs;
  std::string release;  // the state of its newest revision
  bool prints_release = true;
  std::shared_ptr<steps::ClusterApps> shared = std::make_shared<steps::ClusterApps>();
  std::vector<std::string> objects_asked;
  std::vector<std::string> applied;  // what kubectl read from its input, or the word "tree"
  int starting_looks = 0;
  std::string pods = R"({"kind":"List","items":[]})";
  std::string fails;
  bool others_make_it_first = false;  // the namespace
  std::string releases = "[]";        // with their objects
  std::string there;                  // kubectl's table of objects

  Apps() {
    add_file("apps/hello/all.yaml", kManifest);
    add_file("apps/hello/more/again.yaml", kManifest);
    add_file("apps/hello-two/other.yaml", "kind: Secret\n");
    add_file("charts/shop/Chart.yaml", "name: shop\nversion: 1.2.3\n");
    contents.apps = {{"hello", format::AppKind::manifests, false, "apps/hello", {}, {}},
                     {"shop", format::AppKind::helm, false, "charts/shop", {}, "1.2.3"}};
    hello = {.app = &contents.apps[0], .target_namespace = "web", .release = "hello"};
    shop = {.app = &contents.apps[1],
            .target_namespace = "store",
            .release = "shop",
            .values_yaml = "b: 3\npassword: from-values\n",
            .values_file = "a: 2\n"};
    auto& programs = control_plane.machine.programs;
    programs["exe"] = [this](tests::FakeMachine& self, const Command& command, const CommandIo& io) {
      if (has_word(command, "releases")) return Result<ExitStatus>(ended(releases));
      return has_word(command, "patch-tree") ? ended() : tests::play_stage(self, model().payload, command, io);
    };
    programs["kubectl"] = [this](tests::FakeMachine& self, const Command& command, const CommandIo& io) {
      return kubectl(self, command, io);
    };
    programs["helm"] = [this](tests::FakeMachine& self, const Command& command, const CommandIo&) {
      return helm(self, command);
    };
  }
  steps::AppStep step(const steps::SelectedApp& app) { return {model(), app, shared}; }
  // The files below /run/sealift/apps.
  std::vector<std::string> staged() const {
    std::vector<std::string> out;
    for (const auto& [path, file] : control_plane.machine.world.files) {
      if (path.starts_with("/run/sealift/apps/") && file.type == host::FileType::regular) out.push_back(path);
    }
    return out;
  }

 private:
  void look(const tests::FakeMachine& self) {
    seen.clear();
    for (const auto& [path, file] : self.world.files) {
      if (!path.starts_with("/run/sealift/apps/")) continue;
      CHECK(file.spec.mode == (file.type == host::FileType::regular ? 0600U : 0700U));
      if (file.type == host::FileType::regular) seen[path] = base::as_text(file.content);
    }
  }
  Result<ExitStatus> kubectl(tests::FakeMachine& self, const Command& command, const CommandIo& io) {
    for (const auto& variable : command.environment)
      if (variable.starts_with("KUBECONFIG=")) kubeconfigs.push_back(variable);
    if (has_word(command, "create")) {
      namespaces.insert(word_after(command, "namespace"));
      if (others_make_it_first) return failed("Error from server (AlreadyExists): namespaces \"web\" already exists");
      return ended();
    }
    if (has_word(command, "namespace")) return ended(namespaces.contains(word_after(command, "namespace")) ? "{}" : "");
    if (has_word(command, "wait")) {
      applied.push_back("wait for " + std::string(base::as_text(io.input)));
      CHECK(has_word(command, "--for=condition=Established"));
      return ended();
    }
    if (has_word(command, "apply")) {
      look(self);
      applied.push_back(word_after(command, "--filename") == "-" ? std::string(base::as_text(io.input)) : "tree");
      return fails.empty() ? ended() : failed(fails);
    }
    if (has_word(command, "secrets")) {
      CHECK(word_after(command, "--selector") == "owner=helm,status!=superseded");
      CHECK(word_after(command, "--label-columns") == "name,version,status");
      return ended(
          release.empty()
              ? ""
              : std::format("store   sh.helm.release.v1.shop.v1   helm.sh/release.v1   1   5m   shop   1   {}\n",
                            release));
    }
    if (has_word(command, "pods")) return ended(pods);
    if (has_word(command, "--no-headers")) return ended(there);
    objects_asked.emplace_back(base::as_text(io.input));
    if (starting_looks-- <= 0) return ended(std::string(kHealthy));
    std::string starting(kStarting);
    if (const auto at = starting.find("\"web\""); objects_asked.back().contains("namespace: store"))
      starting.replace(at, 5, "\"store\"");
    return ended(starting);
  }
  Result<ExitStatus> helm(tests::FakeMachine& self, const Command& command) {
    for (const auto& variable : command.environment) CHECK(variable.contains("=/run/"));
    if (has_word(command, "uninstall")) {
      release.clear();
      return ended();
    }
    if (has_word(command, "rollback")) {
      release = "deployed";
      return ended();
    }
    if (has_word(command, "manifest")) return ended(std::string(kManifest));
    look(self);
    if (release == "uninstalling") return failed("Error: UPGRADE FAILED: \"shop\" has no deployed releases");
    if (release.starts_with("pending-"))
      return failed("Error: UPGRADE FAILED: another operation (install/upgrade/rollback) is in progress");
    if (!fails.empty()) return failed(fails);
    release = "deployed";
    return ended(prints_release ? std::format("{{\"manifest\":\"{}\"}}", kChart) : "{\"cut off");
  }
};

}  // namespace

TEST_CASE("manifests: laid out for kubectl, applied into their namespace, and taken away again") {
  Apps apps;
  auto step = apps.step(apps.hello);
  auto& bench = apps.control_plane;
  bench.bring(step);
  CHECK(apps.namespaces == std::set<std::string>{"web"});
  const auto command = bench.change("apply");
  CHECK(command.contains("--server-side"));
  CHECK(command.contains("--filename /run/sealift/apps/hello/tree"));
  CHECK(apps.seen.at("/run/sealift/apps/hello/tree/all.yaml") == kManifest);
  CHECK(apps.seen.at("/run/sealift/apps/hello/tree/more/again.yaml") == kManifest);
  CHECK_FALSE(apps.seen.contains("/run/sealift/apps/hello/tree/other.yaml"));  // of hello-two
  CHECK(apps.seen.at("/run/sealift/apps/hello/namespace.yaml").contains("namespace: web"));
  CHECK(apps.kubeconfigs.back() == "KUBECONFIG=/run/sealift/apps/hello/namespace.yaml:/etc/kubernetes/admin.conf");
  CHECK(apps.staged().empty());
  REQUIRE(apps.objects_asked.size() == 1);
  CHECK(apps.objects_asked[0].contains("name: echo"));
  CHECK(apps.objects_asked[0].contains("namespace: web"));
  // an existing namespace is not created again
  bench.machine.world.recorded.clear();
  bench.machine.changes.clear();
  apps.shared->forget();
  bench.bring(step);
  CHECK(bench.changed("create") == 0);
}

TEST_CASE("manifests: a namespace that another application made meanwhile is as good") {
  Apps apps;
  apps.others_make_it_first = true;
  auto step = apps.step(apps.hello);
  apps.control_plane.bring(step);
}

TEST_CASE("manifests: namespaces and resource definitions go ahead of what needs them, whatever their files' order") {
  Apps apps;
  apps.add_file("apps/hello/a.yaml",
                "apiVersion: acme.example/v1\nkind: Thing\nmetadata: {name: t, namespace: late}\n");
  apps.add_file("apps/hello/z.yaml",
                "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Namespace, metadata: {name: late}}\n---\n"
                "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: "
                "things.acme.example}\nspec: {versions: [{name: \"1\"}]}\n");
  auto step = apps.step(apps.hello);
  apps.control_plane.bring(step);
  REQUIRE(apps.applied.size() == 4);
  CHECK(apps.applied[0].contains("name: late"));
  CHECK_FALSE(apps.applied[0].contains("Thing"));
  CHECK(apps.applied[1].contains("name: things.acme.example"));
  CHECK(apps.applied[1].contains("name: \"1\""));
  CHECK(apps.applied[2].contains("wait for "));
  CHECK(apps.applied[2].contains("name: things.acme.example"));
  CHECK(apps.applied[3] == "tree");
  // nothing goes ahead where nothing has to
  Apps plain;
  auto simple = plain.step(plain.hello);
  plain.control_plane.bring(simple);
  CHECK(plain.applied == std::vector<std::string>{"tree"});
}

TEST_CASE("applications: other files, values or namespaces are other inputs") {
  const auto inputs = [](const std::function<void(Apps&)>& change, bool chart) {
    Apps apps;
    change(apps);
    return apps.step(chart ? apps.shop : apps.hello).inputs();
  };
  const auto same = [](Apps&) {};
  for (const bool chart : {false, true}) {
    CHECK(inputs(same, chart) == inputs(same, chart));
    CHECK(inputs(same, chart) !=
          inputs([&](Apps& apps) { (chart ? apps.shop : apps.hello).target_namespace = "other"; }, chart));
    CHECK(inputs(same, chart) !=
          inputs([&](Apps& apps) { apps.add_file(chart ? "charts/shop/x.yaml" : "apps/hello/x.yaml", "x"); }, chart));
    CHECK(inputs(same, chart) == inputs([&](Apps& apps) { apps.add_file("apps/hello-two/x.yaml", "x"); }, chart));
  }
  CHECK(inputs(same, true) != inputs([](Apps& apps) { apps.shop.values_yaml = "b: 4\n"; }, true));
  CHECK(inputs(same, true) !=
        inputs([](Apps& apps) { apps.config.network.pods = "10.99.0.0/16"; }, true));  // charts get these values
  CHECK(inputs(same, false) == inputs([](Apps& apps) { apps.config.network.pods = "10.99.0.0/16"; }, false));
}

TEST_CASE("applications: what kubectl or helm refuses is told, leaves no values behind, and is not recorded") {
  for (const bool chart : {false, true}) {
    Apps apps;
    apps.fails = "Error: no matches for kind \"Thing\"";
    auto step = apps.step(chart ? apps.shop : apps.hello);
    const auto done = apps.control_plane.apply(step);
    REQUIRE_FALSE(done);
    CHECK(done.error().code == ErrorCode::command_failed);
    CHECK(done.error().text().contains("no matches for kind"));
    CHECK(done.error().text().contains(chart ? "installing shop" : "installing hello"));
    CHECK(apps.staged().empty());
    CHECK(apps.control_plane.machine.world.recorded.empty());
    apps.fails.clear();
    apps.control_plane.bring(step);
  }
}

TEST_CASE("applications: the gate opens when the objects are as they should be, and not before") {
  Apps apps;
  apps.starting_looks = 5;
  auto step = apps.step(apps.hello);
  apps.control_plane.bring(step);
  CHECK(apps.objects_asked.size() == 6);
  apps.control_plane.machine.world.recorded.clear();
  apps.starting_looks = INT_MAX;
  const auto late = apps.control_plane.apply(step);
  REQUIRE_FALSE(late);
  CHECK(late.error().code == ErrorCode::unhealthy);
  INFO(late.error().text());
  CHECK(late.error().text().contains("hello"));
  CHECK(late.error().text().contains("Deployment/echo: 1 of 3"));
  CHECK(apps.control_plane.machine.world.recorded.empty());
  CHECK(apps.control_plane.check(step) == StepState::needed);
}

TEST_CASE("charts: the site's facts, then valuesFile, then values; nothing of them on a command line or left behind") {
  Apps apps;
  auto step = apps.step(apps.shop);
  auto& bench = apps.control_plane;
  bench.bring(step);
  const auto command = bench.change("upgrade");
  CHECK(command.starts_with("job sealift-app-shop: "));
  CHECK(command.contains(
      "upgrade --install shop /run/sealift/apps/shop/tree --namespace store --create-namespace --timeout 600s --output json "
      "--values /run/sealift/apps/shop/values-1.yaml --values /run/sealift/apps/shop/values-2.yaml --values /run/sealift/apps/shop/values-3.yaml"));
  CHECK(apps.seen.at("/run/sealift/apps/shop/values-1.yaml") == steps::site_values(apps.model()));
  CHECK(apps.seen.at("/run/sealift/apps/shop/values-2.yaml") == "a: 2\n");
  CHECK(apps.seen.at("/run/sealift/apps/shop/values-3.yaml").contains("from-values"));
  for (const auto& change : bench.machine.changes) CHECK_FALSE(change.contains("from-values"));
  CHECK(apps.staged().empty());
  CHECK(apps.objects_asked.back().contains("namespace: store"));  // of the release
  // one that is too large to be printed whole is asked for
  Apps large;
  large.prints_release = false;
  auto step_of_large = large.step(large.shop);
  large.control_plane.bring(step_of_large);
  CHECK(large.objects_asked.back().contains("name: echo"));
  Apps plain;
  plain.shop.values_file.clear();
  plain.shop.values_yaml.clear();
  auto bare = plain.step(plain.shop);
  plain.control_plane.bring(bare);
  CHECK_FALSE(plain.control_plane.change("upgrade").contains("values-2"));
}

TEST_CASE("charts: a set of values comes before all others, and a release may have its own name") {
  Apps apps;
  apps.add_file("values/shop/large.yaml", "a: 1\n");
  auto without = apps.step(apps.shop);
  apps.shop.values_set = "values/shop/large.yaml";
  apps.shop.release = "main";
  auto step = apps.step(apps.shop);
  CHECK(step.inputs() != without.inputs());
  auto& bench = apps.control_plane;
  REQUIRE(bench.apply(step));
  CHECK(bench.change("upgrade").contains(
      "upgrade --install main /run/sealift/apps/shop/tree --namespace store --create-namespace --timeout 600s --output json --values "
      "/run/sealift/apps/shop/values-0.yaml --values /run/sealift/apps/shop/values-1.yaml "));
  CHECK(apps.seen.at("/run/sealift/apps/shop/values-0.yaml") == "a: 1\n");
  CHECK(apps.staged().empty());
}

TEST_CASE("charts: are told networks, cluster and version") {
  Apps apps;
  apps.config.network.pods = "10.99.0.0/16";
  const auto values = steps::site_values(apps.model());
  for (const char* text : {"global:", "sealift:", "podCIDR: \"10.99.0.0/16\"", "serviceCIDR: \"10.96.0.0/12\"",
                           "clusterName: plant7", "kubernetesVersion: v1.34.4"}) {
    INFO(text << " in\n" << values);
    CHECK(values.contains(text));
  }
}

TEST_CASE("charts: a release that a kill left pending is taken away or back, one that stands is left alone") {
  for (const auto& [left, recovers] : {std::pair{"pending-install", "uninstall shop"},
                                       {"pending-upgrade", "rollback shop"},
                                       {"pending-rollback", "rollback shop"},
                                       {"uninstalling", "uninstall shop"},
                                       {"deployed", ""},
                                       {"failed", ""}}) {
    INFO(left);
    Apps apps;
    apps.release = left;
    auto step = apps.step(apps.shop);
    apps.control_plane.bring(step);
    CHECK(apps.release == "deployed");
    CHECK(apps.control_plane.changed("sealift-recover-shop") == (*recovers == '\0' ? 0 : 1));
    if (*recovers != '\0') CHECK(apps.control_plane.change("sealift-recover-shop").contains(recovers));
  }
}

TEST_CASE("charts: a release that somebody removed is installed again") {
  Apps apps;
  auto step = apps.step(apps.shop);
  apps.control_plane.bring(step);
  apps.release.clear();
  CHECK(apps.control_plane.check(step) == StepState::done);  // asked once in a delivery
  apps.shared->forget();
  CHECK(apps.control_plane.check(step) == StepState::needed);
}

namespace {

std::string waiting_pod(std::string_view app, std::string_view image, std::string_view reason) {
  return std::format(
      R"({{"kind":"Pod","metadata":{{"name":"{0}-1","namespace":"web","labels":{{"app":"{0}"}}}},"spec":{{"containers":[{{"name":"main","image":"{1}"}}]}},)"
      R"("status":{{"containerStatuses":[{{"name":"main","ready":false,"state":{{"waiting":{{"reason":"{2}","message":"not found"}}}}}}]}}}})",
      app, image, reason);
}

}  // namespace

TEST_CASE("applications: what somebody has deleted of them is named, and installed again") {
  Apps apps;
  apps.release = "deployed";
  host::ArtifactRecord record{.name = "demo", .identity = hash::sha256(base::as_bytes("demo")), .payloads = {"p"}};
  record.apps = {{.name = "hello",
                  .target_namespace = "web",
                  .release = "hello",
                  .objects = {{"apps/v1", "Deployment", "", "echo"}}},
                 {.name = "shop", .target_namespace = "store", .release = "shop"}};
  apps.control_plane.folder(std::string(host::kArtifactRecords));
  apps.control_plane.put(std::format("{}/{}", host::kArtifactRecords, record.file_name()), host::to_text(record));
  apps.releases =
      R"([{"release":"shop","namespace":"store","objects":[{"kind":"Deployment","namespace":"store","name":"echo"}]}])";
  const std::string both = "Deployment  web  echo\nDeployment  store  echo\n";
  apps.there = both;
  for (const auto* app : {&apps.hello, &apps.shop}) {
    INFO(app->app->name);
    auto step = apps.step(*app);
    apps.control_plane.bring(step);
    const auto title = std::format("Deployment {}/echo", app->target_namespace);
    apps.there = app == &apps.hello ? "Deployment  store  echo\n" : "Deployment  web  echo\n";
    apps.shared->forget();
    CHECK(apps.control_plane.check(step) == StepState::needed);
    CHECK(step.describe().ends_with(": " + title + " is not there"));
    REQUIRE(apps.control_plane.apply(step));
    CHECK(apps.control_plane.check(step) == StepState::done);
    apps.there = both;
    apps.shared->forget();
    CHECK(apps.control_plane.check(step) == StepState::done);
  }
}

TEST_CASE("an image that is nowhere in the artifact ends the waiting at once, by its name") {
  Apps apps;
  apps.starting_looks = INT_MAX;
  apps.pods = R"({"kind":"List","items":[)" + waiting_pod("echo", "quay.io/nobody/has:1", "ImagePullBackOff") + "]}";
  auto step = apps.step(apps.hello);
  const auto done = apps.control_plane.apply(step);
  REQUIRE_FALSE(done);
  CHECK(done.error().code == ErrorCode::unhealthy);
  CHECK(done.error().what.contains(
      "pod echo-1 waits for the image quay.io/nobody/has:1, which is not in the artifact shop"));
  CHECK(done.error().what.contains("`IMAGE quay.io/nobody/has:1`"));
  CHECK(apps.control_plane.clock.monotonic() < std::chrono::seconds(10));
  CHECK(apps.control_plane.check(step) == StepState::needed);  // not recorded
}

TEST_CASE("images of other pods, and images that are packed, are waited for; what holds a pod up is told") {
  Apps apps;
  const auto digest = hash::sha256(base::as_bytes("m"));
  format::Image image{"docker.io/library/nginx:1.22", {digest, 1}, "application/vnd.oci.image.manifest.v1+json", {}};
  apps.builder.add_raw("m");
  apps.contents.images.push_back(image);
  apps.starting_looks = INT_MAX;
  apps.pods = R"({"kind":"List","items":[)" + waiting_pod("another", "quay.io/nobody/has:1", "ImagePullBackOff") + "," +
              waiting_pod("echo", "quay.io/nobody/had:0", "ImagePullBackOff") + "," +
              waiting_pod("echo", "nginx:1.22", "ErrImagePull") + "]}";
  auto step = apps.step(apps.hello);
  const auto done = apps.control_plane.apply(step);
  REQUIRE_FALSE(done);
  CHECK(done.error().what.contains("after 600 s"));
  CHECK(done.error().what.contains(
      "(main: ImagePullBackOff: not found)"));  // of an earlier revision: reported, but no reason to give up
}

TEST_CASE("applications: one that is to be installed alone is not waited for") {
  Apps apps;
  apps.starting_looks = INT_MAX;
  apps.hello.waits_for_health = false;
  auto step = apps.step(apps.hello);
  apps.control_plane.bring(step);
  CHECK(apps.objects_asked.empty());
}

TEST_CASE("applications: how long one may take is the site's; helm's hooks have as long") {
  Apps apps;
  apps.starting_looks = INT_MAX;
  apps.shop.timeout = std::chrono::seconds(20);
  auto step = apps.step(apps.shop);
  const auto late = apps.control_plane.apply(step);
  REQUIRE_FALSE(late);
  CHECK(late.error().code == ErrorCode::unhealthy);
  CHECK(late.error().what.contains("after 20 s"));
  CHECK(apps.control_plane.change("upgrade").contains("--timeout 20s"));
}

TEST_CASE("applications: the site's changes are in place of packed files, and other inputs") {
  Apps apps;
  auto packed = apps.step(apps.hello);
  apps.hello.changed_files = {{"all.yaml", std::string(kManifest) + "# the site's\n"}};
  auto step = apps.step(apps.hello);
  CHECK(step.inputs() != packed.inputs());
  apps.control_plane.bring(step);
  CHECK(apps.seen.at("/run/sealift/apps/hello/tree/all.yaml").contains("the site's"));
  CHECK(apps.seen.at("/run/sealift/apps/hello/tree/more/again.yaml") == kManifest);
}

TEST_CASE("applications: one that is installed otherwise is updated, which plan says once it has looked") {
  Apps apps;
  auto former = apps.step(apps.shop);
  apps.control_plane.bring(former);
  apps.shop.values_yaml = "b: 4\n";
  auto step = apps.step(apps.shop);
  CHECK(step.describe() == "install shop (helm chart 1.2.3) into store");
  CHECK(apps.control_plane.check(step) == StepState::needed);
  CHECK(step.describe() == "update shop in store: the site's settings");
}

TEST_CASE("charts: patches are made by the agent as helm's post-renderer, and come to it in a file") {
  Apps apps;
  auto packed = apps.step(apps.shop);
  const config::PatchConfig patch{.name = "more",
                                  .app = "shop",
                                  .kind = "Deployment",
                                  .target_name = "echo",
                                  .target_namespace = {},
                                  .type = config::PatchConfig::Type::json,
                                  .patch = "- {op: add, path: /metadata/annotations, value: {token: hunter7}}\n"};
  apps.shop.patches = {&patch};
  auto step = apps.step(apps.shop);
  CHECK(step.inputs() != packed.inputs());
  auto other = patch;
  other.type = config::PatchConfig::Type::merge;
  apps.shop.patches = {&other};
  CHECK(apps.step(apps.shop).inputs() != step.inputs());
  apps.shop.patches = {&patch};
  apps.control_plane.bring(step);
  const auto command = apps.control_plane.change("upgrade");
  CHECK(command.contains("--post-renderer /run/sealift/apps/shop/sealift"));
  CHECK(command.contains(
      "--post-renderer-args node --post-renderer-args patch --post-renderer-args --folder --post-renderer-args "
      "/run/sealift/apps/shop --post-renderer-args --namespace --post-renderer-args store"));
  CHECK_FALSE(command.contains("hunter7"));
  const auto patches = kube::patches_of_json(apps.seen.at("/run/sealift/apps/shop/patches.json"));
  REQUIRE(patches);
  REQUIRE(patches->size() == 1);
  CHECK(patches->front().text == patch.patch);
  CHECK(patches->front().type == "json");
  CHECK(apps.staged().empty());
}

TEST_CASE("manifests: patches are made where they are laid out, before kubectl reads them") {
  Apps apps;
  const config::PatchConfig patch{.name = "more",
                                  .app = "hello",
                                  .kind = "Deployment",
                                  .target_name = {},
                                  .target_namespace = {},
                                  .patch = "a: 1\n"};
  apps.hello.patches = {&patch};
  auto step = apps.step(apps.hello);
  apps.control_plane.bring(step);
  const auto command = apps.control_plane.change("patch-tree");
  CHECK(command.ends_with("node patch-tree --folder /run/sealift/apps/hello --namespace web"));
  const auto& changes = apps.control_plane.machine.changes;
  const auto at = [&](std::string_view word) {
    return std::ranges::find_if(changes, [&](const auto& change) { return change.contains(word); });
  };
  CHECK(at("node stage") < at("patch-tree"));
  CHECK(at("patch-tree") < at("--filename /run/sealift/apps/hello/tree"));
}

TEST_CASE("applications: values do not stay where not all files could be laid out") {
  Apps apps;
  auto& programs = apps.control_plane.machine.programs;
  const auto stage = programs["exe"];
  programs["exe"] = [stage](tests::FakeMachine& self, const Command& command, const CommandIo& io) {
    (void)stage(self, command, io);
    return failed("no space left");
  };
  auto step = apps.step(apps.shop);
  CHECK_FALSE(apps.control_plane.apply(step));
  CHECK(apps.staged().empty());
}

namespace {

// Something happens while somebody waits.
class WakingClock final : public Clock {
 public:
  explicit WakingClock(std::function<void()> on_sleep) : on_sleep_(std::move(on_sleep)) {}
  WallTime now() const override { return clock_.now(); }
  Duration monotonic() const override { return clock_.monotonic(); }
  void sleep(Duration duration) override {
    clock_.sleep(duration);
    on_sleep_();
  }

 private:
  tests::FakeClock clock_;
  std::function<void()> on_sleep_;
};

}  // namespace

TEST_CASE("charts: helm of an earlier run that is still at work is waited for, and its release left alone") {
  Apps apps;
  apps.release = "pending-upgrade";
  auto& bench = apps.control_plane;
  auto& unit = bench.machine.world.units["sealift-app-shop.service"];
  unit.active = true;
  int looks = 0;
  WakingClock clock([&] {
    if (++looks != 3) return;
    unit.active = false;
    apps.release = "deployed";
  });
  auto step = apps.step(apps.shop);
  CHECK(bench.check(step) == StepState::needed);
  engine::StepContext context{*bench.host, *bench.others, {}, {}, "cp1", bench.events, clock, step.id()};
  REQUIRE(step.apply(context));
  CHECK(looks == 3);
  CHECK(bench.changed("sealift-recover-shop") == 0);
  CHECK(bench.changed("job sealift-app-shop") == 1);
}

TEST_CASE("applications: a failed attempt is followed by a new look at what is there") {
  Apps apps;
  apps.fails = "Error: etcdserver: request timed out";
  auto step = apps.step(apps.shop);
  CHECK(apps.control_plane.check(step) == StepState::needed);
  REQUIRE_FALSE(apps.control_plane.apply(step));
  apps.fails.clear();
  apps.release = "pending-install";
  apps.control_plane.bring(step);
  CHECK(apps.control_plane.changed("sealift-recover-shop") == 1);
}
