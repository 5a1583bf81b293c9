// SPDX-License-Identifier: Apache-2.0
// An application is checked before it is packed for everything it needs at the site.
#include <catch2/catch_test_macros.hpp>

#include <filesystem>

#include "packer/resolve/app.h"
#include "payload/base/file.h"
#include "tests/support/tar.h"
#include "tests/support/temporary_folder.h"

using namespace sealift;

namespace {

const workloads::Rules kNoRules;
const CancelToken kNoCancel;

struct Context {
  tests::TemporaryFolder folder;

  void write(const std::string& path, std::string_view text) const {
    std::filesystem::create_directories(std::filesystem::path(folder / path).parent_path());
    REQUIRE(base::write_file_atomic(folder / path, base::as_bytes(text), 0644));
  }
  Result<resolve::LocalApp> app(const std::string& source) const {
    const auto line =
        resolve::parse_kubefile("FROM scratch\nAPP erp local://" + source + "\n", "Kubefile", {}).instructions.back();
    resolve::Problems problems;
    std::map<std::string, std::string> unpacked;
    const std::string scratch = folder / "scratch";
    resolve::Locks locks;
    resolve::Remote remote(locks, folder / "cache", {}, base::system_clock(), base::no_events(), kNoCancel);
    resolve::BuildContext context(folder.path());
    auto out = resolve::local_app(line.place, std::get<resolve::AddApp>(line.what),
                                  {context, scratch, kNoRules, problems, unpacked, remote});
    SEALIFT_TRY(problems.joined());
    return out;
  }
  // The error names the line of the Kubefile.
  std::string refused(const std::string& source) const {
    const auto done = app(source);
    INFO(source);
    REQUIRE_FALSE(done);
    CHECK(done.error().code == ErrorCode::invalid_input);
    CHECK(done.error().text().contains("Kubefile:2"));
    return done.error().text();
  }
  void accepted(const std::string& source) const {
    const auto done = app(source);
    if (!done) FAIL(done.error().text());
  }
};

std::string packed_chart(const std::string& path, std::string_view text) {
  return tests::gzip(tests::tar({{path, std::string(text)}}));
}

constexpr auto* kDependent = R"(apiVersion: v2
name: erp
version: 1.2.3
dependencies:
- {name: redis, version: ^18.0.0, repository: "https://charts.example", condition: redis.enabled}
- {name: common, version: 2.x, alias: basis}
)";

}  // namespace

TEST_CASE("a chart without the charts that it depends on is refused with their names and the remedy") {
  const Context context;
  context.write("c/Chart.yaml", kDependent);
  const auto both = context.refused("c");
  CHECK(both.contains("redis ^18.0.0, common 2.x;"));
  CHECK(both.contains("helm dependency build " + context.folder / "c"));
  CHECK(both.contains("chart erp"));
  context.write("c/charts/redis/Chart.yaml", "name: redis\nversion: 18.1.0\n");
  const auto one = context.refused("c");
  CHECK(one.contains("charts: common 2.x;"));
  CHECK_FALSE(one.contains("redis ^18"));
  context.write("c/charts/anything.tgz", packed_chart("common/Chart.yaml", "name: common\nversion: 2.0.0\n"));
  context.accepted("c");
  CHECK(context.app("c")->app.version == "1.2.3");
}

TEST_CASE("charts in charts/ count by their own name, as helm reads them") {
  const Context context;
  context.write("c/Chart.yaml", "name: erp\nversion: 1.0.0\ndependencies: [{name: redis, version: 1.0.0}]\n");
  // names of folders and files do not count, nor does what helm skips or what lies deeper
  context.write("c/charts/redis/Chart.yaml", "name: valkey\nversion: 1.0.0\n");
  context.write("c/charts/redis-1.0.0.tgz",
                packed_chart("redis-cluster/Chart.yaml", "name: redis-cluster\nversion: 1.0.0\n"));
  context.write("c/charts/_redis/Chart.yaml", "name: redis\nversion: 1.0.0\n");
  context.write("c/charts/.redis/Chart.yaml", "name: redis\nversion: 1.0.0\n");
  context.write("c/charts/valkey/charts/redis/Chart.yaml", "name: redis\nversion: 1.0.0\n");
  context.write("c/charts/README.md", "name: redis\n");
  CHECK(context.refused("c").contains("redis 1.0.0"));
  context.write("c/charts/other/Chart.yaml", "name: redis\nversion: 1.0.0\n");
  context.accepted("c");
}

