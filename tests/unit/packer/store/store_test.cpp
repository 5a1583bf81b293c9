// SPDX-License-Identifier: Apache-2.0
// The local store: names, what comes and goes, and what a kill or damage leaves.
#include "packer/store/store.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>

#include "payload/base/file.h"
#include "payload/writer/writer.h"
#include "tests/support/temporary_folder.h"

using namespace sealift;
using store::Store;
using tests::TemporaryFolder;

namespace {

template <class T>
T must(Result<T> result) {
  if (!result) FAIL(result.error().text());
  return std::move(*result);
}

// A payload with one file.
Digest make(const std::string& path, std::string text, const std::string& name = "") {
  auto writer = must(writer::PayloadWriter::create(path, {}));
  format::Contents contents;
  contents.name = name;
  if (!name.empty()) contents.version = "1.0";
  const auto object =
      must(writer->add({"text",
                        [text]() -> Result<std::unique_ptr<base::Source>> {
                          struct Owner final : base::Source {
                            explicit Owner(std::string given) : text(std::move(given)), source(base::as_bytes(text)) {}
                            Result<size_t> read(std::span<std::byte> buffer) override { return source.read(buffer); }
                            std::string text;
                            base::MemorySource source;
                          };
                          return std::make_unique<Owner>(text);
                        }},
                       writer::Storage::automatic));
  contents.tree["file"] = {object, 0644};
  return must(writer->finish(contents, std::nullopt, base::no_events())).identity;
}

Digest keep(const Store& store, const std::string& name, const std::string& text) {
  const auto build = must(store.begin(name));
  make(build.path, text);
  return must(store.adopt(build)).identity;
}

std::vector<std::string> names_in(const Store& store) {
  std::vector<std::string> out;
  for (const auto& artifact : must(store.list())) out.insert(out.end(), artifact.names.begin(), artifact.names.end());
  return out;
}

// Without locks and notes, which are empty.
size_t files_below(const std::string& folder) {
  size_t out = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    out += entry.is_regular_file() && entry.file_size() != 0 ? 1 : 0;
  return out;
}

}  // namespace

TEST_CASE("names are those of -t, with a registry before them if there is one") {
  for (const auto* good : {"erp", "erp:3.4", "a.b_c-d:1+Build", "harbor.example:8443/prod/erp:3.4", "reg/erp"})
    CHECK(store::is_name(good));
  for (const auto* bad : {"", ":1", "erp:", "Erp", "erp:a/b", "a//b", "/a", "a/", "../a", ".a", "-a", "a b", "a:1:2",
                          "erp:.1", "reg:1/Erp"}) {
    INFO(bad);
    CHECK_FALSE(store::is_name(bad));
  }
  CHECK(must(store::full_name("erp")) == "erp:latest");
  CHECK(must(store::full_name("reg:5000/erp")) == "reg:5000/erp:latest");
  CHECK(must(store::full_name("reg:5000/erp:2")) == "reg:5000/erp:2");
  CHECK(store::full_name("Erp").error().code == ErrorCode::usage);
}

TEST_CASE("what is stored is found by name and by identity, until its last name goes") {
  const TemporaryFolder folder;
  const Store store(folder / "store");
  CHECK(must(store.list()).empty());
  CHECK_FALSE(std::filesystem::exists(folder / "store"));
  const auto one = keep(store, "erp:1", "one"), two = keep(store, "erp:2", "two");
  CHECK(names_in(store) == std::vector<std::string>{"erp:1", "erp:2"});
  CHECK(must(store.get("erp:1")).identity == one);
  CHECK(must(store.get(two.hex().substr(0, 8))).identity == two);
  CHECK(must(store.get(two.text())).identity == two);
  CHECK_FALSE(must(store.find(two.hex().substr(0, 5))));
  CHECK_FALSE(must(store.find("erp")));
  const auto missing = store.get("erb:1").error();
  CHECK(missing.code == ErrorCode::not_found);
  CHECK(missing.text().contains("did you mean erp:1?"));

  REQUIRE(store.tag("erp:2", "erp").has_value());
  REQUIRE(store.tag("erp:1", "old"));
  CHECK(must(store.get("erp")).identity == two);
  CHECK(must(store.get("erp:2")).names == std::vector<std::string>{"erp:2", "erp:latest"});
  CHECK(store.tag("none", "x").error().code == ErrorCode::not_found);
  CHECK(must(store.remove("erp:2")).bytes == 0);
  CHECK(std::filesystem::exists(must(store.get("erp")).path));
  const auto path = must(store.get("erp")).path;
  CHECK(must(store.remove("erp")).bytes > 0);
  CHECK_FALSE(std::filesystem::exists(path));
  // by its identity, with all its names
  CHECK(must(store.remove(one.hex().substr(0, 12))).lines.size() == 3);
  CHECK(must(store.list()).empty());
  CHECK(files_below(folder / "store") == 1);  // names.json
}

TEST_CASE("a name that moves on leaves its artifact to prune") {
  const TemporaryFolder folder;
  const Store store(folder / "store");
  const auto one = keep(store, "erp:1", "one"), two = keep(store, "erp:1", "two");
  const auto all = must(store.list());
  REQUIRE(all.size() == 2);
  CHECK(all[0].identity == two);
  CHECK(all[1].identity == one);
  CHECK(all[1].names.empty());
  std::ofstream(must(store.begin("erp:1")).path + ".partial") << "what was interrupted";
  const auto told = must(store.prune(true));
  CHECK(told.lines.size() == 2);
  CHECK(files_below(folder / "store") == 4);
  {
    const auto running = must(store.begin("erp:1"));
    CHECK(must(store.prune(false)).lines.size() == 1);
    CHECK(std::filesystem::exists(running.path + ".partial"));
  }
  const auto removed = must(store.prune(false));
  CHECK(removed.lines.size() == 1);
  CHECK(removed.bytes == 20);
  CHECK(must(store.list()).size() == 1);
  CHECK(must(store.check(1, {})).empty());
  CHECK(must(store.prune(false)).lines.empty());
}

