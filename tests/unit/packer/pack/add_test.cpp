// SPDX-License-Identifier: Apache-2.0
// ADD: what it fetches, checks, unpacks and leaves out.
#include <catch2/catch_test_macros.hpp>

#include <algorithm>

#include "tests/support/event_recorder.h"
#include "tests/unit/packer/pack/factory.h"

using namespace sealift;
using tests::digest_of;
using tests::exact;
using tests::Factory;
using tests::write;

namespace {

std::string release() {
  return tests::gzip(tests::tar({{.name = "x-1.0/bin/tool", .data = "a tool", .mode = "0000755"},
                                 {.name = "x-1.0/bin/other", .data = "another"},
                                 {.name = "x-1.0/README", .data = "read me"}}));
}

size_t times(const tests::Site& site, const std::string& path) {
  return static_cast<size_t>(
      std::ranges::count_if(site.server.requests, [&](const auto& request) { return request.path() == path; }));
}

void for_both(pack::BuildOptions& options) { options.platforms = {Architecture::amd64, Architecture::arm64}; }

}  // namespace

TEST_CASE("a published checksum is fetched and compared: alone, or the line for the file") {
  Factory factory;
  auto& files = factory.site.files;
  files["/v1/tool"] = "the tool";
  files["/v1/tool.sha256"] = digest_of("the tool").hex();
  files["/v1/SHA256SUMS"] = digest_of("x").hex() + "  other\n" + digest_of("the tool").hex() + "  tool\n";
  files["/v1/wrong"] = digest_of("x").hex() + " *tool\n";
  files["/v1/page"] = "<html>no such release</html>";
  const auto line = [&](const std::string& sums) {
    return "ADD --checksum=" + factory.site.url("/v1/" + sums) + " " + factory.site.url("/v1/tool") + " bin/\n";
  };
  for (const auto* sums : {"tool.sha256", "SHA256SUMS"}) {
    std::filesystem::remove(factory.folder / "Kubefile.lock");
    CHECK(factory.packed_with(line(sums)).tree("bin/tool") == "the tool");
  }
  std::filesystem::remove(factory.folder / "Kubefile.lock");
  auto error = factory.refused_with(line("wrong"));
  CHECK(error.code == ErrorCode::corrupt);
  CHECK(error.text().contains("Kubefile:2:"));
  CHECK(error.text().contains(digest_of("the tool").text() + ", not " + digest_of("x").text()));
  CHECK(error.text().contains(factory.site.url("/v1/wrong") + " says so"));
  error = factory.refused_with(line("page"));
  CHECK(error.code == ErrorCode::invalid_input);
  CHECK(error.text().contains("Kubefile:2:5: " + factory.site.url("/v1/page") +
                              " gives no checksum for tool; it is a web page"));
  CHECK(factory.refused_with(line("none")).code == ErrorCode::not_found);
}

TEST_CASE("the lock decides, the published checksum must agree, and what is locked and here needs neither") {
  Factory factory;
  auto& files = factory.site.files;
  files["/tool"] = "the tool";
  files["/sums"] = digest_of("the tool").hex() + "  tool\n";
  const auto lines = "ADD --checksum=" + factory.site.url("/sums") + " " + factory.site.url("/tool") + " bin/\n";
  factory.packed_with(lines);
  CHECK(factory.locked().urls.size() == 1);
  const size_t asked = factory.site.asked();
  factory.packed_with(lines, exact);
  CHECK(factory.site.asked() == asked);
  // a release that was replaced, with its checksum
  files["/tool"] = "another";
  files["/sums"] = digest_of("another").hex() + "  tool\n";
  factory.packed_with(lines, exact);  // from the cache
  std::filesystem::remove_all(factory.folder / "cache");
  const auto error = factory.refused_with(lines);
  CHECK(error.code == ErrorCode::corrupt);
  CHECK(error.text().contains(digest_of("another").text() + ", not " + digest_of("the tool").text()));
  CHECK(error.text().contains("sealift lock --update " + factory.site.url("/tool")));
}