TEST_CASE("dependencies of the first chart format stand in requirements.yaml") {
  const Context context;
  context.write("c/Chart.yaml", "apiVersion: v1\nname: erp\nversion: 1.0.0\n");
  context.write("c/requirements.yaml", "dependencies:\n- {name: redis, version: 1.0.0, repository: '@stable'}\n");
  CHECK(context.refused("c").contains("redis 1.0.0"));
  context.write("c/charts/redis/Chart.yaml", "name: redis\nversion: 1.0.0\n");
  context.accepted("c");
}

TEST_CASE("charts that need nothing, and charts that say nothing, are told apart") {
  const Context context;
  context.write("none/Chart.yaml", "name: erp\nversion: 1.0.0\n");
  context.write("empty/Chart.yaml", "name: erp\nversion: 1.0.0\ndependencies: []\n");
  context.write("null/Chart.yaml", "name: erp\nversion: 1.0.0\ndependencies:\n");
  for (const char* chart : {"none", "empty", "null"}) context.accepted(chart);
  context.write("version/Chart.yaml", "name: erp\n");
  context.write("broken/Chart.yaml", "name: [erp\n");
  CHECK(context.app("version").error().text().contains("no version"));
  CHECK_FALSE(context.app("broken"));
  context.write("archive/Chart.yaml", "name: erp\nversion: 1.0.0\ndependencies: [{name: a, version: 1.0.0}]\n");
  for (const std::string& bytes :
       {std::string("no archive"), packed_chart("a/values.yaml", "name: a\n"),
        packed_chart("a/b/Chart.yaml", "name: a\n"), packed_chart("a/Chart.yaml", "name: a\n").substr(0, 300)}) {
    context.write("archive/charts/a-1.0.0.tgz", bytes);
    const auto refused = context.app("archive");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().text().contains("a-1.0.0.tgz"));
  }
}

