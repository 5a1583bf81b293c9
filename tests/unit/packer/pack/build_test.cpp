// SPDX-License-Identifier: Apache-2.0
#include "packer/pack/build.h"

#include <catch2/catch_test_macros.hpp>

#include <filesystem>

#include "payload/base/file.h"
#include "payload/format/reader.h"
#include "payload/hash/digest.h"
#include "tests/support/temporary_folder.h"

using namespace sealift;

namespace {

void write(const std::string& path, std::string_view text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  REQUIRE(base::write_file_atomic(path, base::as_bytes(text), 0644));
}

// A build in a folder of its own: an image of one empty layer, and a program that is only an ELF header.
struct Project {
  tests::TemporaryFolder folder;

  Project() {
    std::string program("\x7f" "ELF", 4);
    program.resize(18);
    program += '\x3e';  // EM_X86_64
    program.resize(4096);
    write(folder / "stub", program);
    const auto layer = blob(std::string(1024, '\0'));
    const auto config = blob(R"({"architecture":"amd64","os":"linux"})");
    const auto manifest = blob(std::format(
        R"({{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{{"mediaType":"application/vnd.oci.image.config.v1+json",{}}},)"
        R"("layers":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar",{}}}]}})", config, layer));
    write(folder / "images/index.json", std::format(
        R"({{"schemaVersion":2,"manifests":[{{"mediaType":"application/vnd.oci.image.manifest.v1+json",{},)"
        R"("annotations":{{"org.opencontainers.image.ref.name":"docker.io/library/tiny:1"}}}}]}})", manifest));
    write(folder / "app/a.yaml", "kind: ConfigMap\n");
  }

  // Writes a blob; gives the fields of a descriptor.
  std::string blob(const std::string& text) const {
    const Digest digest = hash::sha256(base::as_bytes(text));
    write(folder / ("images/blobs/sha256/" + digest.hex()), text);
    return std::format(R"("digest":"{}","size":{})", digest.text(), text.size());
  }

  Result<writer::Summary> build(std::string_view kubefile) const {
    write(folder / "Kubefile", kubefile);
    pack::BuildOptions options;
    options.kubefile = folder / "Kubefile";
    options.context = folder.path();
    options.output = output();
    options.platforms = {Architecture::amd64};
    options.stubs = {folder / "stub"};
    return pack::build(options, base::no_events(), {});
  }
  std::string output() const { return folder / "out.run"; }
};

// Of the whole file: its head is padded, so it is not read into memory.
Digest digest_of(const std::string& path) {
  const auto file = base::OpenFile::open(path);
  REQUIRE(file);
  const auto digest = hash::sha256(**file, 0, (*file)->size());
  REQUIRE(digest);
  return *digest;
}

// The error's text; nothing may be left at the output.
std::string refused(const Project& project, const std::string& lines) {
  const auto made = project.build("FROM scratch\n" + lines);
  INFO(lines);
  REQUIRE_FALSE(made);
  CHECK_FALSE(std::filesystem::exists(project.output()));
  return made.error().text();
}

constexpr std::string_view kWhole = "FROM scratch\nIMAGE --from=oci:images tiny:1\nAPP erp local://app\nCOPY app/ data/\nLAUNCH [\"erp\"]\n";

}  // namespace

TEST_CASE("the same sources in two folders give the same bytes") {
  const Project one, two;
  const auto first = one.build(kWhole), second = two.build(kWhole);
  if (!first) FAIL(first.error().text());
  REQUIRE(second);
  CHECK(first->identity == second->identity);
  CHECK(digest_of(one.output()) == digest_of(two.output()));
  const auto file = base::OpenFile::open(one.output());
  REQUIRE(file);
  const auto reader = format::PayloadReader::open(**file);
  REQUIRE(reader);
  CHECK((*reader)->contents().find_image("docker.io/library/tiny:1") != nullptr);
  CHECK((*reader)->contents().tree.contains("data/a.yaml"));
  CHECK((*reader)->contents().launch == std::vector<std::string>{"erp"});
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
  REQUIRE(project.build("FROM scratch\nFILE --role=worker one /etc/x\nFILE --role=control-plane two /etc/x\n"));
  const auto file = base::OpenFile::open(project.output());
  REQUIRE(file);
  const auto reader = format::PayloadReader::open(**file);
  REQUIRE(reader);
  const auto& contents = (*reader)->contents();
  REQUIRE(contents.host_files.size() == 2);
  CHECK(contents.tree.at(contents.host_files[0].source).object.digest == hash::sha256(base::as_bytes("one")));
  CHECK(contents.tree.at(contents.host_files[1].source).object.digest == hash::sha256(base::as_bytes("two")));
}
