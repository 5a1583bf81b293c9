// SPDX-License-Identifier: Apache-2.0
//
// Requirements on every Host's way back: paths that become what they were, things taken away, the ledger forgotten.
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>
#include <map>

#include "payload/base/file.h"
#include "payload/base/format.h"
#include "tests/conformance/each_host.h"
#include "tests/support/own_namespaces.h"
#include "tests/support/temporary_folder.h"

using namespace sealift;
using namespace sealift::tests;
using host::PathBefore;
using host::Restored;
using Before = host::PathBefore::Kind;
using Trace = host::Trace::Kind;

namespace {

const host::Reason kUndo{"reset.restore", ""};

Digest digest_of(std::string_view text) { return hash::sha256(base::as_bytes(text)); }

// What the ledger says was at a path before its first change.
PathBefore before(host::Host& host, const std::string& path) {
  const auto entries = host.ledger();
  REQUIRE(entries);
  for (const auto& entry : *entries) {
    std::optional<PathBefore> found;
    std::visit(
        [&](const auto& change) {
          if constexpr (requires { change.before.spec; }) {
            if (change.path == path) found = change.before;
          }
        },
        entry.change);
    if (found) return *found;
  }
  FAIL("no change of " << path << " is recorded");
  return {};
}

Restored undo(host::Host& host, const std::string& path, const std::optional<Digest>& written = {}) {
  const auto restored = host.restore(path, before(host, path), written, kUndo);
  INFO(path << ": " << (restored ? "" : restored.error().text()));
  REQUIRE(restored);
  return *restored;
}

Restored restore(host::Host& host, const std::string& path, const PathBefore& before,
                 const std::optional<Digest>& written = {}) {
  const auto restored = host.restore(path, before, written, kUndo);
  REQUIRE(restored);
  return *restored;
}

bool is_absent(host::Host& host, const std::string& path) { return !host.stat(path).value(); }

size_t changes(host::Host& host) { return host.ledger().value().size(); }

std::string link(host::Host& host, const std::string& path) {
  const auto status = host.stat(path).value();
  return status ? status->link_target : "";
}

const std::string kLarge((size_t{3} << 20) + 17, 'L');

void put(const std::string& path, std::string_view text) { std::ofstream(path, std::ios::trunc) << text; }

}  // namespace

TEMPLATE_TEST_CASE("restore: what was not there goes", "", Local, Remote, Fake) {
  const tests::TemporaryFolder root;
  const TestType made(root.path());
  host::Host& host = *made.host;
  REQUIRE(host.make_directory("/a/b", own(0755), kReason));
  REQUIRE(write(host, "/a/b/file", "one"));
  REQUIRE(host.make_symlink("/a/b/link", "file", kReason));

  SECTION("in reverse, each once") {
    CHECK(undo(host, "/a/b/link") == Restored::as_before);
    CHECK(undo(host, "/a/b/file", digest_of("one")) == Restored::as_before);
    CHECK(undo(host, "/a/b") == Restored::as_before);
    CHECK(undo(host, "/a") == Restored::as_before);
    CHECK(is_absent(host, "/a"));
    const size_t recorded = changes(host);
    for (const auto* path : {"/a/b/link", "/a/b/file", "/a/b", "/a"}) CHECK(undo(host, path) == Restored::as_before);
    CHECK(changes(host) == recorded);  // the second time there was nothing to do
    const auto last = host.ledger()->back();
    CHECK(last.step == kUndo.step);
    REQUIRE(std::holds_alternative<host::PathRestored>(last.change));
    CHECK(std::get<host::PathRestored>(last.change).path == "/a");
    CHECK(std::get<host::PathRestored>(last.change).before.kind == Before::directory);
  }
  SECTION("but not a folder that holds something") {
    const size_t recorded = changes(host);
    CHECK(undo(host, "/a/b") == Restored::not_empty);
    CHECK(undo(host, "/a") == Restored::not_empty);
    CHECK(changes(host) == recorded);
    CHECK(read(host, "/a/b/file") == "one");
  }
  SECTION("but not what somebody else has put there since") {
    const size_t recorded = changes(host);
    CHECK(undo(host, "/a/b/file", digest_of("what was delivered")) == Restored::changed_since);
    CHECK(read(host, "/a/b/file") == "one");
    CHECK(changes(host) == recorded);
    CHECK(undo(host, "/a/b/file") == Restored::as_before);  // it is not known what was delivered
    CHECK(is_absent(host, "/a/b/file"));
  }
  SECTION("nor a link that now stands where a file was delivered, nor what it leads to") {
    REQUIRE(write(host, "/a/precious", "precious"));
    REQUIRE(host.make_symlink("/a/b/file", "/a/precious", kReason));
    CHECK(undo(host, "/a/b/file", digest_of("one")) == Restored::changed_since);
    CHECK(link(host, "/a/b/file") == "/a/precious");
    CHECK(undo(host, "/a/b/file") == Restored::as_before);
    CHECK(is_absent(host, "/a/b/file"));
    CHECK(read(host, "/a/precious") == "precious");
  }
  SECTION("what lies under /run goes, whatever it was") {
    REQUIRE(host.make_directory("/run", own(0755), kReason));
    REQUIRE(write(host, "/run/token", "secret"));
    CHECK(restore(host, "/run/token", {.kind = Before::transient}) == Restored::as_before);
    CHECK(is_absent(host, "/run/token"));
    CHECK(host.ledger()->back().change == host::Change(host::PathRestored{"/run/token", {.kind = Before::transient}}));
  }
  SECTION("without its folder, nothing is put back") {
    const size_t recorded = changes(host);
    CHECK(restore(host, "/gone/file", {}) == Restored::as_before);
    CHECK(restore(host, "/gone/file", {.kind = Before::symlink, .target = "x"}) == Restored::changed_since);
    CHECK(is_absent(host, "/gone"));
    CHECK(changes(host) == recorded);
  }
}

