// SPDX-License-Identifier: Apache-2.0
// The promises of base.yaml and of the packed kubeadm, which is a shell script here.
#include "packer/resolve/checks.h"

#include <catch2/catch_test_macros.hpp>

#include "payload/base/format.h"
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
  // base.yaml with this path of kubeadm and further lines of its spec.
  void document(std::string_view kubeadm_path, std::string_view more = "") const {
    write(folder / "base.yaml",
          base::format(
              "apiVersion: sealift.dev/v1\nkind: Base\nmetadata: {{name: small}}\nspec:\n  kubernetesVersion: v1.34.4\n"
              "  criSocket: unix:///run/containerd/containerd.sock\n  images: {{sandbox: 'docker.io/library/tiny:1'}}\n"
              "  tools: {{kubeadm: '{}', kubectl: bin/kubectl, helm: bin/helm, ctr: bin/ctr}}\n{}",
              kubeadm_path, more));
  }
  void kubeadm(const std::string& into, std::string_view script) const {
    write(folder / (into + "/kubeadm"), base::format("#!/bin/sh\n{}\n", script), 0755);
  }
  Change tools(const std::string& name) const {
    return [path = folder / name](pack::BuildOptions& options) { options.tools = path; };
  }
};

std::string lines(std::string_view from) { return base::format("FROM {}\n{}", from, kLines); }

}  // namespace

TEST_CASE("the packed kubeadm is asked for its images, of base.yaml's version, with a home of its own") {
  const Base project;
  project.kubeadm(
      "bin",
      base::format(
          "printf '%s\\n' \"$*\" \"$HOME\" \"$PWD\" > {}\n[ -d \"$HOME\" ] || exit 1\ntouch \"$HOME/cache\"\nprintf '\\n  docker.io/library/tiny:1  \\n\\n'",
          project.folder / "seen"));
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
  CHECK(std::ranges::any_of(events.events(), [](const auto& event) {
    return event.message.contains("kubeadm v1.34.4 will ask for 1 image: it is packed");
  }));
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
  write(project.folder / "bin/kubeadm",
        "\x7f"
        "ELF of another machine",
        0755);
  CHECK_FALSE(project.build(lines("scratch")));
  const auto none = project.refused(lines("scratch"), project.tools("nowhere"));
  CHECK(none.code == ErrorCode::not_found);
  CHECK(none.text().contains("nowhere"));
}

