// SPDX-License-Identifier: Apache-2.0
// How large helm's record of a release becomes.
#include "packer/sources/release_size.h"

#include <catch2/catch_test_macros.hpp>

#include <filesystem>
#include <random>

#include "payload/base/file.h"
#include "tests/support/tar.h"
#include "tests/support/temporary_folder.h"

using namespace sealift;
using namespace sealift::tests;
using sources::kMaxReleaseSize;

namespace {

std::string noise(size_t size) {
  std::mt19937 random(1);
  std::string out(size, '\0');
  for (auto& c : out) c = static_cast<char>(random() & 0xffU);
  return out;
}

void write(const std::string& path, std::string_view text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  REQUIRE(base::write_file_atomic(path, base::as_bytes(text), 0644));
}

uint64_t size_of(const std::string& chart, std::string_view rendered = "kind: Pod\n") {
  const auto size = sources::release_size(chart, rendered);
  if (!size) FAIL(size.error().text());
  return *size;
}

bool is_about(uint64_t size, double expected) { return std::abs(static_cast<double>(size) / expected - 1) < 0.05; }

}  // namespace

TEST_CASE("helm's record of a release holds the chart's own files and what it renders") {
  const TemporaryFolder folder;
  const auto chart = folder / "erp", archive = folder / "erp.tgz";
  write(chart + "/Chart.yaml", "name: erp\n");
  const auto large = noise(1'200'000);
  SECTION("what does not compress has four thirds of its size") {
    write(chart + "/files/model.bin", large);
    CHECK(is_about(size_of(chart), 1'200'000 * 4.0 / 3));
  }
  SECTION("an archive counts like its folder") {
    write(archive, tar_entry({"erp/Chart.yaml", "name: erp\n"}) + tar_entry({"erp/files/model.bin", large}) +
                       std::string(1024, '\0'));
    CHECK(is_about(size_of(archive), 1'200'000 * 4.0 / 3));
  }
  SECTION("text compresses") {
    std::string text;
    for (int i = 0; i < 100'000; ++i) text += "line of a dashboard, line of a dashboard\n";
    write(chart + "/files/dashboard.json", text);
    CHECK(size_of(chart) > 0);
    CHECK(size_of(chart) < kMaxReleaseSize / 4);
  }
  SECTION("what is rendered counts") { CHECK(is_about(size_of(chart, large), 1'200'000 * 4.0 / 3)); }
  SECTION("dependencies do not") {
    write(chart + "/charts/db/files/model.bin", large);
    CHECK(size_of(chart) == 0);
    write(archive, tar_entry({"erp/Chart.yaml", "name: erp\n"}) + tar_entry({"erp/charts/db/files/model.bin", large}) +
                       std::string(1024, '\0'));
    CHECK(size_of(archive) == 0);
  }
  SECTION("of a folder of which helm leaves out something, nothing is said") {
    write(chart + "/files/model.bin", large);
    write(chart + "/.helmignore", "files/\n");
    CHECK(size_of(chart) == 0);
  }
  SECTION("most charts are small") {
    write(chart + "/templates/pod.yaml", noise(100'000));
    CHECK(size_of(chart) == 0);
  }
}
