// SPDX-License-Identifier: Apache-2.0
// What comes from other machines: files by URL, charts and their dependencies, and the lock that pins them all.
#include <catch2/catch_test_macros.hpp>

#include "payload/base/format.h"
#include "tests/support/registry_server.h"
#include "tests/unit/packer/pack/factory.h"

using namespace sealift;
using tests::digest_of;
using tests::exact;
using tests::Factory;
using tests::packed;
using tests::write;

TEST_CASE("ADD downloads a file, under its own name or another") {
  Factory factory;
  factory.site.files["/d/tool?x=1"] = "the tool";
  factory.site.files["/d/"] = "a folder";
  const auto url = factory.site.url("/d/tool?x=1");
  const auto made =
      factory.packed_with("ADD " + url + " bin/\nADD " + url + " app/a.yaml other/\nADD " + url + " one\n");
  CHECK(made.tree("bin/tool") == "the tool");
  CHECK(made.tree("other/tool") == "the tool");
  CHECK(made.tree("one") == "the tool");
  CHECK(made.contents().tree.at("one").mode == 0644);
  const auto error = factory.refused_with("ADD " + factory.site.url("/d/") + " bin/\n");
  CHECK(error.code == ErrorCode::invalid_input);
  CHECK(error.text().contains("Kubefile:2:5: the URL ends in no file name"));
}

TEST_CASE("a base's programs may be downloaded: the build runs them, and names alone fetch only those they need") {
  Factory factory;
  factory.site.files["/kubeadm"] = "#!/bin/sh\necho docker.io/library/tiny:1\n";
  factory.site.files["/helm"] = std::string(tests::kNamingHelm);
  factory.site.files["/base.yaml"] =
      "apiVersion: sealift.dev/v1\nkind: Base\nmetadata: {name: small}\nspec:\n  kubernetesVersion: v1.34.4\n"
      "  criSocket: unix:///run/containerd/containerd.sock\n  images: {sandbox: 'docker.io/library/tiny:1'}\n"
      "  tools: {kubeadm: bin/kubeadm, kubectl: bin/kubeadm, helm: bin/helm, ctr: bin/kubeadm}\n";
  write(factory.folder / "erp/Chart.yaml", "name: erp\nversion: 1.0.0\n");
  write(factory.folder / "erp/rendered.yaml", "");
  const auto lines = "ADD " + factory.site.url("/base.yaml") + " ./\nADD " + factory.site.url("/kubeadm") + " " +
                     factory.site.url("/helm") + " bin/\nIMAGE tiny:1\nAPP erp local://erp\n";
  const auto own_tools = [](pack::BuildOptions& options) { options.tools.reset(); };
  const auto inputs = factory.names(lines, own_tools);
  if (!inputs) FAIL(inputs.error().text());
  CHECK(factory.site.asked() == 3);  // kubectl is the same file as kubeadm here
  CHECK(factory.packed_with(lines, own_tools).contents().base_document == "base.yaml");
}

TEST_CASE("a download that is not what its checksum says is refused with the line and both digests") {
  Factory factory;
  factory.site.files["/tool"] = "the tool";
  const auto url = factory.site.url("/tool");
  const auto right = digest_of("the tool").text(), wrong = digest_of("another").text();
  CHECK(factory.packed_with("ADD --checksum=" + right + " " + url + " bin/\n").tree("bin/tool") == "the tool");
  const auto error = factory.refused_with("ADD --checksum=" + wrong + " " + url + " bin/\n");
  CHECK(error.code == ErrorCode::corrupt);
  CHECK(error.text().contains("Kubefile:2:"));
  CHECK(error.text().contains(right + ", not " + wrong));
  CHECK(factory.refused_with("ADD " + factory.site.url("/none") + " bin/\n").code == ErrorCode::not_found);
}

