// SPDX-License-Identifier: Apache-2.0
#include "packer/pack/build.h"

#include <catch2/catch_test_macros.hpp>

#include "tests/unit/packer/pack/project.h"

using namespace sealift;
using tests::Project;
using tests::write;

namespace {

// Of the whole file: its head is padded, so it is not read into memory.
Digest digest_of(const std::string& path) {
  const auto file = base::OpenFile::open(path);
  REQUIRE(file);
  const auto digest = hash::sha256(**file, 0, (*file)->size());
  REQUIRE(digest);
  return *digest;
}

std::string refused(const Project& project, const std::string& lines) { return project.refused("FROM scratch\n" + lines).text(); }

constexpr std::string_view kWhole = "FROM scratch\nIMAGE --from=oci:images tiny:1\nAPP erp local://app\nCOPY app/ data/\nLAUNCH [\"erp\"]\n";

}  // namespace

TEST_CASE("the same sources in two folders give the same bytes") {
  const Project one, two;
  const auto first = one.build(kWhole), second = two.build(kWhole);
  if (!first) FAIL(first.error().text());
  REQUIRE(second);
  CHECK(first->identity == second->identity);
  CHECK(digest_of(one.output()) == digest_of(two.output()));
  const auto artifact = Project::open(one.output());
  CHECK(artifact.contents().find_image("docker.io/library/tiny:1") != nullptr);
  CHECK(artifact.contents().tree.contains("data/a.yaml"));
  CHECK(artifact.contents().launch == std::vector<std::string>{"erp"});
}

TEST_CASE("what is promised must be packed") {
  const Project project;
  CHECK(refused(project, "APP erp local://app NEEDS db\n").contains("\"db\""));
  CHECK(refused(project, "APP erp local://app\nLAUNCH [\"erb\"]\n").contains("did you mean \"erp\"?"));
  CHECK(refused(project, "APP erp local://app\nAPP erp local://app\n").contains("Kubefile:3"));
  CHECK(refused(project, "IMAGE --from=oci:images tiny:2\n").contains("docker.io/library/tiny:2"));
  CHECK(refused(project, "COPY nothing x\n").contains("Kubefile:2"));
}

TEST_CASE("a damaged blob ends the build") {
  const Project project;
  const Digest layer = hash::sha256(Bytes(1024));
  write(project.folder / ("images/blobs/sha256/" + layer.hex()), std::string(2048, '\0'));
  CHECK(refused(project, "IMAGE --from=oci:images tiny:1\n").contains("tiny:1"));
}

TEST_CASE("two roles may have different files at one destination") {
  const Project project;
  write(project.folder / "one", "one");
  write(project.folder / "two", "two");
  const auto artifact = project.made("FROM scratch\nFILE --role=worker one /etc/x\nFILE --role=control-plane two /etc/x\n");
  const auto& files = artifact.contents().host_files;
  REQUIRE(files.size() == 2);
  CHECK(artifact.tree(files[0].source) == "one");
  CHECK(artifact.tree(files[1].source) == "two");
}
