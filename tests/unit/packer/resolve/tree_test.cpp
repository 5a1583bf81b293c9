// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/tree.h"

#include <catch2/catch_test_macros.hpp>

#include <filesystem>

#include "packer/resolve/app.h"
#include "packer/resolve/build_context.h"
#include "payload/base/file.h"
#include "tests/support/temporary_folder.h"

using namespace sealift;

namespace {

void write(const std::string& path, std::string_view text, unsigned mode = 0644) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  REQUIRE(base::write_file_atomic(path, base::as_bytes(text), mode));
}

resolve::Instruction instruction(const std::string& line) {
  auto parsed = resolve::parse_kubefile("FROM scratch\n" + line + "\n", "Kubefile", {});
  REQUIRE(parsed.problems.empty());
  return parsed.instructions.back();
}

const workloads::Rules kNoRules;

Result<resolve::LocalApp> local_app(const resolve::Instruction& line, const std::string& context) {
  resolve::Problems problems;
  std::map<std::string, std::string> unpacked;
  const std::string scratch = context + "/scratch";
  const CancelToken no_cancel;
  resolve::Locks locks;
  resolve::Remote remote(locks, context + "/cache", {}, base::system_clock(), base::no_events(), no_cancel);
  resolve::BuildContext own(context);
  auto out = resolve::local_app(line.place, std::get<resolve::AddApp>(line.what),
                                {own, scratch, kNoRules, problems, unpacked, remote});
  SEALIFT_TRY(problems.joined());
  return out;
}

Result<std::vector<resolve::LocalFile>> copied_files(const std::string& line, const std::string& folder) {
  resolve::BuildContext context(folder);
  return resolve::copied_files(std::get<resolve::Copy>(instruction(line).what), context);
}

std::vector<std::string> targets(const std::vector<resolve::LocalFile>& files) {
  std::vector<std::string> out;
  for (const auto& file : files) out.push_back(file.target);
  return out;
}

}  // namespace

TEST_CASE("COPY puts folders' contents, files by name, and files into folders") {
  const tests::TemporaryFolder folder;
  write(folder / "d/b", "b");
  write(folder / "d/a", "a", 0700);
  write(folder / "d/sub/c", "c");
  using Names = std::vector<std::string>;
  const auto copied = [&](const std::string& line) {
    auto files = copied_files(line, folder.path());
    REQUIRE(files);
    return *files;
  };
  CHECK(targets(copied("COPY d/ x/")) == Names{"x/a", "x/b", "x/sub/c"});
  CHECK(targets(copied("COPY d/a renamed")) == Names{"renamed"});
  CHECK(targets(copied("COPY d/a x/")) == Names{"x/a"});
  CHECK(targets(copied("COPY d/b d/a x")) == Names{"x/b", "x/a"});
  CHECK(targets(copied("COPY d/a .")) == Names{"a"});
  CHECK(copied("COPY d/a x")[0].mode == 0755);
  CHECK(copied("COPY d/b x")[0].mode == 0644);
  for (const std::string line : {"COPY nothing x", "COPY d/a ../x"}) {
    const auto refused = copied_files(line, folder.path());
    INFO(line);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().text().contains("Kubefile:2"));
  }
}

TEST_CASE("what an application is comes from its content") {
  const tests::TemporaryFolder folder;
  write(folder / "chart/Chart.yaml", "name: erp\nversion: 1.2.3\n");
  write(folder / "chart/templates/a.yaml", "kind: X\n");
  write(folder / "plain/a.yaml", "apiVersion: v1\nkind: X\nmetadata: {name: a}\n");
  write(folder / "mixed/a.yaml", "kind: X\n");
  write(folder / "mixed/readme", "x");
  write(folder / "packed/erp.tgz", "x");
  const auto app = [&](const std::string& source) {
    return local_app(instruction("APP erp local://" + source + " NEEDS db"), folder.path());
  };
  const auto chart = app("chart");
  REQUIRE(chart);
  CHECK(chart->app.kind == format::AppKind::helm);
  CHECK(chart->app.version == "1.2.3");
  CHECK(chart->app.needs == std::vector<std::string>{"db"});
  CHECK(targets(chart->files) == std::vector<std::string>{"apps/erp/Chart.yaml", "apps/erp/templates/a.yaml"});
  const auto plain = app("plain/a.yaml");
  REQUIRE(plain);
  CHECK(plain->app.kind == format::AppKind::manifests);
  CHECK(app("mixed").error().text().contains("readme"));
  CHECK(app("packed").error().text().contains("erp.tgz is a packed chart beside other files"));
}

TEST_CASE("links in a folder lead into it or into the context, unless they may lead anywhere") {
  const tests::TemporaryFolder context, elsewhere;
  write(elsewhere / "secret", "s");
  write(elsewhere / "out/own", "o");
  write(context / "d/a", "a");
  write(context / "shared/b", "b");
  std::filesystem::create_symlink("a", context / "d/same");
  std::filesystem::create_symlink("../shared", context / "d/shared");
  using Names = std::vector<std::string>;
  const auto copied = [&](const std::string& line) { return copied_files(line, context.path()); };
  CHECK(targets(copied("COPY d x").value()) == Names{"x/a", "x/same", "x/shared/b"});
  // a link that the line itself names is meant, and its folder is one like any other
  std::filesystem::create_symlink(elsewhere / "secret", context / "named");
  std::filesystem::create_symlink(elsewhere / "out", context / "folder");
  std::filesystem::create_symlink("own", elsewhere / "out/again");
  CHECK(targets(copied("COPY named x").value()) == Names{"x"});
  CHECK(targets(copied("COPY folder x").value()) == Names{"x/again", "x/own"});
  for (const auto& target : {elsewhere / "secret", elsewhere / "out", std::string("/etc")}) {
    std::filesystem::create_symlink(target, context / "d/z");
    const auto refused = copied("COPY d x");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().text().starts_with("Kubefile:2:6: " + context / "d/z is a link to "));
    std::filesystem::remove(context / "d/z");
  }
  std::filesystem::create_symlink(elsewhere / "secret", context / "d/z");
  CHECK(targets(copied("COPY --follow-links d x").value()) == Names{"x/a", "x/same", "x/shared/b", "x/z"});
  // a name that only begins like the context's
  write(context.path() + "-other/c", "c");
  std::filesystem::create_symlink(context.path() + "-other/c", context / "d/y");
  CHECK(copied("COPY d x").error().text().contains("d/y is a link to"));
  std::filesystem::remove_all(context.path() + "-other");
}

TEST_CASE("a file that only its owner can read is known as such") {
  const tests::TemporaryFolder folder;
  write(folder / "d/key", "k", 0600);
  write(folder / "d/read-only", "k", 0400);
  write(folder / "d/open", "o", 0640);
  const auto files = copied_files("COPY d x", folder.path()).value();
  REQUIRE(files.size() == 3);
  CHECK(files[0].is_private);
  CHECK_FALSE(files[1].is_private);
  CHECK(files[2].is_private);
}