TEST_CASE("names need no downloads but charts") {
  Factory factory;
  factory.site.files["/tool"] = "the tool";
  factory.site.files["/erp.tgz"] = packed("erp", "1.0.0");
  const auto lines = "ADD " + factory.site.url("/tool") + " bin/\nAPP erp " + factory.site.url("/erp.tgz") + "\n";
  const auto inputs = factory.names(lines);
  if (!inputs) FAIL(inputs.error().text());
  CHECK(inputs->images.size() == 1);
  CHECK(factory.site.asked() == 1);
  CHECK_FALSE(std::filesystem::exists(factory.folder / "Kubefile.lock"));
  // with a lock and the cache of an earlier build: none at all
  factory.packed_with(lines);
  const size_t asked = factory.site.asked();
  CHECK(factory.names(lines));
  CHECK(factory.site.asked() == asked);
}

TEST_CASE("a chart from another machine is packed like one of this machine") {
  Factory factory;
  const auto archive = packed("erp", "1.2.3");
  factory.site.files["/erp.tgz"] = archive;
  factory.site.repository({{"erp", "1.2.3", archive}});
  tests::RegistryServer registry;
  const auto describe = [&](std::string_view type, const std::string& text) {
    return base::format(R"({{"mediaType":"{}","digest":"{}","size":{}}})", type, registry.add_blob(text).text(),
                        text.size());
  };
  registry.add_manifest("1.2.3",
                        base::format(R"({{"schemaVersion":2,"mediaType":"{}","config":{},"layers":[{}]}})",
                                     image::kOciManifest, describe("application/vnd.cncf.helm.config.v1+json", "{}"),
                                     describe("application/vnd.cncf.helm.chart.content.v1.tar+gzip", archive)),
                        image::kOciManifest);
  for (const auto& address : {factory.site.url("/erp.tgz"), "oci://" + registry.name() + "/team/app:1.2.3",
                              "repo:" + factory.site.url("/charts/erp@1.2.3")}) {
    INFO(address);
    const auto made = factory.packed_with("APP erp " + address + "\n");
    REQUIRE(made.contents().apps.size() == 1);
    CHECK(made.contents().apps[0].version == "1.2.3");
    CHECK(made.contents().images.size() == 1);
    CHECK(made.tree("apps/erp/Chart.yaml").contains("name: erp"));
    CHECK(factory.locked().charts.at(address).archive == digest_of(archive));
    CHECK(factory.locked().charts.size() == 1);
  }
}

TEST_CASE("an archive from another machine that is no chart is refused by its address, with the line") {
  Factory factory;
  factory.site.files["/erp.tgz"] = "no archive";
  auto error = factory.refused_with("APP erp " + factory.site.url("/erp.tgz") + "\n");
  CHECK(error.code == ErrorCode::invalid_input);
  CHECK(error.text().contains("Kubefile:2:9: " + factory.site.url("/erp.tgz") + " can't be read as a packed chart"));
  CHECK_FALSE(std::filesystem::exists(factory.folder / "Kubefile.lock"));
  for (const auto& [bytes, kind] :
       {std::pair{"PK\x03\x04", "a zip archive"}, {"<!doctype html>", "an HTML page"}, {"", "empty"}}) {
    factory.site.files["/erp.tgz"] = bytes;
    error = factory.refused_with("APP erp " + factory.site.url("/erp.tgz") + "\n");
    CHECK(error.text().contains(base::format("it is {}", kind)));
    CHECK(error.text().contains("a chart as `helm package` makes it is expected"));
  }
  factory.site.files["/evil.tgz"] =
      tests::gzip(tests::tar({{"erp/Chart.yaml", "name: erp\nversion: 1.0.0\n"}, {"erp/../../evil", "x"}}));
  error = factory.refused_with("APP erp " + factory.site.url("/evil.tgz") + "\n");
  CHECK(error.text().contains("erp/../../evil is no name"));
}

