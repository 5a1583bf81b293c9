// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/ignore_list.h"

#include <catch2/catch_test_macros.hpp>

#include "payload/base/text.h"

using namespace sealift;
using resolve::IgnoreList;

namespace {

IgnoreList list(std::string_view text) {
  auto out = IgnoreList::parse(text, ".sealiftignore");
  if (!out) FAIL(out.error().text());
  return std::move(*out);
}

// The number of the line that excludes it, or 0.
int line_for(const IgnoreList& list, std::string_view path) {
  const auto place = list.excluded_by(list.matches(path));
  return place ? place->line : 0;
}
bool is_excluded(std::string_view text, std::string_view path) { return line_for(list(text), path) != 0; }

std::string refused(std::string_view text) {
  const auto out = IgnoreList::parse(text, ".sealiftignore");
  INFO(text);
  REQUIRE_FALSE(out);
  CHECK(out.error().code == ErrorCode::invalid_input);
  return out.error().text();
}

struct Case {
  const char* patterns;
  const char* path;
  bool excluded;
};

void check(std::initializer_list<Case> cases) {
  for (const auto& [patterns, path, excluded] : cases) {
    INFO(patterns << " and " << path);
    CHECK(is_excluded(patterns, path) == excluded);
  }
}

}  // namespace

// The cases of github.com/moby/patternmatcher 0.6 (patternmatcher_test.go), so that what a .dockerignore means is what
// a .sealiftignore means.
TEST_CASE("a pattern excludes what docker's does") {
  check({
      {"*", "fileutils.go", true},
      {"*.go", "fileutils.go", true},
      {"*.go", ".", false},
      {"**", "file", true},
      {"**", "file/", true},
      {"**/", "file", true},
      {"**/", "file/", true},
      {"**", "/", true},
      {"**/", "/", true},
      {"**", "dir/file", true},
      {"**/", "dir/file", true},
      {"**", "dir/file/", true},
      {"**/", "dir/file/", true},
      {"**/**", "dir/file", true},
      {"**/**", "dir/file/", true},
      {"dir/**", "dir/file", true},
      {"dir/**", "dir/file/", true},
      {"dir/**", "dir/dir2/file", true},
      {"dir/**", "dir/dir2/file/", true},
      {"**/dir", "dir", true},
      {"**/dir", "dir/file", true},
      {"**/dir2/*", "dir/dir2/file", true},
      {"**/dir2/*", "dir/dir2/file/", true},
      {"**/dir2/**", "dir/dir2/dir3/file", true},
      {"**/dir2/**", "dir/dir2/dir3/file/", true},
      {"**file", "file", true},
      {"**file", "dir/file", true},
      {"**/file", "dir/file", true},
      {"**file", "dir/dir/file", true},
      {"**/file", "dir/dir/file", true},
      {"**/file*", "dir/dir/file", true},
      {"**/file*", "dir/dir/file.txt", true},
      {"**/file*txt", "dir/dir/file.txt", true},
      {"**/file*.txt", "dir/dir/file.txt", true},
      {"**/file*.txt*", "dir/dir/file.txt", true},
      {"**/**/*.txt", "dir/dir/file.txt", true},
      {"**/**/*.txt2", "dir/dir/file.txt", false},
      {"**/*.txt", "file.txt", true},
      {"**/**/*.txt", "file.txt", true},
      {"a**/*.txt", "a/file.txt", true},
      {"a**/*.txt", "a/dir/file.txt", true},
      {"a**/*.txt", "a/dir/dir/file.txt", true},
      {"a/*.txt", "a/dir/file.txt", false},
      {"a/*.txt", "a/file.txt", true},
      {"a/*.txt**", "a/file.txt", true},
      {"a[b-d]e", "ae", false},
      {"a[b-d]e", "ace", true},
      {"a[b-d]e", "aae", false},
      {"a[^b-d]e", "aze", true},
      {".*", ".foo", true},
      {".*", "foo", false},
      {"abc.def", "abcdef", false},
      {"abc.def", "abc.def", true},
      {"abc.def", "abcZdef", false},
      {"abc?def", "abcZdef", true},
      {"abc?def", "abcdef", false},
      {"a\\\\", "a\\", true},
      {"a\\*b", "a*b", true},
      {"**/foo/bar", "foo/bar", true},
      {"**/foo/bar", "dir/foo/bar", true},
      {"**/foo/bar", "dir/dir2/foo/bar", true},
      {"abc/**", "abc", false},
      {"abc/**", "abc/def", true},
      {"abc/**", "abc/def/ghi", true},
      {"**/.foo", ".foo", true},
      {"**/.foo", "bar.foo", false},
      {"a(b)c/def", "a(b)c/def", true},
      {"a(b)c/def", "a(b)c/xyz", false},
      {"a.|)$(}+{bc", "a.|)$(}+{bc", true},
      {"dist/*.whl", "dist/proxy.py-2.4.0rc3.dev36+g08acad9-py3-none-any.whl", true},
      // filepath.Match
      {"abc", "abc", true},
      {"*c", "abc", true},
      {"a*", "a", true},
      {"a*", "abc", true},
      {"a*", "ab/c", true},
      {"a*/b", "abc/b", true},
      {"a*/b", "a/c/b", false},
      {"a*b*c*d*e*/f", "axbxcxdxe/f", true},
      {"a*b*c*d*e*/f", "axbxcxdxexxx/f", true},
      {"a*b*c*d*e*/f", "axbxcxdxe/xxx/f", false},
      {"a*b*c*d*e*/f", "axbxcxdxexxx/fff", false},
      {"a*b?c*x", "abxbbxdbxebxczzx", true},
      {"a*b?c*x", "abxbbxdbxebxczzy", false},
      {"ab[c]", "abc", true},
      {"ab[b-d]", "abc", true},
      {"ab[e-g]", "abc", false},
      {"ab[^c]", "abc", false},
      {"ab[^b-d]", "abc", false},
      {"ab[^e-g]", "abc", true},
      {"a\\*b", "ab", false},
      {"a?b", "a☺b", true},
      {"a[^a]b", "a☺b", true},
      {"a???b", "a☺b", false},
      {"a[^a][^a][^a]b", "a☺b", false},
      {"[a-ζ]*", "α", true},
      {"*[a-ζ]", "A", false},
      {"a?b", "a/b", false},
      {"a*b", "a/b", false},
      {"[\\]a]", "]", true},
      {"[\\-]", "-", true},
      {"[x\\-]", "x", true},
      {"[x\\-]", "-", true},
      {"[x\\-]", "z", false},
      {"[\\-x]", "x", true},
      {"[\\-x]", "-", true},
      {"[\\-x]", "a", false},
      {"*x", "xxx", true},
  });
}