TEST_CASE("a manifest that can't be read at the site is refused with file and line") {
  const Context context;
  context.write("m/a.yaml",
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\napiVersion: v1\nkind: [ConfigMap\n");
  CHECK(context.refused("m").contains("m/a.yaml:"));
  context.write("m/a.yaml", std::string_view("\0\5\x16\7", 4));  // left behind by macOS copies
  CHECK(context.refused("m").contains("m/a.yaml:1"));
  context.write("m/a.yaml",
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\n\nmetadata: {name: a}\nkind: ConfigMap\n");
  CHECK(context.refused("m").contains("m/a.yaml:6: the object has no apiVersion"));
  context.write("m/a.yaml", "apiVersion: v1\nmetadata: {name: a}\n");
  CHECK(context.refused("m").contains("no kind"));
  context.write("m/a.yaml", "- apiVersion: v1\n  kind: ConfigMap\n");
  CHECK(context.refused("m").contains("must be an object"));
  context.write("m/a.json", R"({"apiVersion": "v1", "kind": )");
  context.write("m/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n");
  CHECK(context.refused("m").contains("m/a.json"));
  context.write("m/a.json",
                "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\"},\"data\":{\"a\":\"" +
                    std::string(size_t{4} << 20, 'x') + "\"}}");
  CHECK(context.refused("m").contains("m/a.json"));
}

TEST_CASE("a manifest without a name, or with another one at every run, is refused") {
  const Context context;
  context.write("m/a.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {labels: {a: b}}\n");
  CHECK(context.refused("m").contains("m/a.yaml:1: the Secret has no metadata.name"));
  context.write("m/a.yaml", "apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: job-}\n");
  CHECK(context.refused("m").contains("m/a.yaml:1: the Job has generateName"));
  context.write("m/a.yaml", "apiVersion: v1\nkind: List\nitems: []\n");
  context.accepted("m");
}

TEST_CASE("what editors and file managers leave behind is refused by name") {
  const Context context;
  context.write("m/a.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n");
  for (const std::string name : {"._a.yaml", ".#a.yaml", "a.yaml~", ".a.yaml.swp", "a.yaml.orig", ".DS_Store"}) {
    context.write("m/" + name, "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n");
    CHECK(context.refused("m").contains("m/" + name));
    std::filesystem::remove(context.folder / ("m/" + name));
  }
  context.accepted("m");
}

TEST_CASE("a kustomization is left for kubectl, and stands alone") {
  const Context context;
  context.write("k/kustomization.yaml", "resources: [d.yaml]\n");
  context.write("k/d.yaml", "no manifest yet\n");
  const auto app = context.app("k");
  if (!app) FAIL(app.error().text());
  CHECK(app->folder == context.folder / "k");
  CHECK(app->app.kind == format::AppKind::manifests);
  CHECK(app->files.empty());
  context.write("sub/deep/kustomization.yaml", "resources: []\n");
  CHECK(context.refused("sub").contains("name its folder alone"));
}

TEST_CASE("a packed chart is unpacked and checked like a folder") {
  const Context context;
  context.write("erp-1.0.0.tgz", packed_chart("erp/Chart.yaml", "name: erp\nversion: 1.0.0\n"));
  const auto app = context.app("erp-1.0.0.tgz");
  if (!app) FAIL(app.error().text());
  CHECK(app->app.kind == format::AppKind::helm);
  CHECK(app->app.version == "1.0.0");
  CHECK(app->folder == context.folder / "scratch/erp.chart");
  CHECK(app->files.size() == 1);
  for (const auto& path : {"../Chart.yaml", "erp/../../Chart.yaml", "/erp/Chart.yaml", "Chart.yaml"}) {
    std::filesystem::remove_all(context.folder / "scratch");
    context.write("bad.tgz", packed_chart(path, "name: erp\nversion: 1.0.0\n"));
    CHECK(context.refused("bad.tgz").contains("bad.tgz can't be read as a packed chart"));
  }
  CHECK_FALSE(std::filesystem::exists(context.folder / "Chart.yaml"));
}

TEST_CASE(
    "what kubectl takes is taken: several documents, comments only, JSON, equal keys, marks and line ends of other systems") {
  const Context context;
  context.write(
      "m/many.yaml",
      "# a note\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: a}\n");
  context.write("m/note.yaml", "# only a note\n");
  context.write("m/empty.yml", "");
  context.write("m/directive.yaml", "%YAML 1.2\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n");
  context.write("m/windows.yaml",
                "\xef\xbb\xbf"
                "apiVersion: v1\r\nkind: ConfigMap\r\nmetadata: {name: a}\r\ndata: {a: b}\r\n");
  context.write(
      "m/one.json",
      "{\n\t\"apiVersion\": \"v1\",\n\t\"kind\": \"ConfigMap\",\n\t\"metadata\": {\"name\": \"a\"},\n\t\"data\": {\"a\": \"\\u00e4\\/b\"}\n}\n");
  context.write("m/twice.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: '1', a: '2'}\n");
  std::string deep = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: ";
  for (int i = 0; i < 100; ++i) deep += "{a: ";
  context.write("m/deep.yaml", deep + "b" + std::string(100, '}') + "\n");
  context.accepted("m");
}

TEST_CASE("the images that manifests want are told with their place") {
  const Context context;
  context.write(
      "m/d.yaml",
      "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop}\nspec:\n  template:\n    spec:\n      containers:\n      - name: c\n        image: quay.io/example/shop:1.0\n");
  auto app = context.app("m");
  if (!app) FAIL(app.error().text());
  REQUIRE(app->inspectors.size() == 1);
  const auto images = app->inspectors[0].finish({}).images;
  REQUIRE(images.size() == 1);
  CHECK(images[0].use.image == "quay.io/example/shop:1.0");
  CHECK(images[0].use.object == "Deployment/shop");
  CHECK(images[0].use.file == "apps/erp/d.yaml");
  CHECK(images[0].use.path == ".spec.template.spec.containers[0].image");
  CHECK(images[0].place == context.folder / "m/d.yaml" + ":9");
}

TEST_CASE("a folder that looks like a chart and has no Chart.yaml is told as what it is") {
  const Context context;
  context.write("values/values.yaml", "replicas: 1\n");
  context.write("templates/templates/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n");
  context.write("both/values.yaml", "replicas: 1\n");
  context.write("both/NOTES", "x");
  context.write("both/templates/_helpers.tpl", "x");
  for (const char* source : {"values", "templates", "both"}) {
    const auto text = context.refused(source);
    CHECK(text.contains(std::string(context.folder / source) + " holds " +
                        (source == std::string("values") ? "values.yaml" : "templates/")));
    CHECK(text.contains("no Chart.yaml; add it"));
  }
  context.write("plain/sub/values.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n");
  context.accepted("plain");
}