TEST_CASE("missing dependencies are fetched as Chart.lock says, and packed as they came") {
  Factory factory;
  const auto redis = packed("redis", "18.1.0"), common = packed("common", "2.0.0");
  factory.site.repository({{"common", "2.0.0", common}, {"redis", "18.1.0", redis}});
  const auto repository = factory.site.url("/charts");
  const auto chart =
      "apiVersion: v2\nname: erp\nversion: 1.0.0\ndependencies:\n- {name: redis, version: ^18.0.0, repository: '" +
      repository + "', alias: cache}\n- {name: common, version: 2.0.0, repository: 'file://../common'}\n";
  write(factory.folder / "erp/Chart.yaml", chart);
  write(factory.folder / "erp/rendered.yaml", "");
  write(factory.folder / "common/Chart.yaml", "apiVersion: v2\nname: common\nversion: 2.0.0\n");
  auto error = factory.refused_with("APP erp local://erp\n");
  CHECK(error.text().contains("erp/charts: redis ^18.0.0; without Chart.lock, only exact versions are fetched"));
  CHECK(factory.site.asked() == 0);
  const auto lock = "dependencies:\n- {name: redis, repository: '" + repository + "', version: 18.1.0}\n" +
                    "- {name: common, repository: 'file://../common', version: 2.0.0}\n";
  write(factory.folder / "erp/Chart.lock", lock);
  const auto made = factory.packed_with("APP erp local://erp\n");
  CHECK(made.tree("apps/erp/charts/redis-18.1.0.tgz") == redis);
  CHECK(made.tree("apps/erp/charts/common/Chart.yaml").contains("name: common"));
  CHECK_FALSE(std::filesystem::exists(factory.folder / "erp/charts"));
  CHECK(factory.locked().charts.at("repo:" + repository + "/redis@18.1.0").archive == digest_of(redis));
  // a lock of other dependencies
  write(factory.folder / "erp/Chart.lock", lock + "digest: sha256:" + std::string(64, '0') + "\n");
  CHECK(factory.refused_with("APP erp local://erp\n").text().contains("was made for other dependencies"));
}

TEST_CASE("Chart.lock's digest is helm's") {
  // Chart.yaml and Chart.lock as helm 3.19.0 has written it
  Factory factory;
  const std::string chart =
      "apiVersion: v2\nname: p\nversion: 0.1.0\ndependencies:\n- name: a\n  version: \">=1.0.0 <2\"\n  repository: file://../a\n"
      "  condition: a.enabled,global.a\n  tags: [front, back]\n  alias: first\n- name: b\n  version: 2.0.1\n  repository: "
      "\"file://../b\"\n  import-values:\n  - data\n  - {child: x.y, parent: z}\n";
  const std::string lock =
      "dependencies:\n- name: a\n  repository: file://../a\n  version: 1.2.3\n- name: b\n  repository: file://../b\n  version: "
      "2.0.1\ndigest: sha256:c14a03099bf3385f4a45ffa7efb448f27630dae24e7839a59e1ddae13a95287d\n";
  write(factory.folder / "a/Chart.yaml", "name: a\nversion: 1.2.3\n");
  write(factory.folder / "b/Chart.yaml", "name: b\nversion: 2.0.1\n");
  write(factory.folder / "p/Chart.yaml", chart);
  write(factory.folder / "p/rendered.yaml", "");
  write(factory.folder / "p/Chart.lock", lock);
  factory.packed_with("APP p local://p\n");
  write(factory.folder / "p/Chart.yaml", base::replace_all(chart, "alias: first", "alias: other"));
  CHECK(factory.refused_with("APP p local://p\n").text().contains("helm dependency update"));
}