TEST_CASE("the last line that matches a path or a folder above it decides") {
  check({
      {"!fileutils.go\n*.go", "fileutils.go", true},
      {"*.go\n!fileutils.go", "fileutils.go", false},
      {"docs\n!docs/README.md", "docs/README.md", false},
      {"docs\n!docs/README.md", "docs/other.md", true},
      {"docs/\n!docs/README.md", "docs/README.md", false},
      {"docs/*\n!docs/README.md", "docs/README.md", false},
      {"**\n!util/docker/web", "util/docker/web/foo", false},
      {"**\n!util/docker/web\nutil/docker/web/foo", "util/docker/web/foo", true},
      {"**\n!dist/*.whl", "dist/a+b.whl", false},
      // a folder that a line above has excluded already is matched by a later line all the same
      {"x*\n!xy/f\nxy", "xy/f", true},
  });
  const auto lines = list("# comment\n\n*.md\n!README.md\nold\n");
  CHECK(line_for(lines, "a.md") == 3);
  CHECK(line_for(lines, "README.md") == 0);
  CHECK(line_for(lines, "old/README.md") == 5);
  CHECK(line_for(lines, "a.txt") == 0);
  CHECK(lines.excluded_by(lines.matches("a.md"))->text() == ".sealiftignore:3");
  CHECK(list("# only\n\n").empty());
}

TEST_CASE("lines of a list are read as docker reads them") {
  check({
      {"\xef\xbb\xbf"
       "a",
       "a", true},
      {"a\r\nb\r\n", "a", true},
      {"  a  ", "a", true},
      {"#a", "#a", false},
      {" #a", "#a", true},  // only the first character begins a comment
      {"\\#a", "#a", true},
      {"\\!a", "!a", true},
      {"/a/b/", "a/b", true},
      {"./a//b/.", "a/b", true},
      {"a/../b", "b", true},
      {"a\n! /a", "a", false},
      {"a\n!  a  ", "a", false},
      {"!!a\n", "!a", false},
      {"..", "a", false},
      {"../a", "a", false},
      {".", "a", false},
      {"/", "a", false},
      {"a^b*", "a^bc", true},
      {"a]*", "a]b", true},
      // names of any bytes
      {"a?b",
       "a\xff"
       "b",
       true},
      {"\xff*",
       "\xff"
       "b",
       true},
  });
}

TEST_CASE("a pattern that can't be read is refused with its line") {
  for (const char* pattern : {"[]a]", "[-]", "[x-]", "[-x]", "\\", "[a-b-c]", "[", "[^", "[^bc", "a[", "a\\ ",
                              "[Local-Only]/", "\\d", "[\\d]", "[*]", "[[:alpha:]]", "[a?]", "\\\xc3\xa4"}) {
    CHECK(refused("a\n" + std::string(pattern) + "\n").starts_with(".sealiftignore:2: the pattern "));
  }
  for (const char* none : {"!", "! ", "!/"})
    CHECK(refused(none) == ".sealiftignore:1: a ! stands before a pattern, and here is none");
  CHECK(refused(std::string(2'000, 'a')).contains("longer than any path"));
  CHECK(refused("\x1b[2J[").contains("\\x1b"));
}

TEST_CASE("an excluded folder is entered only if an exception may reach into it") {
  const auto enters = [](std::string_view text, std::string_view folder) {
    const auto lines = list(text);
    const auto matches = lines.matches(folder);
    REQUIRE(lines.excluded_by(matches));
    return lines.may_hold_exceptions(folder, matches);
  };
  CHECK_FALSE(enters("node_modules", "node_modules"));
  CHECK_FALSE(enters("docs\n!README.md", "docs"));
  CHECK_FALSE(enters("!docs/README.md\ndocs", "docs"));  // too early to bring anything back
  CHECK_FALSE(enters("*\n!docsother/a", "docs"));
  CHECK_FALSE(enters("*\n!doc", "docs"));
  CHECK(enters("docs\n!docs/README.md", "docs"));
  CHECK(enters("docs\n!docs/a/b/c", "docs/a"));
  CHECK(enters("docs\n!**/*.md", "docs"));
  CHECK(enters("docs\n!do*/*.md", "docs"));
  CHECK(enters("*\n!docs/**", "docs"));
}

TEST_CASE("no pattern takes long") {
  std::string many;
  for (int i = 0; i < 200; ++i) many += "*a";
  CHECK_FALSE(is_excluded(many + "*b", std::string(1'000, 'a')));
  std::string folders;
  for (int i = 0; i < 100; ++i) folders += "a**/";
  std::string deep;
  for (int i = 0; i < 40; ++i) deep += "a/";
  CHECK_FALSE(is_excluded(folders + "b?", deep + "c"));
}
