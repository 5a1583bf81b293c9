// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/stage.h"

#include <sys/stat.h>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>

#include "payload/base/file.h"
#include "payload/format/contents.h"
#include "tests/support/payload_builder.h"
#include "tests/support/temporary_folder.h"

using namespace sealift;
namespace fs = std::filesystem;

namespace {

struct Delivered {
  tests::TemporaryFolder root;
  std::string payload = root / "p.payload", to = root / "run/apps/shop";

  Delivered() {
    tests::PayloadBuilder builder;
    format::Contents contents;
    contents.name = "shop";
    for (const auto& [path, text] : std::map<std::string, std::string>{{"charts/shop/Chart.yaml", "name: shop\n"},
                                                                       {"charts/shop/templates/web.yaml", "packed\n"},
                                                                       {"charts/shop-two/Chart.yaml", "other\n"}}) {
      contents.tree[path] = {{hash::sha256(base::as_bytes(text)), text.size()}, 0644};
      builder.add_raw(text);
    }
    builder.contents = format::to_json(contents);
    const auto bytes = builder.build();
    std::ofstream(payload, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }
  Result<void> stage(std::map<std::string, std::string> files) {
    return node::stage({payload, "charts/shop", to, std::move(files)});
  }
  std::string text(const std::string& path) const { return base::read_text_file(to + "/" + path, 1000).value_or("-"); }
};

}  // namespace

TEST_CASE("staging: the packed files of one application, what comes in wins, nothing of before is left") {
  Delivered here;
  fs::create_directories(here.to + "/tree/templates");
  std::ofstream(here.to + "/tree/templates/old.yaml") << "of an earlier version";
  const auto done = here.stage({{"values-1.yaml", "password: hunter2\n"}, {"tree/templates/web.yaml", "the site's\n"}});
  if (!done) FAIL(done.error().text());
  CHECK(here.text("tree/Chart.yaml") == "name: shop\n");
  CHECK(here.text("tree/templates/web.yaml") == "the site's\n");
  CHECK(here.text("values-1.yaml") == "password: hunter2\n");
  size_t files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(here.to)) {
    struct stat status{};
    REQUIRE(::lstat(entry.path().c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == (entry.is_directory() ? 0700 : 0600));
    files += entry.is_regular_file() ? 1 : 0;
  }
  CHECK(files == 3);
}

TEST_CASE("staging: with patches there is a program that helm can start") {
  Delivered here;
  REQUIRE(here.stage({{"patches.json", "[]"}}));
  CHECK(fs::read_symlink(here.to + "/sealift") == fs::read_symlink("/proc/self/exe"));
  REQUIRE(here.stage({}));
  CHECK_FALSE(fs::exists(fs::symlink_status(here.to + "/sealift")));
}

TEST_CASE("staging: nothing is written outside of its folder") {
  Delivered here;
  for (const char* path : {"../escaped", "/etc/escaped", "tree/../../escaped", ""}) {
    INFO(path);
    CHECK_FALSE(here.stage({{path, "x"}}));
  }
  CHECK_FALSE(fs::exists(here.root / "run/apps/escaped"));
  CHECK_FALSE(fs::exists("/etc/escaped"));
}

TEST_CASE("staging: a payload that is not there, or damaged where the application lies, is told") {
  Delivered here;
  {
    std::fstream file(here.payload, std::ios::in | std::ios::out | std::ios::binary);
    std::string all((std::istreambuf_iterator<char>(file)), {});
    file.clear();
    file.seekp(static_cast<std::streamoff>(all.find("packed\n")));
    file << "PACKED";
  }
  const auto damaged = here.stage({});
  REQUIRE_FALSE(damaged);
  CHECK(damaged.error().code == ErrorCode::corrupt);
  fs::remove(here.payload);
  CHECK(here.stage({}).error().code == ErrorCode::not_found);
}

TEST_CASE("staging: the input is an object of texts") {
  CHECK(node::staged_files_of(R"({"a":"1","b/c":""})") == std::map<std::string, std::string>{{"a", "1"}, {"b/c", ""}});
  CHECK(node::staged_files_of("{}")->empty());
  for (const char* bad : {"", "[]", R"({"a":1})", R"({"a":{"b":"c"}})"}) {
    INFO(bad);
    CHECK_FALSE(node::staged_files_of(bad));
  }
}