TEMPLATE_TEST_CASE("restore: what was there is put back", "", Local, Remote, Fake) {
  const tests::TemporaryFolder root;
  const TestType made(root.path());
  host::Host& host = *made.host;
  // Before the delivery; the ledger tells of this too, but for each path it is the second entry that is undone.
  REQUIRE(host.make_directory("/own", own(0755), kReason));
  REQUIRE(write(host, "/own/file", "one", own(0640)));
  const PathBefore file{.kind = Before::file, .spec = own(0640), .size = 3, .digest = digest_of("one"), .kept = true};
  const auto is_back = [&] {
    CHECK(read(host, "/own/file") == "one");
    CHECK((*host.stat("/own/file"))->spec == own(0640));
    const auto names = host.list("/own").value();
    CHECK(std::ranges::none_of(names, [](const auto& name) { return name.contains(".sealift-"); }));
    const size_t recorded = changes(host);
    CHECK(restore(host, "/own/file", file, digest_of("two")) == Restored::as_before);
    CHECK(changes(host) == recorded);
  };

  SECTION("a file that was replaced") {
    REQUIRE(write(host, "/own/file", "two", own(0600)));
    CHECK(restore(host, "/own/file", file, digest_of("two")) == Restored::as_before);
    const auto last = host.ledger()->back().change;
    CHECK(last == host::Change(host::PathRestored{
                      "/own/file", {.kind = Before::file, .spec = own(0600), .size = 3, .digest = digest_of("two")}}));
    is_back();
  }
  SECTION("a file of which only the mode was changed, without a copy") {
    REQUIRE(write(host, "/own/file", "one", own(0600)));
    PathBefore without = file;
    without.kept = false;
    CHECK(restore(host, "/own/file", without, digest_of("one")) == Restored::as_before);
    is_back();
  }
  SECTION("a file that was removed") {
    REQUIRE(host.remove("/own/file", kReason));
    CHECK(restore(host, "/own/file", file) == Restored::as_before);
    is_back();
  }
  SECTION("a file that a link has replaced") {
    REQUIRE(host.make_symlink("/own/file", "elsewhere", kReason));
    CHECK(restore(host, "/own/file", file) == Restored::as_before);
    is_back();
  }
  SECTION("a file that a folder has replaced, once that is empty") {
    REQUIRE(host.remove("/own/file", kReason));
    REQUIRE(host.make_directory("/own/file", own(0755), kReason));
    REQUIRE(write(host, "/own/file/x", "x"));
    CHECK(restore(host, "/own/file", file) == Restored::not_empty);
    CHECK(read(host, "/own/file/x") == "x");
    CHECK(*host.list("/own") == std::vector<std::string>{"file"});
    REQUIRE(host.remove("/own/file/x", kReason));
    CHECK(restore(host, "/own/file", file) == Restored::as_before);
    is_back();
  }
  SECTION("not over what somebody else has written") {
    REQUIRE(write(host, "/own/file", "theirs"));
    const size_t recorded = changes(host);
    CHECK(restore(host, "/own/file", file, digest_of("two")) == Restored::changed_since);
    CHECK(read(host, "/own/file") == "theirs");
    CHECK(changes(host) == recorded);
  }
  SECTION("not if it was not kept, or is not known") {
    REQUIRE(write(host, "/own/file", "two"));
    const size_t recorded = changes(host);
    PathBefore unknown = file;
    unknown.kept = false;
    CHECK(restore(host, "/own/file", unknown, digest_of("two")) == Restored::not_kept);
    unknown = file;
    unknown.digest.reset();
    CHECK(restore(host, "/own/file", unknown) == Restored::not_kept);
    unknown = file;
    unknown.digest = digest_of("never seen");
    CHECK(restore(host, "/own/file", unknown) == Restored::not_kept);
    CHECK(restore(host, "/own/file", {.kind = Before::other, .spec = own(0600)}) == Restored::not_kept);
    CHECK(restore(host, "/own/file", {.kind = Before::symlink}) == Restored::not_kept);
    CHECK(restore(host, "/own/file", {.kind = Before::directory}) == Restored::not_kept);
    CHECK(read(host, "/own/file") == "two");
    CHECK(*host.list("/own") == std::vector<std::string>{"file"});
    CHECK(changes(host) == recorded);
  }
  SECTION("a link") {
    REQUIRE(host.make_symlink("/own/link", "old", kReason));
    const PathBefore was{.kind = Before::symlink, .target = "old"};
    CHECK(restore(host, "/own/link", was) == Restored::as_before);
    REQUIRE(host.make_symlink("/own/link", "new", kReason));
    CHECK(restore(host, "/own/link", was) == Restored::as_before);
    CHECK(link(host, "/own/link") == "old");
    REQUIRE(host.remove("/own/link", kReason));
    REQUIRE(write(host, "/own/link", "a file"));
    CHECK(restore(host, "/own/link", was, digest_of("other")) == Restored::changed_since);
    CHECK(restore(host, "/own/link", was, digest_of("a file")) == Restored::as_before);
    CHECK(link(host, "/own/link") == "old");
  }
  SECTION("a folder: its mode, or itself") {
    REQUIRE(host.make_directory("/own/d", own(0700), kReason));
    const PathBefore was{.kind = Before::directory, .spec = own(0700)};
    REQUIRE(host.make_directory("/own/d", own(0755), kReason));
    CHECK(restore(host, "/own/d", was) == Restored::as_before);
    CHECK((*host.stat("/own/d"))->spec == own(0700));
    REQUIRE(host.remove("/own/d", kReason));
    CHECK(restore(host, "/own/d", was) == Restored::as_before);
    REQUIRE(host.stat("/own/d").value());
    CHECK((*host.stat("/own/d"))->spec == own(0700));
    const size_t recorded = changes(host);
    CHECK(restore(host, "/own/d", was) == Restored::as_before);
    CHECK(changes(host) == recorded);
  }
}

