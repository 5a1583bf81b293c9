// SPDX-License-Identifier: Apache-2.0
// Files out of archives, and archives that somebody has made to harm.
#include "packer/sources/unpack.h"

#include <catch2/catch_test_macros.hpp>
#include <filesystem>

#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/codec/zstd.h"
#include "tests/support/tar.h"
#include "tests/support/temporary_folder.h"

using namespace sealift;
using sources::Selection;
using tests::TarEntry;

namespace {

struct Place {
  tests::TemporaryFolder folder;

  Result<std::vector<sources::UnpackedFile>> unpack(const std::string& archive, const Selection& selection = {}) const {
    std::filesystem::remove_all(folder / "out");
    std::filesystem::create_directory(folder / "out");
    REQUIRE(base::write_file_atomic(folder / "a.tar", base::as_bytes(archive), 0600));
    return sources::unpack_files(folder / "a.tar", selection, folder / "out", {});
  }
  // "name=content" of each file, with * behind the name of a program.
  std::vector<std::string> files(const std::string& archive, const Selection& selection = {}) const {
    const auto found = unpack(archive, selection);
    if (!found) FAIL(found.error().text());
    std::vector<std::string> out;
    for (const auto& file : *found) {
      const auto text = base::read_text_file(file.source, 1'000'000);
      REQUIRE(text);
      out.push_back(base::format("{}{}={}", file.name, file.is_executable ? "*" : "", *text));
    }
    return out;
  }
  std::string refused(const std::vector<TarEntry>& entries, ErrorCode code, const Selection& selection = {}) const {
    const auto done = unpack(tests::tar(entries), selection);
    REQUIRE_FALSE(done);
    INFO(done.error().text());
    CHECK(done.error().code == code);
    CHECK(done.error().text().contains("a.tar"));
    return done.error().text();
  }
};

using Names = std::vector<std::string>;
const TarEntry kProgram{.name = "top/bin/tool", .data = "tool", .mode = "0000755"};
const std::vector<TarEntry> kTree{{"top/", "", '5'}, kProgram, {"top/README", "read"}, {"./notes", "n"}};

}  // namespace

TEST_CASE("an archive gives its files with their executable bits, packed in any of the usual ways") {
  const Place place;
  const auto plain = tests::tar(kTree);
  const Names all{"notes=n", "top/README=read", "top/bin/tool*=tool"};
  CHECK(place.files(plain) == all);
  CHECK(place.files(tests::gzip(plain)) == all);
  const auto packed = codec::ZstdCompressor(3).compress(base::as_bytes(plain));
  REQUIRE(packed);
  CHECK(place.files(std::string(base::as_text(*packed))) == all);
}

TEST_CASE("names lose their first parts, and what is shorter is left out") {
  const Place place;
  CHECK(place.files(tests::tar(kTree), {.strip = 1, .only = {}}) == Names{"README=read", "bin/tool*=tool"});
  CHECK(place.files(tests::tar(kTree), {.strip = 2, .only = {}}) == Names{"tool*=tool"});
  CHECK(place.refused(kTree, ErrorCode::invalid_input, {.strip = 3, .only = {}})
            .ends_with("holds no files (without 3 leading parts)"));
  CHECK(place.refused({{"a/x", "1"}, {"b/x", "2"}}, ErrorCode::invalid_input, {.strip = 1, .only = {}})
            .contains("a/x and b/x in it have one name"));
}

TEST_CASE("only what is named is unpacked, and a name that fits nothing is told with what there is") {
  const Place place;
  CHECK(place.files(tests::tar(kTree), {.strip = 2, .only = {"tool"}}) == Names{"tool*=tool"});
  CHECK(place.files(tests::tar(kTree), {.strip = 0, .only = {"top/*", "notes"}}).size() == 3);
  CHECK(place.files(tests::tar(kTree), {.strip = 0, .only = {"*tool"}}) == Names{"top/bin/tool*=tool"});
  const auto text = place.refused(kTree, ErrorCode::invalid_input, {.strip = 1, .only = {"README", "tool"}});
  CHECK(text.ends_with("holds no tool; its files are (without 1 leading part): README, bin/tool"));
  std::vector<TarEntry> many;
  for (int i = 0; i < 30; ++i) many.push_back({base::format("{:02}", i), "x"});
  CHECK(place.refused(many, ErrorCode::invalid_input, {.strip = 0, .only = {"none"}}).ends_with("19 and 10 more"));
}