TEST_CASE("a dependency that is not what it should be, or lies outside of the context, is refused") {
  Factory factory;
  factory.site.repository({{"redis", "1.0.0", packed("valkey", "1.0.0")}});
  const auto with = [&](const std::string& repository) {
    write(factory.folder / "erp/Chart.yaml",
          "apiVersion: v2\nname: erp\nversion: 1.0.0\ndependencies:\n- {name: redis, version: 1.0.0, repository: '" +
              repository + "'}\n");
    return factory.refused_with("APP erp local://erp\n").text();
  };
  CHECK(with(factory.site.url("/charts")).contains("the repository gives the chart valkey 1.0.0 for "));
  CHECK(with(factory.site.url("/nothing")).contains("/nothing/index.yaml"));
  CHECK(with("@stable").contains("\"@stable\" is no repository"));
  CHECK(with("").contains("Chart.yaml names no repository"));
  CHECK(with("file://../none").contains("which is not there"));
  CHECK(with("file:///etc").contains("outside of the build's context"));
  write(factory.folder / "other/Chart.yaml", "name: redis\nversion: 1.0.1\n");
  CHECK(with("file://../other").contains("is the chart redis 1.0.1, not redis 1.0.0"));
  CHECK(with("file://../erp").contains("is the chart erp"));
}

TEST_CASE("two builds with the same lock make the same bytes, and the artifact carries it") {
  Factory factory;
  factory.site.files["/tool"] = "the tool";
  const auto lines = "ADD " + factory.site.url("/tool") + " bin/\nIMAGE tiny:1\n";
  const auto made = factory.packed_with(lines);
  const auto first = factory.text("out.run");
  const auto lock = factory.text("Kubefile.lock");
  CHECK(made.tree(std::string(lock::kTreePath)) == lock);
  CHECK(factory.locked().urls.at(factory.site.url("/tool")) == digest_of("the tool"));
  CHECK(factory.locked().images.at("docker.io/library/tiny:1").platforms.size() == 1);
  const auto stamp = std::filesystem::last_write_time(factory.folder / "Kubefile.lock");
  factory.packed_with(lines, exact);
  CHECK(factory.text("out.run") == first);
  CHECK((std::filesystem::last_write_time(factory.folder / "Kubefile.lock") == stamp));
  // another platform adds to the file, and takes nothing away
  factory.packed_with(lines, [](auto& options) { options.platforms = {Architecture::arm64}; });
  CHECK(factory.locked().images.at("docker.io/library/tiny:1").platforms.size() == 2);
  factory.packed_with(lines, exact);
  CHECK(factory.text("out.run") == first);
}

TEST_CASE("COPY of the folder leaves the lock out: what a build writes must not change the next one") {
  Factory factory;
  factory.site.files["/tool"] = "program";
  const auto lines = "ADD " + factory.site.url("/tool") + " bin/\nCOPY . all/\n";
  write(factory.folder / "Kubefile.lock.bak", "kept");
  const auto first = factory.packed_with(lines);
  CHECK(first.contents().tree.contains("all/Kubefile"));
  CHECK(first.contents().tree.contains("all/Kubefile.lock.bak"));
  REQUIRE(std::filesystem::exists(factory.folder / "Kubefile.lock"));
  std::filesystem::remove(factory.folder / "out.run");
  std::filesystem::remove_all(factory.folder / "cache");
  const auto again = factory.packed_with(lines);
  CHECK_FALSE(again.contents().tree.contains("all/Kubefile.lock"));
}

TEST_CASE("what has changed on the other machine does not change a locked build") {
  Factory factory;
  factory.site.files["/tool"] = "the tool";
  const auto lines = "ADD " + factory.site.url("/tool") + " bin/\n";
  factory.packed_with(lines);
  factory.site.files["/tool"] = "another tool";
  CHECK(factory.packed_with(lines).tree("bin/tool") == "the tool");  // from the cache
  std::filesystem::remove_all(factory.folder / "cache");
  const auto error = factory.refused_with(lines);
  CHECK(error.code == ErrorCode::corrupt);
  CHECK(error.text().contains("sealift lock --update " + factory.site.url("/tool")));
  const auto moved = [&](pack::BuildOptions& options) { options.lock_use.renew = {factory.site.url("/tool")}; };
  CHECK(factory.packed_with(lines, moved).tree("bin/tool") == "another tool");
  CHECK(factory.locked().urls.at(factory.site.url("/tool")) == digest_of("another tool"));
}