TEMPLATE_TEST_CASE("restore: a large file is kept the first time that it is replaced", "", Local, Remote) {
  const tests::TemporaryFolder root;
  std::filesystem::create_directory(root / "bin");
  const std::string program = root / "bin/program", kept = root / "var/lib/sealift/ledger/kept";
  put(program, kLarge);
  ::chmod(program.c_str(), 0750);
  const auto as_it_was = [&](host::Host& host) {
    CHECK(undo(host, "/bin/program", digest_of("two")) == Restored::as_before);
    CHECK(base::read_text_file(program, kLarge.size()) == kLarge);
    CHECK((*host.stat("/bin/program"))->spec == own(0750));
  };
  const TestType made(root.path());
  host::Host& host = *made.host;
  REQUIRE(write(host, "/bin/program", "two"));
  const PathBefore was = before(host, "/bin/program");
  CHECK(was ==
        PathBefore{
            .kind = Before::file, .spec = own(0750), .size = kLarge.size(), .digest = digest_of(kLarge), .kept = true});
  SECTION("and put back, with a new start in between") {
    const TestType again(root.path());
    as_it_was(*again.host);
  }
  SECTION("but not if the copy is damaged or gone") {
    const std::string copy = kept + "/" + was.digest->hex();
    SECTION("damaged") { put(copy, "not what it was"); }
    SECTION("gone") { std::filesystem::remove(copy); }
    SECTION("a link to somewhere else") {
      std::filesystem::rename(copy, root / "elsewhere");
      std::filesystem::create_symlink(root / "elsewhere", copy);
      const auto restored = host.restore("/bin/program", was, digest_of("two"), kUndo);
      CHECK((!restored || *restored == Restored::not_kept));
      CHECK(read(host, "/bin/program") == "two");
      return;
    }
    CHECK(undo(host, "/bin/program", digest_of("two")) == Restored::not_kept);
    CHECK(read(host, "/bin/program") == "two");
    CHECK(*host.list("/bin") == std::vector<std::string>{"program"});
  }
  SECTION("later ones are not, until it was put back") {
    const std::string second((size_t{2} << 20), 'S'), third((size_t{2} << 20), 'T');
    const auto last_is_kept = [&] { return std::get<host::FileWritten>(host.ledger()->back().change).before.kept; };
    REQUIRE(write(host, "/bin/program", second));
    CHECK(last_is_kept());  // "two" is small
    REQUIRE(write(host, "/bin/program", "three"));
    CHECK_FALSE(last_is_kept());
    CHECK_FALSE(std::filesystem::exists(kept + "/" + digest_of(second).hex()));
    CHECK(undo(host, "/bin/program", digest_of("three")) == Restored::as_before);
    put(program, third);
    REQUIRE(write(host, "/bin/program", "four"));
    CHECK(last_is_kept());
    CHECK(std::filesystem::exists(kept + "/" + digest_of(third).hex()));
  }
}

