// SPDX-License-Identifier: Apache-2.0
// FROM an artifact: what is inherited from a base, and what is not.
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <fstream>

#include "packer/lock/lock.h"
#include "tests/unit/packer/pack/project.h"

using namespace sealift;
using tests::Project;
using tests::write;

namespace {

constexpr std::string_view kBase =
    "FROM scratch\nENV NTP=ntp.example ZONE=a\nLABEL base=yes\nIMAGE --from=oci:images tiny:1\nAPP erp local://app\nCOPY app/ data/\nFILE --mode=0640 app/a.yaml /etc/a\nLAUNCH [\"erp\"]\n";

void both(pack::BuildOptions& options) { options.platforms = {Architecture::amd64, Architecture::arm64}; }

}  // namespace

TEST_CASE("a base gives its images, files, applications and settings, but not its launch or its programs") {
  const Project project;
  const auto base = project.made(kBase, "base.run");
  write(project.folder / "app/b.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n");
  write(project.folder / "stub", Project::program('\x3e', 'x'));
  const auto own = project.made("FROM base.run\nENV ZONE=b\nAPP shop local://app NEEDS erp\nLAUNCH [\"shop\"]\n");
  const auto &contents = own.contents(), &from = base.contents();
  auto images = from.images;
  for (auto& image : images) image.reason = "in the base: IMAGE tiny:1";
  CHECK(contents.images == images);
  CHECK(contents.layers == from.layers);
  CHECK(contents.host_files == from.host_files);
  CHECK(contents.environment == std::map<std::string, std::string>{{"NTP", "ntp.example"}, {"ZONE", "b"}});
  CHECK(contents.labels == from.labels);
  CHECK(contents.launch == std::vector<std::string>{"shop"});
  CHECK(contents.bases == std::vector<Digest>{base.reader->identity()});
  REQUIRE(contents.apps.size() == 2);
  CHECK(contents.apps[0] == from.apps[0]);
  REQUIRE(contents.stubs.size() == 1);
  CHECK(contents.stubs[0].object != from.stubs.at(0).object);
  CHECK(own.text(contents.stubs[0].object.digest) == Project::program('\x3e', 'x'));
  // The bytes are there, not only their names.
  for (const auto& [path, file] : from.tree) {
    if (path != lock::kTreePath) CHECK(own.tree(path) == base.tree(path));
  }
  CHECK(own.tree(std::string(lock::kTreePath)).contains("base.run: " + base.reader->identity().text()));
  const auto& platform = contents.images.at(0).platforms.at(0);
  CHECK(own.text(platform.layers.at(0).digest) == std::string(1024, '\0'));
  CHECK(own.text(platform.config.digest).contains("amd64"));
  const auto damage = own.reader->verify(1, {}, {});
  REQUIRE(damage);
  CHECK(damage->empty());
  // a base on a base names both
  const auto third = project.made("FROM out.run\n", "third.run");
  CHECK(third.contents().bases == std::vector<Digest>{own.reader->identity(), base.reader->identity()});
  CHECK(third.contents().images == images);
}

TEST_CASE("what a base has is not read again; what a line names takes its place") {
  const Project project;
  const auto base = project.made(kBase, "base.run");
  write(project.folder / "app/a.yaml", "kind: Service\n");
  const auto own = project.made(
      "FROM base.run\nIMAGE --from=oci:images tiny:1\nCOPY app/ data/\nFILE --mode=0600 app/a.yaml /etc/a\n");
  CHECK(own.contents().images == base.contents().images);
  CHECK(own.tree("data/a.yaml") == "kind: Service\n");
  CHECK(own.tree(base.contents().apps.at(0).root + "/a.yaml") ==
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n");
  REQUIRE(own.contents().host_files.size() == 1);
  CHECK(own.contents().host_files[0].mode == 0600);
  const auto error = project.refused("FROM base.run\nAPP erp local://app\n",
                                     [&](pack::BuildOptions& options) { std::filesystem::remove(options.output); });
  CHECK(error.code == ErrorCode::invalid_input);
  CHECK(error.what.contains("Kubefile:2"));
}

TEST_CASE("a base must be packed for every platform of the build, and may be for more") {
  const Project project;
  project.made(kBase, "base.run");
  const auto lacking = project.refused("FROM base.run\n", both);
  CHECK(lacking.code == ErrorCode::invalid_input);
  CHECK(lacking.text().contains("Kubefile:1"));
  CHECK(lacking.text().contains("linux/arm64"));
  const auto wide = project.made(kBase, "wide.run", both);
  CHECK(wide.contents().stubs.size() == 2);
  CHECK(wide.contents().images.at(0).platforms.size() == 2);
  const auto narrow = project.made("FROM wide.run\n");
  REQUIRE(narrow.contents().stubs.size() == 1);
  CHECK(narrow.contents().stubs[0].architecture == Architecture::amd64);
}

TEST_CASE("a base that is not there, is none or is damaged ends the build") {
  const Project project;
  const auto none = project.refused("FROM none.run\n");
  CHECK(none.code == ErrorCode::invalid_input);
  CHECK(none.text().contains("Kubefile:1"));
  write(project.folder / "text.run", "no artifact at all");
  CHECK(project.refused("FROM text.run\n").code == ErrorCode::not_a_payload);
  std::vector<format::Frame> frames;
  uint64_t begin = 0;
  {
    const auto base = project.made(kBase, "base.run");
    frames = base.reader->all_frames();
    begin = base.reader->payload_offset();
  }
  REQUIRE_FALSE(frames.empty());
  for (const auto& frame : frames) {
    INFO(frame.offset);
    std::filesystem::copy_file(project.folder / "base.run", project.folder / "bad.run",
                               std::filesystem::copy_options::overwrite_existing);
    std::fstream file(project.folder / "bad.run", std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(begin + frame.offset));
    const int byte = file.get();
    file.seekp(static_cast<std::streamoff>(begin + frame.offset));
    file.put(static_cast<char>(byte ^ 1));
    file.close();
    CHECK(project.refused("FROM bad.run\n").code == ErrorCode::corrupt);
  }
}

TEST_CASE("programs for the hosts: one for each platform, none for others, and only programs") {
  const Project project;
  const auto stubs = [&](std::vector<std::string> names) {
    return [&, names](pack::BuildOptions& options) {
      options.stubs.clear();
      for (const auto& name : names) options.stubs.push_back(project.folder / name);
    };
  };
  const auto missing = project.refused("FROM scratch\n", stubs({"stub-arm"}));
  CHECK(missing.code == ErrorCode::not_found);
  CHECK(missing.what.contains("stub-x86_64"));
  write(project.folder / "text", "#!/bin/sh\nexit 0\n# not for us\n");
  CHECK(project.refused("FROM scratch\n", stubs({"stub", "text"})).code == ErrorCode::invalid_input);
  write(project.folder / "riscv", Project::program('\xf3'));
  CHECK(project.refused("FROM scratch\n", stubs({"riscv"})).what.contains("riscv"));
  CHECK(project.made("FROM scratch\n", "out.run", stubs({"stub-arm", "stub"})).contents().stubs.size() == 1);
}
