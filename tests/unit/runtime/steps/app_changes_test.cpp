// SPDX-License-Identifier: Apache-2.0
// What plan says of an application that an artifact's next version changes.
#include "runtime/steps/app_changes.h"
#include "payload/base/format.h"

#include <catch2/catch_test_macros.hpp>

#include "runtime/steps/app_files.h"
#include "tests/unit/runtime/steps/bench.h"

using namespace sealift;

namespace {

// A chart "erp" 1.1.0 with the image acme/erp:2; `former` is what the cluster has recorded.
struct Update : tests::Site {
  host::ArtifactRecord former;
  steps::SelectedApp erp{.target_namespace = "prod", .release = "erp"};

  Update() {
    add_file("charts/erp/Chart.yaml", "name: erp\nversion: 1.1.0\n");
    contents.apps = {{"erp", format::AppKind::helm, false, "charts/erp", {}, "1.1.0"}};
    add_image("docker.io/acme/erp:2");
    former.apps = {{.name = "erp", .target_namespace = "prod", .release = "erp", .version = "1.0.0"}};
    former.images.emplace("docker.io/acme/erp:1", hash::sha256(base::as_bytes("erp 1")));
  }
  void add_image(const std::string& name) {
    contents.apps[0].uses.push_back({name, "web.yaml", "Deployment/web", ".spec", "container", {}});
    format::Image image;
    image.name = name;
    image.root = contents.tree.at("charts/erp/Chart.yaml").object;
    image.media_type = "application/vnd.oci.image.manifest.v1+json";
    image.platforms.push_back({Architecture::amd64, image.root, image.media_type, image.root, {image.root}});
    contents.images.push_back(std::move(image));
  }
  std::string changes() {
    steps::Model next{model().payload, config, base, {}, {}};
    next.before = former;
    erp.app = &next.contents().apps[0];
    return steps::app_changes(next, erp);
  }
};

}  // namespace

TEST_CASE("an update tells the chart's versions and the images that are new") {
  Update site;
  CHECK(site.changes() == "helm chart 1.0.0 → 1.1.0, image docker.io/acme/erp:2");
  Update many;
  for (int i = 3; i < 7; ++i) many.add_image(base::format("docker.io/acme/erp:{}", i));
  CHECK(many.changes() ==
        "helm chart 1.0.0 → 1.1.0, images docker.io/acme/erp:2, docker.io/acme/erp:3, docker.io/acme/erp:4 and 2 more");
}

TEST_CASE("an image of the same name that is another one is new; one that is the same is not") {
  Update site;
  site.former.apps[0].version = "1.1.0";
  site.former.images.emplace("docker.io/acme/erp:2", hash::sha256(base::as_bytes("other")));
  CHECK(site.changes() == "image docker.io/acme/erp:2");
  site.former.images["docker.io/acme/erp:2"] = site.contents.images.back().root.digest;
  CHECK(site.changes() == "the site's settings");
}

TEST_CASE("files that differ under the same version are told; without a record of them nothing is") {
  Update site;
  site.former.apps[0].version = "1.1.0";
  site.former.images.emplace("docker.io/acme/erp:2", site.contents.images.back().root.digest);
  site.former.apps[0].files = hash::sha256(base::as_bytes("other")).hex();
  CHECK(site.changes() == "its files");
  site.former.apps[0].files = steps::files_digest(site.model().contents(), site.model().contents().apps[0]).hex();
  CHECK(site.changes() == "the site's settings");
  site.former.apps.clear();
  CHECK(site.changes() == "the site's settings");
}
