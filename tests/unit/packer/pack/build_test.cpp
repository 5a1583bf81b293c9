// SPDX-License-Identifier: Apache-2.0
#include "packer/pack/build.h"
#include "payload/base/format.h"

#include <catch2/catch_test_macros.hpp>

#include "tests/unit/packer/pack/project.h"

using namespace sealift;
using tests::Project;
using tests::write;

namespace {

// Streams the file: its padded head makes it large.
Digest digest_of(const std::string& path) {
  const auto file = base::OpenFile::open(path);
  REQUIRE(file);
  const auto digest = hash::sha256(**file, 0, (*file)->size());
  REQUIRE(digest);
  return *digest;
}

std::string refused(const Project& project, const std::string& lines) {
  return project.refused("FROM scratch\n" + lines).text();
}

constexpr std::string_view kWhole =
    "FROM scratch\nIMAGE --from=oci:images tiny:1\nAPP erp local://app\nCOPY app/ data/\nLAUNCH [\"erp\"]\n";

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

TEST_CASE("an output that can't be written is told before anything else is looked at") {
  const Project project;
  for (const auto& [output, code] : {std::pair{project.folder / "none/out.run", ErrorCode::not_found},
                                     {project.folder.path(), ErrorCode::already_exists}}) {
    const auto done =
        project.build("FROM scratch\nCOPY nothing x\n", [&](pack::BuildOptions& options) { options.output = output; });
    REQUIRE_FALSE(done);
    CHECK(done.error().code == code);
  }
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
  const auto artifact =
      project.made("FROM scratch\nFILE --role=worker one /etc/x\nFILE --role=control-plane two /etc/x\n");
  const auto& files = artifact.contents().host_files;
  REQUIRE(files.size() == 2);
  CHECK(artifact.tree(files[0].source) == "one");
  CHECK(artifact.tree(files[1].source) == "two");
}

TEST_CASE("ADD compares a file with its checksum before it is packed") {
  const Project project;
  write(project.folder / "tool", "the tool");
  const std::string right = hash::sha256(base::as_bytes("the tool")).text(),
                    wrong = hash::sha256(base::as_bytes("another")).text();
  CHECK(project.made("FROM scratch\nADD --checksum=" + right + " tool bin/tool\n").tree("bin/tool") == "the tool");
  CHECK(project.made("FROM scratch\nADD tool app/ bin/\n", "plain.run").tree("bin/tool") == "the tool");
  std::filesystem::remove(project.output());
  const auto error = project.refused("FROM scratch\nCOPY app/ data/\nADD --checksum=" + wrong + " tool bin/tool\n");
  CHECK(error.code == ErrorCode::corrupt);
  INFO(error.text());
  CHECK(error.text().contains("Kubefile:3"));
  CHECK(error.text().contains("tool has the digest " + right + ", not " + wrong));
}

TEST_CASE("a checksum is for one file that is there") {
  const Project project;
  write(project.folder / "one", "1");
  write(project.folder / "two", "2");
  const std::string checksum = "ADD --checksum=" + hash::sha256(base::as_bytes("1")).text();
  CHECK(refused(project, checksum + " one two bin/\n").contains("--checksum is for one file"));
  for (const char* source : {"none", "app"}) {
    INFO(source);
    const auto error = project.refused("FROM scratch\n" + checksum + " " + source + " bin/\n");
    CHECK(error.text().contains("Kubefile:2"));
  }
}

TEST_CASE("FILE has its role, mode, owner and template; a later one of the same place and role counts") {
  const Project project;
  write(project.folder / "a.conf.tmpl", "ntp ${NTP}\n");
  write(project.folder / "b.conf", "b\n", 0755);
  const auto artifact = project.made(
      "FROM scratch\nENV NTP=ntp.example\nFILE a.conf.tmpl /etc/a\nFILE --template --mode 0600 --owner 5:6 --role control-plane b.conf /etc/b\nFILE --mode=4755 --owner=7 b.conf /etc/c\n"
      "FILE b.conf /etc/a\nFILE --role=worker a.conf.tmpl /etc/a\n");
  using format::HostFile;
  using format::HostRole;
  const auto& files = artifact.contents().host_files;
  REQUIRE(files.size() == 4);
  CHECK(files[0] ==
        HostFile{"files-control-plane/etc/b.tmpl", "/etc/b", 0600, 5, 6, HostRole::control_plane, true, {}});
  CHECK(files[1] == HostFile{"files/etc/c", "/etc/c", 04755, 7, 7, HostRole::all, false, {}});
  CHECK(files[2] == HostFile{"files/etc/a", "/etc/a", 0644, 0, 0, HostRole::all, false, {}});
  CHECK(files[3] == HostFile{"files-worker/etc/a.tmpl", "/etc/a", 0644, 0, 0, HostRole::worker, true, {}});
  CHECK(artifact.tree(files[2].source) == "b\n");
  CHECK(artifact.tree(files[3].source) == "ntp ${NTP}\n");  // replaced on the hosts, not here
  CHECK(artifact.contents().environment == std::map<std::string, std::string>{{"NTP", "ntp.example"}});
}

TEST_CASE("an output that is something else is not replaced") {
  const Project project;
  const auto refused_for = [&](const std::string& kubefile, const std::string& output) {
    const auto done = project.build(kubefile, [&](auto& options) { options.output = output; });
    REQUIRE_FALSE(done);
    return done.error().text();
  };
  const auto here = [&](const std::string& name) { return project.folder / name; };
  write(here("notes.txt"), "mine");
  for (const auto* name : {"notes.txt", "Kubefile"})
    CHECK(refused_for("FROM scratch\n", here(name)) ==
          base::format("the output {} is there and is no artifact; delete it, or name another file", here(name)));
  CHECK(refused_for("FROM scratch\n", "").contains("--output is empty"));
  project.made("FROM scratch\nCOPY app/ app/\n", "base.run");
  CHECK(refused_for("FROM base.run\n", here("base.run")).contains("the base base.run is the output too"));
  CHECK(refused_for("FROM scratch\nFILE base.run /opt/base.run\n", here("base.run")).contains("which is the output"));
  CHECK(Project::open(here("base.run")).tree("app/a.yaml").contains("ConfigMap"));
  // half an artifact, and an empty file, are nobody's
  const auto whole = base::read_file(here("base.run"), size_t{64} << 20).value();
  write(here("half.run"), base::as_text(ByteView(whole).first(whole.size() - 200)));
  write(here("empty.run"), "");
  project.made("FROM scratch\n", "half.run");
  project.made("FROM scratch\n", "empty.run");
}