TEMPLATE_TEST_CASE("restore: a large file on another file system is copied, or the change refused for want of room", "",
                   Local, Remote) {
  const tests::TemporaryFolder root;
  for (const auto* folder : {"other", "var/lib/sealift"}) std::filesystem::create_directories(root / folder);
  std::string copied, kept_mode, refused;
  std::optional<ErrorCode> code;
  bool mounted = false, restored = false, stays = false;
  tests::in_own_mounts([&] {
    mounted = ::mount("none", (root / "other").c_str(), "tmpfs", 0, nullptr) == 0;
    put(root / "other/file", kLarge);
    {
      const TestType made(root.path());
      const auto done = write(*made.host, "/other/file", "two");
      copied = done ? "done" : done.error().text();
      const auto was = std::get<host::FileWritten>(made.host->ledger()->front().change).before;
      struct stat status{};
      ::stat((root / ("var/lib/sealift/ledger/kept/" + digest_of(kLarge).hex())).c_str(), &status);
      kept_mode = base::format("{:o}", status.st_mode & 07777U);
      restored = made.host->restore("/other/file", was, digest_of("two"), kUndo) == Restored::as_before &&
                 base::read_text_file(root / "other/file", kLarge.size()) == kLarge;
    }
    mounted &= ::mount("none", (root / "var/lib/sealift").c_str(), "tmpfs", 0, "size=1m") == 0;
    const TestType made(root.path());
    const auto done = write(*made.host, "/other/file", "two");
    if (!done) code = done.error().code;
    if (!done) refused = done.error().text();
    stays = base::read_text_file(root / "other/file", kLarge.size()) == kLarge;
  });
  REQUIRE(mounted);
  CHECK(copied == "done");
  CHECK(kept_mode == "600");
  CHECK(restored);
  CHECK(code == ErrorCode::no_space);
  CHECK(refused.contains("to keep /other/file (3.0 MiB) before it is replaced"));
  CHECK(stays);
}

