// SPDX-License-Identifier: Apache-2.0
// The payload's helm on this machine, with a script in its place that shows what it was given.
#include <catch2/catch_test_macros.hpp>
#include <filesystem>

#include "runtime/images/chart_renderer.h"
#include "tests/unit/runtime/steps/bench.h"

using namespace sealift;

namespace {

struct Helm : tests::Site {
  explicit Helm(std::string_view script) {
    add_base(script);
    add_file("apps/erp/Chart.yaml", "name: erp\n");
    add_file("apps/erp/templates/web.yaml", "kind: Pod\n");
    contents.apps = {{.name = "erp", .kind = format::AppKind::helm, .root = "apps/erp", .version = "1"}};
  }
  Result<std::string> render(std::vector<std::string> values = {}, const CancelToken& cancel = {}) {
    const auto helm = images::make_local_renderer(model().payload);
    return helm->render({.app = &model().contents().apps.front(),
                         .release = "erp-7",
                         .target_namespace = "prod",
                         .kubernetes_version = "v1.34.4",
                         .values = std::move(values),
                         .api_versions = {"acme.example/v1"}},
                        cancel);
  }
};

}  // namespace

TEST_CASE("helm on this machine: the chart and the values are files, its words say the rest, and nothing is left") {
  Helm site(R"sh(#!/bin/sh
echo "$@"
while [ $# -gt 0 ]; do case $1 in */chart) cat "$1/Chart.yaml" "$1/templates/web.yaml" ;; --values) cat "$2" ;; esac; shift; done
env
)sh");
  const auto out = site.render({"password: secret7\n", "b: 2\n"});
  if (!out) FAIL(out.error().text());
  INFO(*out);
  CHECK(out->starts_with("template erp-7 /"));
  for (const auto* word :
       {"--namespace prod", "--include-crds", "--kube-version v1.34.4", "--api-versions acme.example/v1",
        "name: erp\nkind: Pod\npassword: secret7\nb: 2\n", "HOME=/"})
    CHECK(out->contains(word));
  CHECK_FALSE(out->substr(0, out->find('\n')).contains("secret7"));
  CHECK_FALSE(out->substr(out->find("HOME=")).contains("secret7"));
  const auto home = out->substr(out->find("HOME=") + 5);
  CHECK_FALSE(std::filesystem::exists(home.substr(0, home.find('\n'))));
}

TEST_CASE("helm on this machine: what it says is the error") {
  Helm site("#!/bin/sh\necho 'Error: execution error: host is required' >&2; exit 1\n");
  const auto out = site.render();
  REQUIRE_FALSE(out);
  CHECK(out.error().code == ErrorCode::invalid_input);
  CHECK(out.error().what == "helm says: execution error: host is required");
}

TEST_CASE("helm on this machine: a program for another machine is an error of its own") {
  Helm site("no program");
  const auto out = site.render();
  REQUIRE_FALSE(out);
  CHECK(out.error().code != ErrorCode::invalid_input);
}

TEST_CASE("kubectl on this machine: reads the object, has the patch in a file, and no cluster") {
  Helm site("helm");
  site.add_file("bin/kubectl", R"sh(#!/bin/sh
echo "kind: Pod"
echo "# $@"
cat | sed 's/^/# /'
for word; do case $word in --patch-file=*) sed 's/^/# /' "${word#--patch-file=}" ;; esac; done
env | grep KUBECONFIG | sed 's/^/# /'
)sh");
  const auto renderer = images::make_local_renderer(site.model().payload);
  const std::vector<kube::Patch> patches{{"more", "Pod", "a", "", "strategic", "password: secret7\n"}};
  const auto out = renderer->patch("kind: Pod\nmetadata: {name: a}\n", "prod", patches, {});
  if (!out) FAIL(out.error().text());
  INFO(*out);
  for (const auto* word : {"# patch --local --filename=- --type=strategic --patch-file=/", "#   name: a\n",
                           "# password: secret7\n", "KUBECONFIG=/dev/null"})
    CHECK(out->contains(word));
  const auto words = out->substr(out->find("# patch"));
  CHECK_FALSE(words.substr(0, words.find('\n')).contains("secret7"));
}