TEST_CASE("with --locked every difference is named, and nothing is packed or written") {
  Factory factory;
  factory.site.files["/a"] = "a";
  factory.site.files["/b"] = "b";
  const auto a = factory.site.url("/a"), b = factory.site.url("/b");
  CHECK(factory.refused_with("ADD " + a + " bin/\n", exact).text().contains("Kubefile.lock is not there"));
  factory.packed_with("ADD " + a + " bin/\nIMAGE tiny:1\n");
  const auto before = factory.locked();
  const auto error = factory.refused_with("ADD " + b + " bin/\n", exact);
  CHECK(error.code == ErrorCode::invalid_input);
  CHECK(error.text().contains("ADD " + a + ": " + digest_of("a").text() + " (gone)"));
  CHECK(error.text().contains("ADD " + b + ": " + digest_of("b").text() + " (new)"));
  CHECK(error.text().contains("IMAGE docker.io/library/tiny:1: "));
  CHECK(factory.locked() == before);
  // a build without it takes what is new and forgets what is gone
  factory.packed_with("ADD " + b + " bin/\n");
  CHECK(factory.locked().urls.size() == 1);
  CHECK(factory.locked().images.empty());
  write(factory.folder / "Kubefile.lock", "kind: Pod\n");
  CHECK(factory.refused_with("ADD " + b + " bin/\n").code == ErrorCode::invalid_input);
}

TEST_CASE("an image's tag that has moved does not count: the lock's digest does") {
  Factory factory;
  tests::RegistryServer registry;
  const auto put = [&](const std::string& label) {
    const auto config = base::format(R"({{"architecture":"amd64","os":"linux","author":"{}"}})", label);
    return registry.add_manifest(
        "1",
        base::format(
            R"({{"schemaVersion":2,"mediaType":"{}","config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{}","size":{}}},"layers":[]}})",
            image::kOciManifest, registry.add_blob(config).text(), config.size()),
        image::kOciManifest);
  };
  const auto first = put("first");
  const auto name = registry.name() + "/team/app:1";
  const auto from_registry = [](pack::BuildOptions& options) { options.images.reset(); };
  const auto packed_root = [&](const pack::BuildOptions* = nullptr) {
    return factory.packed_with("IMAGE " + name + "\n", from_registry).contents().images.at(0).root.digest;
  };
  CHECK(packed_root() == first);
  const auto second = put("second");
  CHECK(packed_root() == first);
  const auto made = factory.packed_with("IMAGE " + name + "\n", [&](auto& options) {
    from_registry(options);
    exact(options);
  });
  CHECK(made.contents().images.at(0).name == name);
  CHECK(made.contents().images.at(0).root.digest == first);
  // moved on purpose
  CHECK(factory
            .packed_with("IMAGE " + name + "\n",
                         [&](auto& options) {
                           from_registry(options);
                           options.lock_use.renew = {name};
                         })
            .contents()
            .images.at(0)
            .root.digest == second);
  CHECK(factory.locked().images.at(name).root == second);
  // and gone from the registry
  registry.manifests.erase(second.text());
  const auto error = factory.refused_with("IMAGE " + name + "\n", from_registry);
  CHECK(error.code == ErrorCode::not_found);
  CHECK(error.text().contains("sealift lock --update " + name));
}

TEST_CASE("the base's identity is locked under its file's name") {
  Factory factory;
  const auto base = factory.made("FROM scratch\nIMAGE tiny:1\n", "base.run", factory.with());
  factory.made("FROM base.run\n", "out.run", factory.with());
  CHECK(factory.locked().bases.at("base.run") == base.reader->identity());
  CHECK(factory.locked().images.empty());
  factory.made("FROM scratch\nIMAGE tiny:1\nLABEL a=b\n", "base.run", factory.with());
  const auto error = factory.refused("FROM " + factory.folder / "base.run" + "\n", factory.with(exact));
  CHECK(error.text().contains("FROM base.run: "));
}