TEMPLATE_TEST_CASE("take away: a path with all that is below it, and nothing that is not a part of a folder", "", Local,
                   Remote, Fake) {
  const tests::TemporaryFolder root;
  const TestType made(root.path());
  host::Host& host = *made.host;
  REQUIRE(host.make_directory("/data/tree/a/b", own(0755), kReason));
  REQUIRE(host.make_directory("/data/tree-like", own(0755), kReason));
  REQUIRE(write(host, "/data/tree/a/file", "x"));
  REQUIRE(write(host, "/data/outside", "x"));
  REQUIRE(host.make_symlink("/data/tree/a/link", "/data", kReason));
  SECTION("gone, and recorded") {
    REQUIRE(host.take_away(Trace::path, "/data/tree", kUndo));
    CHECK(*host.list("/data") == std::vector<std::string>{"outside", "tree-like"});
    CHECK(host.ledger()->back().change == host::Change(host::TakenAway{Trace::path, "/data/tree"}));
    CHECK(host.ledger()->back().step == kUndo.step);
  }
  SECTION("absent is fine, and no change") {
    const size_t recorded = changes(host);
    CHECK(host.take_away(Trace::path, "/data/absent", kUndo));
    CHECK(host.take_away(Trace::path, "/absent/too", kUndo));
    CHECK(changes(host) == recorded);
  }
  SECTION("a link goes, not what it leads to") {
    REQUIRE(host.take_away(Trace::path, "/data/tree/a/link", kUndo));
    CHECK(read(host, "/data/outside") == "x");
    CHECK(is_absent(host, "/data/tree/a/link"));
  }
  SECTION("refused") {
    const size_t recorded = changes(host);
    for (const auto* path : {"/", "/data", "", "data/tree", "/data/../data/tree", "/data/", "//data"}) {
      INFO(path);
      CHECK_FALSE(host.take_away(Trace::path, path, kUndo));
    }
    for (const auto kind : {Trace::unit, Trace::sysctl, Trace::user}) {
      const auto result = host.take_away(kind, "root", kUndo);
      REQUIRE_FALSE(result);
      CHECK(result.error().code == ErrorCode::internal);
    }
    CHECK(changes(host) == recorded);
    CHECK(read(host, "/data/tree/a/file") == "x");
  }
}

TEMPLATE_TEST_CASE("take away: mounts, one by one or all at a point; what they hold is not touched", "", Local,
                   Remote) {
  const tests::TemporaryFolder root;
  std::filesystem::create_directories(root / "var/lib/kubelet/pods/a/volume");
  std::map<std::string, bool> is;
  std::string said;
  tests::in_own_mounts([&] {
    const std::string point = root / "var/lib/kubelet/pods/a/volume";
    is["mounted"] = ::mount("none", point.c_str(), "tmpfs", 0, nullptr) == 0;
    put(point + "/precious", "x");
    is["mounted"] &= ::mount("none", point.c_str(), "tmpfs", 0, nullptr) == 0;
    const TestType made(root.path());
    host::Host& host = *made.host;
    const auto has = [&](Trace kind, const std::string& name) {
      return std::ranges::any_of(host.footprint().value_or(host::Footprint{}), [&](const auto& trace) {
        return trace.kind == kind && trace.name == name && trace.value == "tmpfs";
      });
    };
    is["in the footprint"] = has(Trace::mount, "/var/lib/kubelet/pods/a/volume");
    const auto tree = host.take_away(Trace::path, "/var/lib/kubelet", kUndo);
    said = tree ? "done" : tree.error().text();
    is["stays"] = std::filesystem::exists(point);
    is["unmounted"] = host.take_away(Trace::mount, "/var/lib/kubelet/pods/a/volume", kUndo).has_value();
    is["empty"] = std::filesystem::is_empty(point);
    is["not in the footprint"] = !has(Trace::mount, "/var/lib/kubelet/pods/a/volume");
    is["again"] = host.take_away(Trace::mount, "/var/lib/kubelet/pods/a/volume", kUndo).has_value();
    is["not the root"] = !host.take_away(Trace::mount, "/", kUndo).has_value();
    is["tree"] = host.take_away(Trace::path, "/var/lib/kubelet", kUndo).has_value();
    is["gone"] = !std::filesystem::exists(root / "var/lib/kubelet");
  });
  for (const auto& [what, is_so] : is) {
    INFO(what);
    CHECK(is_so);
  }
  CHECK(is.size() == 10);
  CHECK(said.contains("a file system is mounted at /var/lib/kubelet/pods/a/volume"));
}