TEST_CASE("of one name, one build runs at a time") {
  const TemporaryFolder folder;
  const Store store(folder / "store");
  auto first = std::optional(must(store.begin("erp:1")));
  const auto second = store.begin("erp:1");
  REQUIRE_FALSE(second);
  CHECK(second.error().code == ErrorCode::busy);
  CHECK(second.error().text().contains("another build of erp:1 is running"));
  CHECK(store.begin("erp:2"));
  first.reset();
  CHECK(store.begin("erp:1"));
}

TEST_CASE("the same artifact under two names is there once") {
  const TemporaryFolder folder;
  const Store store(folder / "store");
  CHECK(keep(store, "a", "same") == keep(store, "b", "same"));
  const auto all = must(store.list());
  REQUIRE(all.size() == 1);
  CHECK(all[0].names == std::vector<std::string>{"a:latest", "b:latest"});
}

TEST_CASE("an artifact is loaded under its own name or another, and checked") {
  const TemporaryFolder folder;
  const Store store(folder / "store");
  const auto identity = make(folder / "erp.run", std::string(300'000, 'x'), "erp");
  CHECK(must(store.load(folder / "erp.run", {}, {})).names == std::vector<std::string>{"erp:1.0"});
  CHECK(must(store.load(folder / "erp.run", {"prod", "b:2"}, {})).names ==
        std::vector<std::string>{"b:2", "erp:1.0", "prod:latest"});
  CHECK(must(store.get("prod")).identity == identity);
  make(folder / "nameless.run", "y");
  CHECK(store.load(folder / "nameless.run", {}, {}).error().code == ErrorCode::invalid_input);
  CHECK(store.load(folder / "none.run", {}, {}).error().code == ErrorCode::not_found);

  make(folder / "bad.run", "damaged", "bad");
  std::fstream file(folder / "bad.run", std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(70);  // in the first frame
  file.put('\xff');
  file.close();
  const auto refused = store.load(folder / "bad.run", {}, {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::corrupt);
  CHECK(names_in(store).size() == 3);
  CHECK(files_below(folder / "store") == 2);

  REQUIRE(store::copy_artifact(must(store.get("erp:1.0")).path, folder / "out.run", {}));
  CHECK(must(base::read_file(folder / "out.run", size_t{1} << 20)) ==
        must(base::read_file(folder / "erp.run", size_t{1} << 20)));
}

TEST_CASE("check finds a changed byte, another artifact's bytes, and a name whose artifact has gone") {
  const TemporaryFolder folder;
  const Store store(folder / "store");
  keep(store, "a", "one");
  keep(store, "b", "two");
  keep(store, "c", "three");
  CHECK(must(store.check(2, {})).empty());
  const auto a = must(store.get("a")).path, b = must(store.get("b")).path;
  {
    std::fstream file(a, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(66);
    file.put('\xff');
  }
  std::filesystem::copy_file(must(store.get("c")).path, b, std::filesystem::copy_options::overwrite_existing);
  std::filesystem::remove(must(store.get("c")).path);
  const auto faults = must(store.check(2, {}));
  REQUIRE(faults.size() == 3);
  CHECK(faults[0].starts_with("c:latest means sha256:"));
  CHECK(std::ranges::count_if(faults, [](const auto& fault) { return fault.contains("is damaged"); }) == 2);
  CHECK(std::ranges::count_if(faults, [](const auto& fault) { return fault.contains("it has the identity"); }) == 1);
  CHECK(must(store.remove("c")).lines == std::vector<std::string>{"the name c:latest"});
  CHECK(must(store.check(2, {})).size() == 2);
}

TEST_CASE("names that can't be read are told with the way out, and nothing is lost") {
  const TemporaryFolder folder;
  const Store store(folder / "store");
  const auto identity = keep(store, "a", "one");
  for (
      const auto* text :
      {"", "{", "[]", R"({"version":1})", R"({"version":1,"names":{"a":"x"}})",
       R"({"version":1,"names":{"../a:b":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}})"}) {
    INFO(text);
    REQUIRE(base::write_file_atomic(folder / "store/names.json", base::as_bytes(text), 0600));
    const auto error = store.list().error();
    CHECK(error.code == ErrorCode::corrupt);
    CHECK(error.text().contains("names.json, can't be read"));
    CHECK_FALSE(store.tag(identity.hex(), "b"));
    CHECK_FALSE(store.prune(false));
  }
  REQUIRE(base::write_file_atomic(folder / "store/names.json", base::as_bytes(R"({"version":2,"names":{}})"), 0600));
  CHECK(store.list().error().code == ErrorCode::unsupported_version);
  std::filesystem::remove(folder / "store/names.json");
  REQUIRE(store.tag(identity.hex(), "b"));
  CHECK(must(store.get("b")).identity == identity);
}

TEST_CASE("without a home there is no store") {
  const Store store("");
  CHECK(store.begin("a").error().code == ErrorCode::usage);
  CHECK(store.prune(false).error().code == ErrorCode::usage);
}
