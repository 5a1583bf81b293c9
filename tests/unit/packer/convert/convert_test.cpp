// SPDX-License-Identifier: Apache-2.0
// Each folder of tests/golden/convert has a foreign file with its oddities (source/), what it becomes (converted/) and
// what is said about it (report.txt).
#include "packer/convert/convert.h"

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <filesystem>
#include <map>

#include "packer/resolve/kubefile.h"
#include "payload/base/file.h"
#include "payload/base/private_folder.h"
#include "runtime/config/parse.h"
#include "tests/support/source_tree.h"

using namespace sealift;
using convert::Outcome;

namespace {

// Compared with a file; SEALIFT_ACCEPT=1 writes it.
void check_file(const std::string& path, const std::string& text) {
  INFO(path);
  if (std::getenv("SEALIFT_ACCEPT") != nullptr) {
    REQUIRE(base::make_directories(path.substr(0, path.rfind('/')), 0755));
    REQUIRE(base::write_file_atomic(path, base::as_bytes(text), 0644));
  }
  const auto expected = base::read_text_file(path, size_t{1} << 20);
  REQUIRE(expected);
  CHECK(*expected == text);
}

std::vector<std::string> cases() {
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator(tests::source_path("tests/golden/convert")))
    if (entry.is_directory()) out.push_back(entry.path().string());
  return out;
}

// The file to convert: a folder's, or the only one that is there.
std::string main_file(const std::string& source) {
  for (const auto* name : {"Kubefile", "Clusterfile", "zarf.yaml", "imageList"})
    if (std::filesystem::is_regular_file(source + "/" + name)) return source + "/" + name;
  FAIL(source);
  return {};
}

// Reports name the file as it was given.
std::string without(std::string text, const std::string& folder) {
  for (size_t at = text.find(folder); at != std::string::npos; at = text.find(folder)) text.erase(at, folder.size());
  return text;
}

convert::Conversion must(const std::string& path, const std::string& output = {}) {
  auto out = convert::convert(path, output);
  if (!out) FAIL(out.error().text());
  REQUIRE(out->size() == 1);
  return std::move(out->front());
}

}  // namespace

TEST_CASE("foreign files become what tests/golden/convert has") {
  const auto all = cases();
  CHECK(all.size() >= 10);
  for (const auto& folder : all) {
    const auto converted = must(main_file(folder + "/source"));
    for (const auto& file : converted.files)
      check_file(folder + "/converted/" + file.path, without(file.text, folder + "/source/"));
    check_file(folder + "/report.txt", without(converted.report.text(), folder + "/source/"));
  }
}

TEST_CASE("a converted Kubefile can be read by the build") {
  for (const auto& folder : cases()) {
    const auto file = must(main_file(folder + "/source")).files.front();
    if (file.path != "Kubefile") continue;
    INFO(folder);
    const auto parsed = resolve::parse_kubefile(file.text, file.path, {}).problems.joined();
    if (!parsed) FAIL(parsed.error().text());
  }
}

TEST_CASE("a converted cluster.yaml can be read by the site, but for what it was told to write itself") {
  const auto problems_of = [](const std::string& name) {
    const auto file = must(tests::source_path("tests/golden/convert/" + name + "/source/Clusterfile")).files.front();
    const auto no_files = [](const std::string& path, size_t) -> Result<std::string> {
      return fail(ErrorCode::not_found, "{}", path);
    };
    const auto parsed = config::parse_cluster_config(
        file.text, "cluster.yaml", {{"HOME", "/root"}, {"ERP_DB_PASSWORD", "x"}, {"REDIS_AUTH_PASSWORD", "1234"}},
        no_files);
    if (!parsed) FAIL(parsed.error().text());
    return parsed->problems.empty() ? "" : config::to_error(parsed->problems).what;
  };
  CHECK(problems_of("cluster-v1") == "");
  CHECK(problems_of("cluster-v2") == "");
  CHECK(problems_of("cluster-sealos") == "");
}

TEST_CASE("no secret of a Clusterfile is written or told") {
  for (const auto& folder : cases()) {
    if (!folder.contains("cluster-")) continue;
    const auto converted = must(main_file(folder + "/source"));
    CHECK_FALSE(converted.report.text().contains("hunter2"));
    for (const auto& file : converted.files) CHECK_FALSE(file.text.contains("hunter2"));
  }
}

TEST_CASE("what is written beside a Kubefile is named from its context") {
  const auto source = tests::source_path("tests/golden/convert/helm-variables/source");
  CHECK(must(source).files.front().text.contains("\nVALUES search values/search.yaml\n"));
  CHECK(must(source, source).files.front().text.contains("\nVALUES search values/search.yaml\n"));
  CHECK(must(source, source + "/new").files.front().text.contains("\nVALUES search new/values/search.yaml\n"));
  CHECK(must(source, source + "/../out").files.front().text.contains("\nVALUES search ../out/values/search.yaml\n"));
}

TEST_CASE("what is none of these files is refused with a reason") {
  const auto refused = [](const std::string& name, const std::string& text) {
    const auto folder = base::PrivateFolder::make();
    REQUIRE(folder);
    const std::string path = folder->path() + "/" + name;
    REQUIRE(base::write_file_atomic(path, base::as_bytes(text), 0600));
    const auto out = convert::convert(path, "");
    REQUIRE_FALSE(out);
    CHECK(out.error().code == ErrorCode::invalid_input);
    return out.error().what;
  };
  CHECK(refused("Dockerfile", "FROM golang:1.20 AS build\nRUN make\nFROM alpine\nCOPY --from=build /a /a\n")
            .contains("it makes a container image"));
  CHECK(refused("Kubefile", "FROM scratch\nAPP a local://a NEEDS b\n").contains("a Kubefile of Sealift already"));
  CHECK(refused("x.yaml", "apiVersion: v1\nkind: ConfigMap\n").contains("manifests are named with APP"));
  CHECK(refused("notes", "some text that says\nnothing to anybody\n").contains("not recognised"));
  CHECK(refused("Clusterfile", "apiVersion: sealer.io/v2\nkind: Cluster\nspec: {passwd: *****}\n").contains(":3"));
  CHECK(refused("bytes", std::string("a\0b", 3)).contains("not a text file"));
}