TEMPLATE_TEST_CASE("take away: modules, unless they are in use", "", Local, Remote) {
  const tests::TemporaryFolder root, machine;
  for (const auto* module : {"br_netfilter", "overlay", "ip_vs", "broken"})
    std::filesystem::create_directories(machine / (std::string("modules/") + module));
  put(machine / "modules/br_netfilter/refcnt", "0\n");
  put(machine / "modules/overlay/refcnt", "2\n");
  put(machine / "modprobe", "#!/bin/sh\ncd '" + machine.path() + R"('
echo "$*" >>calls
case "$3" in ip_vs) echo "modprobe: FATAL: Module ip_vs is in use." >&2; exit 1;; broken) echo oh >&2; exit 1;; esac
rm -r "modules/br_netfilter"
)");
  ::chmod((machine / "modprobe").c_str(), 0755);
  host::MachinePaths paths;
  paths.modprobe = machine / "modprobe";
  paths.modules = machine / "modules";
  const TestType made(root.path(), paths);
  host::Host& host = *made.host;
  REQUIRE(host.take_away(Trace::module, "br-netfilter", kUndo));
  CHECK(host.take_away(Trace::module, "br-netfilter", kUndo));  // again
  CHECK(host.take_away(Trace::module, "overlay", kUndo).error().code == ErrorCode::busy);
  CHECK(host.take_away(Trace::module, "ip_vs", kUndo).error().code == ErrorCode::busy);
  CHECK(host.take_away(Trace::module, "broken", kUndo).error().code == ErrorCode::command_failed);
  CHECK(base::read_text_file(machine / "calls", 1000) == "-r -- br-netfilter\n-r -- ip_vs\n-r -- broken\n");
  CHECK(changes(host) == 4);
}

TEST_CASE("take away: only control groups of pods") {
  const tests::TemporaryFolder root;
  const Local made(root.path());
  for (const auto* name : {"/sys/fs/cgroup", "/sys/fs/cgroup/pids", "/sys/fs/cgroup/system.slice", "/tmp/kubepods",
                           "/sys/fs/cgroup/../../../tmp/kubepods", "kubepods", ""}) {
    INFO(name);
    CHECK_FALSE(made.host->take_away(Trace::cgroup, name, kUndo));
  }
  CHECK(made.host->take_away(Trace::cgroup, "/sys/fs/cgroup/no-such/kubepods", kUndo));
  CHECK(made.host->take_away(Trace::process, "/no/such/program", kUndo));
  CHECK(made.host->take_away(Trace::link, "no-such-link", kUndo));
  CHECK(root.empty());  // nothing was done
}

TEMPLATE_TEST_CASE("forget: the ledger is gone, and a new one begins", "", Local, Remote, Fake) {
  const tests::TemporaryFolder root;
  const TestType made(root.path());
  host::Host& host = *made.host;
  REQUIRE(host.make_directory("/etc", own(0755), kReason));
  REQUIRE(write(host, "/etc/file", "one"));
  REQUIRE(write(host, "/etc/file", "two"));
  REQUIRE(host.make_directory("/var/lib/sealift/ledger", own(0700), kReason));
  REQUIRE(write(host, "/var/lib/sealift/ledger/before.jsonl", "x"));
  REQUIRE(host.record(kReason));
  const auto is_empty = [&](host::Host& one) {
    CHECK_FALSE(*one.worked_on());
    CHECK(one.ledger()->empty());
    CHECK_FALSE(*one.recorded(kReason.step));
    CHECK_FALSE(*one.synced());
  };
  SECTION("with its folder") {
    REQUIRE(host.forget(kUndo));
    is_empty(host);
    CHECK(is_absent(host, "/var/lib/sealift"));
    CHECK(read(host, "/etc/file") == "two");
    is_empty(*TestType(root.path()).host);
    CHECK(host.forget(kUndo));  // again
    is_empty(host);
  }
  SECTION("but not what else is in it") {
    REQUIRE(write(host, "/var/lib/sealift/other", "x"));
    REQUIRE(host.forget(kUndo));
    is_empty(host);
    CHECK(*host.list("/var/lib/sealift") == std::vector<std::string>{"other"});
  }
  // It is used like the first one.
  REQUIRE(write(host, "/etc/file", "three"));
  REQUIRE(host.record({"another", "bb"}));
  const auto entries = host.ledger();
  REQUIRE(entries);
  REQUIRE(entries->size() == 2);
  CHECK(entries->front().sequence == 1);
  CHECK(std::get<host::FileWritten>(entries->front().change).before.kept);
  CHECK(undo(host, "/etc/file", digest_of("three")) == Restored::as_before);
  CHECK(read(host, "/etc/file") == "two");
  CHECK(*TestType(root.path()).host->recorded("another") == "bb");
}