TEST_CASE("an archive is unpacked into the destination: all of it, some files, or one under another name") {
  Factory factory;
  factory.site.files["/x.tgz"] = release();
  write(factory.folder / "x.tgz", release());
  const auto url = factory.site.url("/x.tgz");
  for (const auto& source : {std::string("x.tgz"), url}) {
    const auto made =
        factory.packed_with("ADD --unpack --strip=1 " + source + " all/\nADD --unpack --strip=2 --only=tool,oth* " +
                            source + " bin/\nADD --unpack --only=*/tool " + source + " usr/renamed\n");
    CHECK(made.tree("all/bin/tool") == "a tool");
    CHECK(made.tree("all/README") == "read me");
    CHECK(made.contents().tree.at("all/bin/tool").mode == 0755);
    CHECK(made.contents().tree.at("all/README").mode == 0644);
    CHECK(made.tree("bin/other") == "another");
    CHECK_FALSE(made.contents().tree.contains("bin/README"));
    CHECK(made.tree("usr/renamed") == "a tool");
  }
  CHECK(times(factory.site, "/x.tgz") == 1);  // three lines, one download
  auto text = factory.refused_with("ADD --unpack --strip=2 --only=tool,nothing " + url + " bin/\n").text();
  CHECK(text.contains("Kubefile:2:44: " + url +
                      " holds no nothing; its files are (without 2 leading parts): other, tool"));
  CHECK_FALSE(text.contains("sha256"));  // no path of the cache
  text = factory.refused_with("ADD --unpack --strip=2 x.tgz bin\n").text();
  CHECK(text.contains("x.tgz holds 2 files that are wanted; write a folder as the destination"));
  write(factory.folder / "evil.tgz", tests::gzip(tests::tar({{"../../evil", "x"}})));
  text = factory.refused_with("ADD --unpack evil.tgz bin/\n").text();
  CHECK(text.contains("Kubefile:2:14: evil.tgz has an entry that does not lie in it"));
  // each path belongs to one line, wherever its file comes from
  text = factory.refused_with("COPY Kubefile bin/tool\nADD --unpack --strip=2 --only=tool " + url + " bin/\n").text();
  CHECK(text.contains("puts tool of " + url + " at bin/tool of the payload's tree"));
}

TEST_CASE("--chmod makes a download a program, and takes the bit from others") {
  Factory factory;
  factory.site.files["/tool"] = "the tool";
  write(factory.folder / "script", "#!/bin/sh", 0755);
  const auto made =
      factory.packed_with("ADD --chmod=0755 " + factory.site.url("/tool") + " bin/\nADD --chmod=0644 script bin/\n");
  CHECK(made.contents().tree.at("bin/tool").mode == 0755);
  CHECK(made.contents().tree.at("bin/script").mode == 0644);
}

TEST_CASE(
    "a line for another platform fetches nothing, and a build for some platforms keeps what the lock has of others") {
  Factory factory;
  auto& files = factory.site.files;
  files["/amd64"] = "for amd64";
  files["/arm64"] = "for arm64";
  const auto lines = "ADD --platform=linux/amd64 " + factory.site.url("/amd64") + " bin/\nADD --platform=linux/arm64 " +
                     factory.site.url("/arm64") + " bin/\n";
  const auto alone = factory.packed_with(lines);
  CHECK(alone.contents().tree.contains("bin/amd64"));
  CHECK_FALSE(alone.contents().tree.contains("bin/arm64"));
  CHECK(times(factory.site, "/arm64") == 0);
  CHECK(factory.locked().urls.size() == 1);
  const auto bytes = factory.text("out.run");
  CHECK(factory.packed_with(lines, for_both).contents().tree.contains("bin/arm64"));
  CHECK(factory.locked().urls.size() == 2);
  // neither a difference nor removed, and no part of the artifact
  factory.packed_with(lines, exact);
  CHECK(factory.text("out.run") == bytes);
  factory.packed_with(lines);
  CHECK(factory.locked().urls.size() == 2);
  // a line that is gone altogether is
  factory.packed_with("ADD --platform=linux/amd64 " + factory.site.url("/amd64") + " bin/\n");
  CHECK(factory.locked().urls.size() == 1);
  // looked up anew: the other platform's is looked up when it is packed
  factory.packed_with(lines, for_both);
  factory.packed_with(lines, [](pack::BuildOptions& options) { options.lock_use.renew_all = true; });
  CHECK(factory.locked().urls.size() == 1);
}