TEST_CASE("links are followed within the archive, and share their file") {
  const Place place;
  const auto archive = tests::tar({{"bin/a", "program", '0', "", {}, "0000755"},
                                   {"bin/b", "", '2', "a"},
                                   {"c", "", '2', "bin/b"},
                                   {"d", "", '1', "bin/a"}});
  CHECK(place.files(archive) == Names{"bin/a*=program", "bin/b*=program", "c*=program", "d*=program"});
  size_t written = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(place.folder / "out")) ++written;
  CHECK(written == 1);
}

TEST_CASE("an archive that reaches out of itself is refused, and nothing outside is touched") {
  const Place place;
  using enum ErrorCode;
  CHECK(place.refused({{"../evil", "x"}}, invalid_input).contains("does not lie in it"));
  CHECK(place.refused({{"a/../../evil", "x"}}, invalid_input).contains("does not lie in it"));
  CHECK(place.refused({{"/etc/evil", "x"}}, invalid_input).contains("must be relative"));
  CHECK(place.refused({{"a\nb", "x"}}, invalid_input).contains("control character"));
  CHECK(place.refused({{"a", "", '2', "../../etc/passwd"}}, corrupt).contains("leads out of the archive"));
  CHECK(place.refused({{"a", "", '2', "/etc/passwd"}}, corrupt).contains("leads out of the archive"));
  CHECK(place.refused({{"a", "", '1', "../x"}}, corrupt).contains("leads out of the archive"));
  CHECK(place.refused({{"a", "", '2', "a"}}, corrupt).contains("through more than 8 others"));
  CHECK(place.refused({{"a", "", '2', "none"}}, corrupt).contains("which is not there"));
  CHECK(place.refused({{"d/", "", '5'}, {"a", "", '2', "d"}}, corrupt).contains("a link to what is no regular file"));
  CHECK(place.refused({{"pipe", "", '6'}}, corrupt).contains("not a regular file"));
  CHECK(place.refused({{"device", "", '3'}}, corrupt).contains("not a regular file"));
  CHECK(place.refused({{"\xff", "x"}}, invalid_input).contains("not UTF-8"));
  CHECK(place.refused({{"a", "1"}, {"a", "2"}}, invalid_input).contains("a twice"));
  CHECK_FALSE(std::filesystem::exists(place.folder / "evil"));
  // what is not asked for does no harm
  CHECK(place.files(tests::tar({{"pipe", "", '6'}, {"a", "", '2', "/etc/passwd"}, {"b", "x"}}),
                    {.strip = 0, .only = {"b"}}) == Names{"b=x"});
}

TEST_CASE("an archive that is larger or shorter than it says, or none at all, is refused") {
  const Place place;
  CHECK(place.refused({{"a", "x", '0', "", uint64_t{1} << 40}}, ErrorCode::truncated).contains("ends within a"));
  const auto none = place.unpack("<html>no archive</html>");
  REQUIRE_FALSE(none);
  CHECK(none.error().code == ErrorCode::invalid_input);
  CHECK(none.error().text().contains("can't be read as a tar archive: it is an HTML page, as servers send it"));
  CHECK(place.unpack("PK\x03\x04 and so on").error().text().contains("it is a zip archive; a tar archive is expected"));
  CHECK(place.unpack(tests::gzip("<html>")).error().text().contains("it is an HTML page"));
  CHECK(place.unpack("").error().text().contains("is empty; a tar archive is expected"));
  CHECK(place.unpack("text").error().text().contains("copy or save it again"));
  std::vector<TarEntry> many(50'001, {"x/y", ""});
  CHECK(place.refused(many, ErrorCode::limit_exceeded).contains("more than 50000 entries"));
}
