// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/apps.h"
#include "payload/base/format.h"

#include "tests/unit/runtime/steps/two_apps.h"

using namespace sealift;
using base::Command;
using base::CommandIo;
using engine::StepState;
using tests::Apps;
using tests::failed;
using tests::kManifest;

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

namespace {

std::string waiting_pod(std::string_view app, std::string_view image, std::string_view reason) {
  return base::format(
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
  apps.control_plane.put(base::format("{}/{}", host::kArtifactRecords, record.file_name()), host::to_text(record));
  apps.releases =
      R"([{"release":"shop","namespace":"store","objects":[{"kind":"Deployment","namespace":"store","name":"echo"}]}])";
  const std::string both = "Deployment  web  echo\nDeployment  store  echo\n";
  apps.there = both;
  for (const auto* app : {&apps.hello, &apps.shop}) {
    INFO(app->app->name);
    auto step = apps.step(*app);
    apps.control_plane.bring(step);
    const auto title = base::format("Deployment {}/echo", app->target_namespace);
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