TEST_CASE("names that are nowhere are told before anything is fetched") {
  Factory factory;
  auto& files = factory.site.files;
  files["/tool"] = "the tool";
  files["/erp.tgz"] = tests::packed("erp", "1.0.0");
  factory.site.repository({{"redis", "1.0.0", tests::packed("redis", "1.0.0")}});
  write(factory.folder / "shop/Chart.yaml",
        "apiVersion: v2\nname: shop\nversion: 1.0.0\ndependencies:\n- {name: redis, version: 1.0.0, repository: '" +
            factory.site.url("/charts") + "'}\n");
  write(factory.folder / "shop/rendered.yaml", "");
  write(factory.folder / "small.yaml", "a: b\n");
  const auto lines = "ADD " + factory.site.url("/tool") + " bin/\nAPP shop local://shop\nAPP erp " +
                     factory.site.url("/erp.tgz") + " NEEDS shop\nVALUES erp small.yaml\n";
  for (const auto* wrong :
       {"LAUNCH [\"epr\"]\n", "APP a local://app NEEDS epr\n", "VALUES epr small.yaml\n", "COPY none x\n"}) {
    INFO(wrong);
    const auto error = factory.refused_with(lines + wrong);
    CHECK(error.code == ErrorCode::invalid_input);
    CHECK(error.text().contains("Kubefile:6"));
    CHECK(factory.site.asked() == 0);
  }
  CHECK(factory.refused_with(lines + "LAUNCH [\"epr\"]\n").text().contains("did you mean \"erp\"?"));
  CHECK(factory.refused_with(lines + "APP erp local://app\n").text().contains("\"erp\" is packed already"));
  CHECK(factory.site.asked() == 0);
  // and what is right is complete
  const auto made = factory.packed_with(lines + "LAUNCH [\"erp\"]\n");
  REQUIRE(made.contents().apps.size() == 2);
  const auto& erp = made.contents().apps[0];
  CHECK(erp.name == "erp");
  CHECK(erp.version == "1.0.0");
  CHECK(erp.needs == std::vector<std::string>{"shop"});
  CHECK(erp.values == std::vector<std::string>{"values/erp/small.yaml"});
  CHECK(made.contents().tree.contains("apps/shop/charts/redis-1.0.0.tgz"));
  CHECK(made.contents().tree.contains("apps/erp/Chart.yaml"));
}

TEST_CASE("all downloads that fail are told, in the order of their lines") {
  Factory factory;
  factory.site.files["/tool"] = "the tool";
  std::string lines;
  for (const auto* name : {"/b", "/tool", "/a", "/c"}) lines += "ADD " + factory.site.url(name) + " bin/\n";
  const auto text = factory.refused_with(lines).text();
  CHECK(text.starts_with("3 problems:"));
  const size_t b = text.find("Kubefile:2:"), a = text.find("Kubefile:4:"), c = text.find("Kubefile:5:");
  CHECK(b < a);
  CHECK(a < c);
  CHECK(c != std::string::npos);
}

TEST_CASE("names alone unpack what they need, and no other archive") {
  Factory factory;
  auto& files = factory.site.files;
  files["/helm.tgz"] = tests::gzip(tests::tar(
      {{.name = "linux/helm", .data = std::string(tests::kNamingHelm), .mode = "0000755"}, {"linux/README", "x"}}));
  files["/other.tgz"] = release();
  files["/base.yaml"] =
      "apiVersion: sealift.dev/v1\nkind: Base\nmetadata: {name: small}\nspec:\n  kubernetesVersion: v1.34.4\n"
      "  criSocket: unix:///run/containerd/containerd.sock\n  images: {sandbox: 'docker.io/library/tiny:1'}\n"
      "  tools: {kubeadm: bin/helm, kubectl: bin/helm, helm: bin/helm, ctr: bin/helm}\n";
  write(factory.folder / "erp/Chart.yaml", "name: erp\nversion: 1.0.0\n");
  write(factory.folder / "erp/rendered.yaml", tests::pod_of("tiny:1"));
  const auto lines = "ADD " + factory.site.url("/base.yaml") + " ./\nADD --unpack --strip=1 --only=helm " +
                     factory.site.url("/helm.tgz") + " bin/\nADD --unpack --strip=2 --only=other " +
                     factory.site.url("/other.tgz") + " bin/\nAPP erp local://erp\n";
  const auto inputs = factory.names(lines, [](pack::BuildOptions& options) {
    options.tools.reset();
    options.kubernetes_version.reset();
  });
  if (!inputs) FAIL(inputs.error().text());
  CHECK(inputs->images.size() == 1);
  CHECK(times(factory.site, "/helm.tgz") == 1);
  CHECK(times(factory.site, "/other.tgz") == 0);
}

