// SPDX-License-Identifier: Apache-2.0
// Nothing enters an artifact but what its lines name: not what .sealiftignore excludes, and not what somebody puts in a
// file's place between the look at it and the packing.
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "payload/base/format.h"
#include "tests/support/event_recorder.h"
#include "tests/unit/packer/pack/charts.h"

using namespace sealift;
using tests::Charts;
using tests::pod;
using tests::Project;
using tests::write;
namespace fs = std::filesystem;

namespace {

// Does something once a line has been read: its files were looked at, and nothing is packed yet.
class Meanwhile final : public EventSink {
 public:
  explicit Meanwhile(std::function<void()> act) : act_(std::move(act)) {}
  void on(const Event& event) override {
    if (event.message.starts_with("COPY ") || event.message.starts_with("APP ")) act_();
  }

 private:
  std::function<void()> act_;
};

std::string changed(const Project& project, std::string_view lines, std::function<void()> act) {
  Meanwhile meanwhile(std::move(act));
  const auto done = project.build(base::format("FROM scratch\n{}\n", lines), {}, meanwhile);
  REQUIRE_FALSE(done);
  CHECK(done.error().code == ErrorCode::corrupt);
  CHECK_FALSE(fs::exists(project.output()));
  return done.error().text();
}

}  // namespace

TEST_CASE("a file that is exchanged before it is packed ends the build") {
  const Project project;
  const tests::TemporaryFolder elsewhere;
  write(elsewhere / "secret", "secret");
  write(project.folder / "d/file", "planned");
  const auto path = project.folder / "d/file";
  const auto told = changed(project, "COPY d x", [&] {
    fs::remove(path);
    fs::create_symlink(elsewhere / "secret", path);
  });
  CHECK(told.starts_with(path + " changed while it was packed; build again once nothing writes there"));
  CHECK(told.contains("while packing x/file (COPY d x, "));
  fs::remove(path);
  write(path, "planned");
  CHECK(changed(project, "COPY d x", [&] { write(path, std::string(10'000'000, 'x')); }).contains("d/file changed"));
  CHECK(changed(project, "COPY d/file x", [&] {
          fs::rename(project.folder / "d", project.folder / "moved");
          fs::create_symlink("moved", project.folder / "d");
        }).contains("d/file changed"));
  CHECK(changed(project, "APP erp local://app", [&] {
          write(project.folder / "app/a.yaml", "kind: Other\n");
        }).contains("app/a.yaml changed"));
}

TEST_CASE("what is looked at through a link that a line names is packed") {
  const Project project;
  const tests::TemporaryFolder elsewhere;
  write(elsewhere / "file", "meant");
  fs::create_symlink(elsewhere / "file", project.folder / "link");
  CHECK(project.made("FROM scratch\nCOPY link x\n").tree("x") == "meant");
}

TEST_CASE("no line brings what .sealiftignore excludes, and the Kubefile, the lock and bases are read all the same") {
  const Project project;
  write(project.folder / "d/a", "a");
  write(project.folder / "d/key", "k");
  write(project.folder / "app/README", "not a manifest\n");
  write(project.folder / ".sealiftignore", "**/key\napp/README\nKubefile*\n.sealiftignore\nimages\nstub*\n*.run\n");
  (void)project.made("FROM scratch\nCOPY d/a base\n", "base.run");
  tests::EventRecorder events;
  const auto done = project.build(
      "FROM base.run\nCOPY . x\nAPP erp local://app\nIMAGE --from=oci:images tiny:1\nLAUNCH [\"erp\"]\n", {}, events);
  if (!done) FAIL(done.error().text());
  const auto artifact = Project::open(project.output());
  std::vector<std::string> paths;
  for (const auto& [path, file] : artifact.contents().tree) paths.push_back(path);
  CHECK(paths == std::vector<std::string>{"apps/erp/a.yaml", "base", "sealift/Kubefile.lock", "x/app/a.yaml", "x/d/a"});
  // README, key, Kubefile, the list, the images, base.run, two programs
  const auto told = events.events();
  CHECK(std::ranges::count(told, "8 files and folders are left out, as " + project.folder / ".sealiftignore" + " says",
                           &Event::message) == 1);
}

TEST_CASE("a line that names an excluded file says which line of .sealiftignore excludes it") {
  const Charts project;
  write(project.folder / ".sealiftignore", "gone*\ngone\n");
  for (const char* name : {"gone", "gone.yaml", "gone.txt", "gone-rules.yaml"}) write(project.folder / name, "a: b\n");
  write(project.folder / "gone.tgz", "x");
  for (const char* line : {"COPY gone x", "ADD gone x", "ADD --unpack gone.tgz x/", "FILE gone /etc/x",
                           "APP a local://gone.yaml", "APP a local://gone.tgz", "APP a local://erp\nVALUES a gone.yaml",
                           "IMAGE-RULES gone-rules.yaml", "IMAGE gone.txt", "APP a local://erp local://gone.tgz"}) {
    INFO(line);
    const auto text = project.refused("FROM scratch\n" + std::string(line) + "\n", project.with_helm()).text();
    INFO(text);
    CHECK(text.contains(" is excluded by " + project.folder / ".sealiftignore:"));
  }
}

TEST_CASE("helm sees of a chart what is packed of it") {
  const Charts project;
  project.chart("erp", pod("erp", "tiny:1"));
  write(project.folder / "erp/fails", "the excluded file was there");
  write(project.folder / ".sealiftignore", "erp/fails\n");
  const auto artifact = project.packed("APP erp local://erp\nLAUNCH [\"erp\"]\n");
  CHECK(artifact.contents().tree.contains("apps/erp/Chart.yaml"));
  CHECK_FALSE(artifact.contents().tree.contains("apps/erp/fails"));
  fs::remove(project.folder / ".sealiftignore");
  const auto told = project.refused("FROM scratch\nAPP erp local://erp\n", project.with_helm()).text();
  CHECK(told.contains("the excluded file was there"));
}

TEST_CASE("pipes and the like are refused in every folder and for every file that lines name, in one run") {
  const Charts project;
  for (const char* name : {"d/one", "app/two", "erp/templates/three", "four.yaml", "five.yaml", "six.tgz"}) {
    fs::create_directories(fs::path(project.folder / name).parent_path());
    REQUIRE(::mkfifo((project.folder / name).c_str(), 0644) == 0);
  }
  const auto told =
      project
          .refused(
              "FROM scratch\nCOPY d app x/\nFILE four.yaml /etc/four\nAPP a local://app\nAPP b local://erp\n"
              "IMAGE-RULES five.yaml\nAPP c local://six.tgz\nADD --unpack six.tgz y/\n"
              "ADD --checksum=sha256:"
              "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 four.yaml z\n",
              project.with_helm())
          .text();
  INFO(told);
  for (const char* line :
       {":2:6: ", ":2:8: ", ":3:6: ", ":4:7: ", ":5:7: ", ":6:13: ", ":7:7: ", ":8:14: ", ":9:88: "}) {
    INFO(line);
    CHECK(told.contains(line));
  }
  size_t pipes = 0;
  for (size_t at = told.find("is a named pipe"); at != std::string::npos; at = told.find("is a named pipe", at + 1))
    ++pipes;
  CHECK(pipes == 9);
}
