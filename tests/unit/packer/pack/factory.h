// SPDX-License-Identifier: Apache-2.0
//
// A project that takes files and charts from another machine, which counts what it is asked for; a shell script in
// helm's place.
#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "packer/lock/lock.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "tests/support/faulty_server.h"
#include "tests/support/tar.h"
#include "tests/unit/packer/pack/project.h"

namespace sealift::tests {

inline Digest digest_of(std::string_view text) { return hash::sha256(base::as_bytes(text)); }

// helm template RELEASE CHART …: prints rendered.yaml of the chart, and the names of the archives in its charts/.
inline constexpr std::string_view kNamingHelm = R"sh(#!/bin/sh
cat "$3/rendered.yaml"
for chart in "$3"/charts/*; do [ ! -e "$chart" ] || printf -- '---\n# Source: %s\n' "${chart##*/}"; done
)sh";

// What helm would print of a chart with one pod.
inline std::string pod_of(std::string_view image) {
  return base::format(
      "---\n# Source: x\napiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec: {{containers: [{{name: c, image: '{}'}}]}}\n",
      image);
}

inline std::string packed(const std::string& name, const std::string& version, const std::string& more = "") {
  return gzip(
      tar({{name + "/Chart.yaml", base::format("apiVersion: v2\nname: {}\nversion: {}\n{}", name, version, more)},
           {name + "/rendered.yaml", pod_of("tiny:1")}}));
}

// Files of another machine, by path; counts what it is asked for.
struct Site {
  std::map<std::string, std::string> files;
  FaultyServer server{[this](const FaultyServer::Request& request) {
    const auto found = files.find(request.path());
    return found == files.end() ? "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n" : answer(found->second, 0);
  }};
  std::string url(const std::string& path) const { return "http://" + server.name() + path; }
  size_t asked() const { return server.requests.size(); }
  // A repository at /charts with these charts: name, version, archive.
  void repository(const std::vector<std::array<std::string, 3>>& charts) {
    std::string index = "apiVersion: v1\nentries:\n";
    for (const auto& [name, version, archive] : charts) {
      const auto file = base::format("{}-{}.tgz", name, version);
      index += base::format("  {}:\n  - version: {}\n    digest: {}\n    urls: [{}]\n", name, version,
                            digest_of(archive).hex(), file);
      files["/charts/" + file] = archive;
    }
    files["/charts/index.yaml"] = index;
  }
};

struct Factory : Project {
  Site site;

  Factory() { write(folder / "tools/helm", kNamingHelm, 0755); }
  Change with(const Change& more = {}) const {
    return [this, more](pack::BuildOptions& options) {
      options.tools = folder / "tools";
      options.kubernetes_version = "v1.34.4";
      options.images = "oci:" + (folder / "images");
      options.downloads = folder / "cache";
      if (more) more(options);
    };
  }
  Artifact packed_with(const std::string& lines, const Change& more = {}) const {
    return made("FROM scratch\n" + lines, "out.run", with(more));
  }
  Error refused_with(const std::string& lines, const Change& more = {}) const {
    return refused("FROM scratch\n" + lines, with(more));
  }
  // The names of the images, as `sealift images` finds them.
  Result<resolve::Inputs> names(const std::string& lines, const Change& more = {}) const {
    write(folder / "Kubefile", "FROM scratch\n" + lines);
    pack::BuildOptions options;
    options.kubefile = folder / "Kubefile";
    options.context = folder.path();
    options.platforms = {Architecture::amd64};
    options.stubs = {folder / "stub"};
    with(more)(options);
    return resolve::resolve(options, resolve::Depth::names, base::system_clock(), base::no_events(), {});
  }
  std::string text(const std::string& name) const {
    const auto out = base::read_text_file(folder / name, size_t{64} << 20);
    REQUIRE(out);
    return *out;
  }
  lock::Lock locked() const {
    const auto out = lock::read(folder / "Kubefile.lock");
    if (!out) FAIL(out.error().text());
    REQUIRE(*out);
    return **out;
  }
};

inline void exact(pack::BuildOptions& options) { options.lock_use.exact = true; }

}  // namespace sealift::tests
