// SPDX-License-Identifier: Apache-2.0
#include "packer/cli/sizes.h"

#include <catch2/catch_test_macros.hpp>

using namespace sealift;

namespace {

format::ObjectRef object(std::string_view name, uint64_t size) { return {hash::sha256(base::as_bytes(name)), size}; }

format::Image image(const std::string& name, const std::vector<format::ObjectRef>& layers) {
  format::Image out;
  out.name = name;
  out.root = object(name + " manifest", 1);
  format::Image::Platform platform;
  platform.manifest = out.root;
  platform.config = object(name + " config", 10);
  platform.layers = layers;
  out.platforms.push_back(platform);
  return out;
}

format::App app(const std::string& name, const std::vector<std::string>& images) {
  format::App out;
  out.name = name;
  out.root = "apps/" + name;
  for (const auto& used : images) out.uses.push_back({.image = used});
  return out;
}

format::Contents product() {
  format::Contents out;
  out.images = {image("db", {object("system", 5000), object("db", 300)}),
                image("web", {object("system", 5000), object("web", 70)}), image("rest", {object("rest", 900)})};
  out.apps = {app("db", {"db"}), app("web", {"web", "db"}), app("web2", {"web"})};
  out.apps[1].values = {"values/web.yaml"};
  out.tree["apps/db/a.yaml"] = {object("a", 2), 0644};
  out.tree["apps/web2/a.yaml"] = {object("b", 3), 0644};
  out.tree["values/web.yaml"] = {object("values", 4), 0644};
  out.tree["docs/readme"] = {object("readme", 20), 0644};
  return out;
}

}  // namespace

TEST_CASE("each byte is an application's own, or shared by those that have it, or of the rest") {
  const auto sizes = packer_cli::sizes_by_app(product());
  REQUIRE(sizes.size() == 4);
  CHECK(sizes[0].app == "db");
  CHECK(sizes[0].own == 2);
  CHECK(sizes[0].shared == 1 + 10 + 300 + 5000);
  CHECK(sizes[1].own == 4);  // both of its images are somebody else's too
  CHECK(sizes[1].shared == 2 * (1 + 10) + 300 + 70 + 5000);
  CHECK(sizes[2].own == 3);  // "apps/web" is not its folder, though its own begins so
  CHECK(sizes[2].shared == 1 + 10 + 70 + 5000);
  CHECK(sizes[3].app.empty());
  CHECK(sizes[3].own == 1 + 10 + 900 + 20);
  CHECK(sizes[3].shared == 0);
}

TEST_CASE("the largest layers come first, with all images that have them") {
  const auto layers = packer_cli::largest_layers(product(), 3);
  REQUIRE(layers.size() == 3);
  CHECK(layers[0].layer.size == 5000);
  CHECK(layers[0].images == std::vector<std::string>{"db", "web"});
  CHECK(layers[1].layer.size == 900);
  CHECK(layers[2].layer.size == 300);
  CHECK(packer_cli::largest_layers(product(), 99).size() == 4);
}
