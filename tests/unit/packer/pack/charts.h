// SPDX-License-Identifier: Apache-2.0
//
// A project with charts, and a shell script in helm's place.
#pragma once

#include <catch2/catch_test_macros.hpp>
#include <string>

#include "payload/base/format.h"
#include "tests/unit/packer/pack/project.h"

namespace sealift::tests {

// helm template RELEASE CHART …: prints the chart's rendered.yaml, FILE.rendered for each --values FILE, and
// VERSION.yaml of the chart for each --api-versions GROUP/VERSION; notes its arguments in the chart's folder.
inline constexpr std::string_view kHelm = R"sh(#!/bin/sh
chart=$3
printf '%s\n' "$*" >> "$chart/../asked"
[ ! -f "$chart/fails" ] || { echo 'WARNING: something' >&2; echo "Error: $(cat "$chart/fails")" >&2; exit 1; }
cat "$chart/rendered.yaml"
while [ $# -gt 0 ]; do
  case $1 in
    --values) cat "$2.rendered" ;;
    --api-versions) [ ! -f "$chart/${2##*/}.yaml" ] || cat "$chart/${2##*/}.yaml" ;;
  esac
  shift
done
exit 0
)sh";

inline std::string pod(std::string_view name, std::string_view image, std::string_view annotations = "{}") {
  return base::format(
      "---\n# Source: {}/templates/pod.yaml\napiVersion: v1\nkind: Pod\nmetadata: {{name: {}, annotations: {}}}\nspec: "
      "{{containers: [{{name: c, image: '{}'}}]}}\n",
      name, name, annotations, image);
}

struct Charts : Project {
  Charts() {
    write(folder / "tools/helm", kHelm, 0755);
    chart("erp", pod("erp", "tiny:1"));
  }
  void chart(const std::string& name, std::string_view rendered) const {
    write(folder / (name + "/Chart.yaml"), base::format("apiVersion: v2\nname: {}\nversion: 1.0.0\n", name));
    write(folder / (name + "/rendered.yaml"), rendered);
  }
  void set(const std::string& name, std::string_view rendered) const {
    write(folder / name, "a: b\n");
    write(folder / (name + ".rendered"), rendered);
  }
  Change with_helm(const Change& more = {}) const {
    return [this, more](pack::BuildOptions& options) {
      options.tools = folder / "tools";
      options.kubernetes_version = "v1.34.4";
      options.images = "oci:" + (folder / "images");
      if (more) more(options);
    };
  }
  Artifact packed(const std::string& lines, const Change& more = {}) const {
    return made("FROM scratch\n" + lines, "out.run", with_helm(more));
  }
  std::string refusal(const std::string& lines) const {
    const auto error = refused("FROM scratch\n" + lines, with_helm());
    CHECK(error.code == ErrorCode::invalid_input);
    return error.text();
  }
  std::string asked() const {
    const auto text = base::read_text_file(folder / "asked", size_t{1} << 20);
    REQUIRE(text);
    return *text;
  }
};

}  // namespace sealift::tests
