// SPDX-License-Identifier: Apache-2.0
// What base.yaml and the packed kubeadm promise. kubeadm is a shell script here.
#include "packer/pack/checks.h"

#include <catch2/catch_test_macros.hpp>

#include "payload/base/text.h"
#include "tests/support/event_recorder.h"
#include "tests/unit/packer/pack/project.h"

using namespace sealift;
using tests::write;

namespace {

constexpr std::string_view kLines = "COPY base.yaml base.yaml\nCOPY bin/ bin/\nIMAGE --from=oci:images tiny:1\n";

struct Base : tests::Project {
  Base() {
    for (const char* tool : {"kubectl", "helm", "ctr"}) write(folder / (std::string("bin/") + tool), tool);
    document("bin/kubeadm");
    kubeadm("bin", "echo docker.io/library/tiny:1");
  }
  // base.yaml, with this place of kubeadm and more lines of its spec.
  void document(std::string_view kubeadm_path, std::string_view more = "") const {
    write(folder / "base.yaml", std::format("apiVersion: sealift.dev/v1\nkind: Base\nmetadata: {{name: small}}\nspec:\n  kubernetesVersion: v1.34.4\n"
                                            "  criSocket: unix:///run/containerd/containerd.sock\n  images: {{sandbox: 'docker.io/library/tiny:1'}}\n"
                                            "  tools: {{kubeadm: '{}', kubectl: bin/kubectl, helm: bin/helm, ctr: bin/ctr}}\n{}", kubeadm_path, more));
  }
  void kubeadm(const std::string& into, std::string_view script) const { write(folder / (into + "/kubeadm"), std::format("#!/bin/sh\n{}\n", script), 0755); }
  Change tools(const std::string& name) const {
    return [path = folder / name](pack::BuildOptions& options) { options.tools = path; };
  }
};

std::string lines(std::string_view from) { return std::format("FROM {}\n{}", from, kLines); }

}  // namespace

TEST_CASE("the packed kubeadm is asked for its images, of base.yaml's version, with a home of its own") {
  const Base project;
  project.kubeadm("bin", std::format("printf '%s\\n' \"$*\" \"$HOME\" \"$PWD\" > {}\n[ -d \"$HOME\" ] || exit 1\ntouch \"$HOME/cache\"\nprintf '\\n  docker.io/library/tiny:1  \\n\\n'", project.folder / "seen"));
  tests::EventRecorder events;
  const auto done = project.build(lines("scratch"), {}, events);
  if (!done) FAIL(done.error().text());
  const auto seen = base::read_text_file(project.folder / "seen", 4096);
  REQUIRE(seen);
  const auto words = base::split(*seen, '\n');
  CHECK(words.at(0) == "config images list --kubernetes-version v1.34.4");
  CHECK(words.at(1) != "/root");
  CHECK_FALSE(std::filesystem::exists(words.at(1)));
  CHECK(words.at(2) == "/");
  CHECK(std::ranges::any_of(events.events(), [](const auto& event) { return event.message.contains("kubeadm v1.34.4 will ask for 1 images"); }));
  CHECK(tests::Project::open(project.output()).contents().base_document == "base.yaml");
}

TEST_CASE("images that kubeadm will ask for and that are not packed are all named") {
  const Base project;
  project.kubeadm("bin", "printf 'registry.k8s.io/one:v1\\ndocker.io/library/tiny:1\\nregistry.k8s.io/two:v2\\n'");
  const auto error = project.refused(lines("scratch"));
  CHECK(error.code == ErrorCode::invalid_input);
  CHECK(error.what.contains("registry.k8s.io/one:v1, registry.k8s.io/two:v2;"));
  CHECK_FALSE(error.what.contains("tiny"));
}

TEST_CASE("a kubeadm that fails, or that can't be started, ends the build with its reason") {
  const Base project;
  project.kubeadm("bin", "echo docker.io/library/tiny:1; echo 'unknown version' >&2; exit 3");
  const auto failed = project.refused(lines("scratch"));
  CHECK(failed.code == ErrorCode::command_failed);
  CHECK(failed.text().contains("unknown version"));
  write(project.folder / "bin/kubeadm", "\x7f" "ELF of another machine", 0755);
  CHECK_FALSE(project.build(lines("scratch")));
  const auto none = project.refused(lines("scratch"), project.tools("nowhere"));
  CHECK(none.code == ErrorCode::not_found);
  CHECK(none.text().contains("nowhere/kubeadm"));
}