TEST_CASE("two variants of a Kubefile keep their locks apart if each names its own") {
  Factory factory;
  factory.site.files["/a"] = "a";
  factory.site.files["/b"] = "b";
  const auto lines = "ARG NAME\nADD " + factory.site.url("/${NAME}") + " bin/\n";
  const auto variant = [&](const std::string& name) {
    return [&, name](pack::BuildOptions& options) {
      options.arguments["NAME"] = name;
      options.lock = factory.folder / (name + ".lock");
    };
  };
  factory.packed_with(lines, variant("a"));
  factory.packed_with(lines, variant("b"));
  CHECK_FALSE(std::filesystem::exists(factory.folder / "Kubefile.lock"));
  for (const auto* name : {"a", "b"}) {
    const auto lock = lock::read(factory.folder / (name + std::string(".lock")));
    REQUIRE(lock);
    REQUIRE(*lock);
    CHECK((*lock)->urls.size() == 1);
    CHECK((*lock)->urls.contains(factory.site.url("/" + std::string(name))));
  }
}

TEST_CASE(
    "a path that is a file in one line and a folder in another is told before anything is fetched, with both lines") {
  Factory factory;
  factory.site.files["/y"] = "y";
  write(factory.folder / "a", "a");
  const auto refusal = [&](const std::string& first, const std::string& second) {
    const auto text = factory.refused_with(first + "\n" + second + "\nCOPY nothing z\n").text();
    INFO(text);
    CHECK(text.contains("Kubefile:3"));
    CHECK(text.contains("Kubefile:2)"));
    CHECK(text.contains("a path is a file or a folder"));
    CHECK(text.contains("nothing is not there"));  // in the same run
    return text;
  };
  CHECK(refusal("COPY a x", "COPY a x/y")
            .contains("COPY a x/y puts a file at x/y of the payload's tree, where COPY a x ("));
  CHECK(refusal("COPY a x/y/z", "COPY a x").contains(" puts one at x/y/z"));
  refusal("FILE a /etc/x", "FILE a /etc/x/y");
  refusal("COPY a x", "ADD " + factory.site.url("/y") + " x/");
  refusal("ADD " + factory.site.url("/y") + " x/", "COPY a x");
  refusal("ADD " + factory.site.url("/y") + " x", "ADD " + factory.site.url("/y") + " x/");
  CHECK(factory.site.asked() == 0);
  factory.packed_with("COPY a x\nCOPY a x.d/y\nCOPY a x-y\n");
  std::filesystem::rename(factory.output(), factory.folder / "base.run");
  const auto text = factory.refused("FROM base.run\nCOPY a x/y\n", factory.with()).text();
  CHECK(text.contains("Kubefile:2"));
  CHECK(text.contains("where FROM base.run ("));
}

TEST_CASE("messages name what was downloaded by its URL, not by where it is kept") {
  Factory factory;
  factory.site.files["/a"] = "one";
  factory.site.files["/base.yaml"] = "kind: [";
  write(factory.folder / "two", "two");
  auto text = factory.refused_with("ADD " + factory.site.url("/a") + " x\nCOPY two x\n").text();
  INFO(text);
  CHECK(text.contains(factory.site.url("/a") + ", which differs") != text.contains("puts " + factory.site.url("/a")));
  CHECK_FALSE(text.contains("cache"));
  text = factory.refused_with("ADD " + factory.site.url("/base.yaml") + " base.yaml\n").text();
  INFO(text);
  CHECK(text.contains(factory.site.url("/base.yaml") + ":"));
  CHECK(text.contains("Kubefile:2"));
  CHECK_FALSE(text.contains("cache"));
}

TEST_CASE("an HTML page that comes without a checksum is packed with a warning") {
  Factory factory;
  const std::string page = "\n<!DOCTYPE html><html>log in</html>";
  for (const auto* path : {"/tool", "/page.html", "/sum"}) factory.site.files[path] = page;
  tests::EventRecorder events;
  const auto line = [&](const std::string& options, const std::string& path) {
    return "ADD " + options + factory.site.url(path) + " files/\n";
  };
  const auto done = factory.build("FROM scratch\n" + line("", "/tool") + line("", "/page.html") +
                                      line("--checksum=" + digest_of(page).text() + " ", "/sum"),
                                  factory.with(), events);
  if (!done) FAIL(done.error().text());
  std::vector<std::string> warnings;
  for (const auto& event : events.events()) {
    if (event.level == Level::warning) warnings.push_back(event.message);
  }
  REQUIRE(warnings.size() == 1);
  CHECK(warnings[0].contains("Kubefile:2:5: " + factory.site.url("/tool") + " gave an HTML page"));
}