TEST_CASE("a repository that gives another chart than its index says is found out") {
  for (const auto& [name, version] : {std::pair{"other", "1.2.3"}, std::pair{"erp", "1.2.4"}}) {
    Factory factory;
    factory.site.repository({{"erp", "1.2.3", packed(name, version)}});
    const auto address = "repo:" + factory.site.url("/charts/erp@1.2.3");
    const auto error = factory.refused_with("APP erp " + address + "\n");
    CHECK(error.code == ErrorCode::invalid_input);
    CHECK(error.text().contains(base::format("the repository gives the chart {} {} for {}", name, version, address)));
    CHECK(error.text().contains("Kubefile:2"));
  }
}

TEST_CASE("COPY of the folder leaves out what this build writes there, and names it if a line does") {
  Factory factory;
  const auto first = factory.packed_with("COPY . all/\n");
  CHECK_FALSE(first.contents().tree.contains("all/out.run"));
  const auto bytes = factory.text("out.run");
  factory.packed_with("COPY . all/\n");
  CHECK(factory.text("out.run") == bytes);
  const auto done = factory.build("FROM scratch\nCOPY out.run all/\n", factory.with());
  REQUIRE_FALSE(done);
  CHECK(done.error().text().contains("out.run is written by this build, and can't go into it"));
  CHECK(factory.text("out.run") == bytes);
}

TEST_CASE("an output and a lock that are links stay links: what they lead to is replaced, and left out of COPY") {
  Factory factory;
  factory.site.files["/tool"] = "the tool";
  const auto& folder = factory.folder;
  std::filesystem::create_directory(folder / "releases");
  std::filesystem::create_symlink("releases/1.run", folder / "latest.run");
  std::filesystem::create_symlink("releases/1.lock", folder / "Kubefile.lock");
  const std::string add = base::format("FROM scratch\nADD {} bin/\n", factory.site.url("/tool"));
  factory.made(add, "latest.run", factory.with());  // to files that are not there yet
  for (int i = 0; i < 2; ++i) {
    const auto made = factory.made(add + "COPY . all/\n", "latest.run", factory.with());
    CHECK(made.tree("bin/tool") == "the tool");
    CHECK(made.contents().tree.contains("all/Kubefile"));
    for (const auto* name : {"latest.run", "releases/1.run", "Kubefile.lock", "releases/1.lock"}) {
      INFO(name);
      CHECK_FALSE(made.contents().tree.contains(std::string("all/") + name));
    }
  }
  CHECK(std::filesystem::is_symlink(folder / "latest.run"));
  CHECK(std::filesystem::is_symlink(folder / "Kubefile.lock"));
  CHECK(Factory::open(folder / "releases/1.run").tree("bin/tool") == "the tool");
  CHECK(factory.text("releases/1.lock").contains(factory.site.url("/tool")));
}

TEST_CASE("a lock that would change and can't be written ends the build before anything is packed") {
  Factory factory;
  factory.site.files["/tool"] = "the tool";
  const auto line = base::format("ADD {} bin/\n", factory.site.url("/tool"));
  const auto in_vain = [](pack::BuildOptions& options) { options.lock = "/sys/Kubefile.lock"; };  // even for root
  const auto error = factory.refused_with(line, in_vain);
  INFO(error.text());
  CHECK(error.code == ErrorCode::permission_denied);
  CHECK(error.text().contains("the lock /sys/Kubefile.lock can't be written"));
  CHECK(error.text().contains("name another file with --lock"));
  factory.packed_with("COPY app/ app/\n", in_vain);  // there is nothing to write
}