TEST_CASE("--tools comes before the packed kubeadm") {
  const Base project;
  project.kubeadm("bin", "exit 1");
  project.kubeadm("tools", "echo docker.io/library/tiny:1");
  CHECK(project.refused(lines("scratch")).code == ErrorCode::command_failed);
  project.made(lines("scratch"), "out.run", project.tools("tools"));
  // relative to where the packer was started, not to kubeadm's own folder "/"
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(project.folder.path());
  const auto done = project.build(lines("scratch"), [](pack::BuildOptions& options) { options.tools = "tools"; });
  std::filesystem::current_path(before);
  CHECK(done);
}

TEST_CASE("a kubeadm that is packed for other machines only can't be asked") {
  const Base project;
  const auto other = base::own_architecture() == Architecture::amd64 ? Architecture::arm64 : Architecture::amd64;
  const auto for_other = [&](pack::BuildOptions& options) { options.platforms = {other}; };
  project.document("bin/${ARCH}/kubeadm");
  std::filesystem::remove(project.folder / "bin/kubeadm");
  project.kubeadm("bin/" + std::string(base::name(other)), "exit 1");
  const auto error = project.refused(lines("scratch"), for_other);
  CHECK(error.code == ErrorCode::invalid_input);
  CHECK(error.what.contains("--tools"));
  project.kubeadm("tools", "echo docker.io/library/tiny:1");
  project.made(lines("scratch"), "out.run", [&](pack::BuildOptions& options) {
    for_other(options);
    options.tools = project.folder / "tools";
  });
}

TEST_CASE("a base that was checked when it was packed is not checked again, one with a new base.yaml is") {
  const Base project;
  project.made(lines("scratch"), "base.run");
  project.kubeadm("bin", "exit 1");
  const auto own = project.made("FROM base.run\nAPP erp local://app\n", "own.run");
  CHECK(own.contents().base_document == "base.yaml");
  const auto renewed = project.refused("FROM base.run\nCOPY base.yaml base.yaml\n");
  CHECK(renewed.code == ErrorCode::invalid_input);
  CHECK(renewed.what.contains("--tools"));
  project.kubeadm("tools", "echo registry.k8s.io/new:v2");
  CHECK(project.refused("FROM base.run\nCOPY base.yaml base.yaml\n", project.tools("tools")).what.contains("registry.k8s.io/new:v2"));
}

TEST_CASE("what base.yaml names must be packed, for every platform") {
  const Base project;
  const auto both = [](pack::BuildOptions& options) { options.platforms = {Architecture::amd64, Architecture::arm64}; };
  project.document("bin/kubeadm", "  files:\n  - {source: 'etc/${ARCH}/config', destination: /etc/config}\n");
  CHECK(project.refused(lines("scratch")).what.contains("etc/amd64/config"));
  write(project.folder / "etc/amd64/config", "x");
  const auto with_etc = lines("scratch") + "COPY etc/ etc/\n";
  CHECK(project.refused(with_etc, both).what.contains("etc/arm64/config"));
  write(project.folder / "etc/arm64/config", "x");
  project.made(with_etc, "out.run", both);
  std::filesystem::remove(project.output());
  project.document("bin/nothing");
  CHECK(project.refused(with_etc).what.contains("bin/nothing"));
  project.document("bin/kubeadm");
  const auto no_image = project.refused("FROM scratch\nCOPY base.yaml base.yaml\nCOPY bin/ bin/\n");
  CHECK(no_image.what.contains("docker.io/library/tiny:1"));
  CHECK(no_image.what.contains("sandbox"));
  project.document("bin/kubeadm", "  modlues: []\n");
  const auto typo = project.refused(with_etc);
  CHECK(typo.what.contains("base.yaml:9:"));
  CHECK(typo.what.contains("did you mean \"modules\"?"));
}