TEST_CASE("--tools comes before the packed kubeadm") {
  const Base project;
  project.kubeadm("bin", "exit 1");
  project.kubeadm("tools", "echo docker.io/library/tiny:1");
  CHECK(project.refused(lines("scratch")).code == ErrorCode::command_failed);
  project.made(lines("scratch"), "out.run", project.tools("tools"));
  // relative to the packer's working directory, not to kubeadm's "/"
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
  project.kubeadm("bin", "echo docker.io/library/tiny:1; [ $5 = v1.34.4 ] || echo registry.k8s.io/new:$5");
  project.made(lines("scratch"), "base.run");
  project.kubeadm("bin", "exit 1");
  const auto own = project.made("FROM base.run\nAPP erp local://app\n", "own.run");
  CHECK(own.contents().base_document == "base.yaml");
  // the base's kubeadm is asked
  const auto text = base::read_text_file(project.folder / "base.yaml", size_t{1} << 20);
  REQUIRE(text);
  write(project.folder / "base.yaml", base::replace_all(*text, "v1.34.4", "v1.34.5"));
  CHECK(project.refused("FROM base.run\nCOPY base.yaml base.yaml\n").what.contains("registry.k8s.io/new:v1.34.5"));
  project.kubeadm("tools", "echo registry.k8s.io/new:v2");
  CHECK(project.refused("FROM base.run\nCOPY base.yaml base.yaml\n", project.tools("tools"))
            .what.contains("registry.k8s.io/new:v2"));
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

namespace {

std::string deployment(std::string_view image, std::string_view more = "") {
  return base::format(
      "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: shop}}\nspec: {{template: {{spec: {{containers: [{{name: c, image: '{}'{}}}]}}}}}}\n",
      image, more);
}

tests::Project::Change from_layout(const tests::Project& project) {
  return [path = project.folder / "images"](pack::BuildOptions& options) { options.images = "oci:" + path; };
}

// The digest of the project's image: of its index, or of its manifest for a platform.
Digest digest_of_tiny(const tests::Artifact& artifact, bool of_manifest) {
  const auto* image = artifact.contents().find_image("docker.io/library/tiny:1");
  REQUIRE(image != nullptr);
  return of_manifest ? image->platforms.at(0).manifest.digest : image->root.digest;
}

}  // namespace

TEST_CASE("an image that a manifest wants and that is nowhere is refused with its place, unless it is ignored") {
  const tests::Project project;
  write(project.folder / "app/b.yaml", "# shop\n" + deployment("quay.io/nobody/has:1"));
  write(project.folder / "app/c.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - image: other\n");
  const std::string lines = "FROM scratch\nAPP erp local://app\nIMAGE --from=oci:images tiny:1\n";
  const auto layout = from_layout(project);
  CHECK(project.refused(lines, layout).code == ErrorCode::not_found);  // of several, the first to be known
  auto error = project.refused(lines + "IGNORE-IMAGE other not here\n", layout);
  CHECK(error.code == ErrorCode::not_found);
  INFO(error.text());
  CHECK(error.text().contains("quay.io/nobody/has:1"));
  CHECK(error.text().contains("APP erp: Deployment/shop .spec.template.spec.containers[0].image"));
  CHECK(error.text().contains("app/b.yaml:5"));
  error = project.refused(lines + "IGNORE-IMAGE quay.io/nobody/* comes with the site\n", layout);
  CHECK(error.text().contains("docker.io/library/other:latest"));
  CHECK(error.text().contains("app/c.yaml:6"));
  const auto made =
      project.made(lines + "IGNORE-IMAGE *other* no\nIGNORE-IMAGE quay.io/nobody/has:1 comes with the site\n");
  REQUIRE(made.contents().ignored_images.size() == 2);
  CHECK(made.contents().ignored_images[1].reason == "comes with the site");
  write(project.folder / "app/b.yaml", deployment("Not A Name"));
  CHECK(project.refused(lines + "IGNORE-IMAGE other no\n", layout).what.contains("Not A Name"));
}

TEST_CASE("names of images are compared as containerd reads them") {
  const tests::Project project;
  const auto artifact = project.made("FROM scratch\nIMAGE --from=oci:images tiny:1\n", "base.run");
  const std::string index = digest_of_tiny(artifact, false).text(), manifest = digest_of_tiny(artifact, true).text(),
                    none = hash::sha256(base::as_bytes("none")).text();
  const auto packed = [&](const std::string& image) {
    write(project.folder / "app/a.yaml", deployment(image));
    // before and after the IMAGE line, and with the image in the base
    for (const std::string lines : {"FROM scratch\nAPP erp local://app\nIMAGE --from=oci:images tiny:1\n",
                                    "FROM base.run\nAPP erp local://app\n"}) {
      const auto done = project.build(lines, from_layout(project));
      if (!done) CHECK(done.error().text().contains("APP erp: Deployment/shop"));
      if (done.has_value() !=
          project.build("FROM scratch\nIMAGE --from=oci:images tiny:1\nAPP erp local://app\n", from_layout(project))
              .has_value())
        return std::string("differs");
      if (!done) return std::string("no");
    }
    return std::string("yes");
  };
  for (const std::string& image :
       {std::string("tiny:1"), std::string("library/tiny:1"), std::string("docker.io/tiny:1"),
        std::string("index.docker.io/library/tiny:1"), "tiny@" + index, "tiny:1@" + index, "tiny:other@" + manifest}) {
    INFO(image);
    CHECK(packed(image) == "yes");
  }
  for (const std::string& image : {std::string("tiny"), std::string("tiny:2"), std::string("quay.io/library/tiny:1"),
                                   std::string("other/tiny:1"), "tiny:1@" + none}) {
    INFO(image);
    CHECK(packed(image) == "no");
  }
  CHECK(packed("other:1', imagePullPolicy: 'Never") == "yes");
}

TEST_CASE("an application of the base is not looked at again") {
  const tests::Project project;
  write(project.folder / "app/a.yaml", deployment("tiny:1"));
  project.made("FROM scratch\nAPP erp local://app\nIMAGE --from=oci:images tiny:1\n", "base.run");
  project.made("FROM base.run\n");
}

TEST_CASE("applications on a Kubernetes base without a pod network are packed with a warning") {
  const Base project;
  write(project.folder / "conf", "{}");
  const auto warned = [&](const std::string& lines_below, const std::string& from = "scratch") {
    tests::EventRecorder events;
    const auto done =
        project.build(from == "scratch" ? lines(from) + lines_below : "FROM " + from + "\n" + lines_below, {}, events);
    if (!done) FAIL(done.error().text());
    return std::ranges::any_of(events.events(), [](const auto& event) {
      return event.level == Level::warning && event.message.contains("no pod network") && event.message.contains("CNI");
    });
  };
  CHECK(warned("APP erp local://app\nLAUNCH [\"erp\"]\n"));
  CHECK(warned("APP erp local://app\nFILE conf /etc/cni/other\n"));
  CHECK_FALSE(warned(""));
  CHECK_FALSE(warned("CNI net local://app\nAPP erp local://app\n"));
  CHECK_FALSE(warned("APP erp local://app\nFILE conf /etc/cni/net.d/10-net.conflist\n"));
  // the base's content counts, and so does its base.yaml
  project.made(lines("scratch"), "bare.run");
  project.made(lines("scratch") + "CNI net local://app\n", "network.run");
  CHECK(warned("APP erp local://app\n", "bare.run"));
  CHECK_FALSE(warned("APP erp local://app\n", "network.run"));
  CHECK_FALSE(warned("LABEL a=b\n", "bare.run"));
  write(project.folder / "etc/net", "{}");
  project.document("bin/kubeadm", "  files:\n  - {source: etc/net, destination: /etc/cni/net.d/10-net.conflist}\n");
  project.made(lines("scratch") + "COPY etc/ etc/\n", "files.run");
  CHECK_FALSE(warned("APP erp local://app\n", "files.run"));
  // no Kubernetes base: another artifact's responsibility
  tests::EventRecorder events;
  REQUIRE(project.build("FROM scratch\nAPP erp local://app\n", {}, events));
  CHECK(std::ranges::none_of(events.events(), [](const auto& event) { return event.level == Level::warning; }));
}
