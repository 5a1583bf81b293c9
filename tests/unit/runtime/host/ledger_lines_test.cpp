// SPDX-License-Identifier: Apache-2.0
#include "runtime/host/ledger_lines.h"

#include <catch2/catch_test_macros.hpp>
#include <set>

#include "payload/hash/digest.h"
#include "runtime/host/descriptions.h"

using namespace sealift;
using namespace sealift::host;
using Kind = PathBefore::Kind;

namespace {

const Digest kDigest = hash::sha256(base::as_bytes("x"));

Result<LedgerEntry> parse(const std::string& line, uint64_t format) {
  const auto value = json::parse(line);
  REQUIRE(value);
  return parse_ledger_line(*value, format);
}

// An entry as written by formats 1 and 2.
std::string told(const std::string& kind, const std::string& target, const std::string& before) {
  json::Value out = json::Value::object();
  out.set("seq", uint64_t{7});
  out.set("time", "2026-01-01T00:00:00Z");
  out.set("step", "a");
  out.set("inputs", "1");
  out.set("kind", kind);
  out.set("target", target);
  out.set("before", before);
  return json::to_canonical(out);
}

}  // namespace

TEST_CASE("a ledger's lines are these bytes, and are read as what was written") {
  const auto is = [](const Change& change, const std::string& expected) {
    const std::string text = ledger_line({7, "2026-01-01T00:00:00Z", "a", "1", change});
    CHECK(text == R"({"change":{)" + expected +
                      R"(},"inputs":"1","seq":7,"step":"a","time":"2026-01-01T00:00:00Z"})"
                      "\n");
    const auto read = parse(text, kLedgerFormat);
    REQUIRE(read);
    CHECK(read->change == change);
    CHECK(read->sequence == 7);
    CHECK(read->time == "2026-01-01T00:00:00Z");
    CHECK(read->step == "a");
    CHECK(read->inputs == "1");
  };
  const std::string file = R"("before":{"digest":")" + kDigest.text() +
                           R"(","kept":true,"kind":"file","size":1,"spec":{"gid":0,"mode":420,"uid":0}})";
  is(FileWritten{"/f", {.kind = Kind::file, .spec = FileSpec{}, .size = 1, .digest = kDigest, .kept = true}},
     file + R"(,"kind":"file","path":"/f")");
  is(FileWritten{"/f", {}, kDigest},
     R"("before":{"kept":false,"kind":"absent"},"kind":"file","path":"/f","written":")" + kDigest.text() + R"(")");
  is(DirectoryMade{"/d", {}}, R"("before":{"kept":false,"kind":"absent"},"kind":"directory","path":"/d")");
  is(SymlinkMade{"/l", {.kind = Kind::symlink, .target = "old"}},
     R"("before":{"kept":false,"kind":"symlink","target":"old"},"kind":"symlink","path":"/l")");
  is(PathRemoved{"/r", {.kind = Kind::transient}},
     R"("before":{"kept":false,"kind":"transient"},"kind":"remove","path":"/r")");
  is(CommandRun{"kubeadm init", "sealift-kubeadm"},
     R"("command":"kubeadm init","kind":"run","unit":"sealift-kubeadm")");
  is(CommandRun{"true", {}}, R"("command":"true","kind":"run")");
  is(UnitChanged{UnitAction::enable, "a.service", UnitChanged::Before{true, "active"}},
     R"("action":"enable","before":{"active":"active","enabled":true},"kind":"unit","unit":"a.service")");
  is(UnitChanged{UnitAction::reload_daemon, "", {}}, R"("action":"daemon-reload","kind":"unit","unit":"")");
  is(UnitChanged{UnitAction::reload, "a.service", UnitChanged::Before{true, "active"}},
     R"("action":"reload","before":{"active":"active","enabled":true},"kind":"unit","unit":"a.service")");
  is(ModuleLoaded{"overlay", true}, R"("kind":"module","loadedBefore":true,"module":"overlay")");
  is(SysctlSet{"a.b", "1", "0"}, R"("before":"0","key":"a.b","kind":"sysctl","value":"1")");
  is(PayloadStored{"/p", true}, R"("complete":true,"kind":"store","path":"/p")");
  is(ImagePulled{"a/b:1"}, R"("image":"a/b:1","kind":"image")");
  is(MountsMade{"/m", {"/m/1"}}, R"("before":["/m/1"],"below":"/m","kind":"mount")");
  is(InterfacesMade{{"lo"}}, R"("before":["lo"],"kind":"interface")");
  is(TakenAway{Trace::Kind::chain, "ip filter KUBE-FIREWALL"},
     R"("kind":"taken","name":"ip filter KUBE-FIREWALL","trace":"chain")");
  is(PathRestored{"/f", {.kind = Kind::symlink, .target = "now"}},
     R"("before":{"kept":false,"kind":"symlink","target":"now"},"kind":"restored","path":"/f")");
  is(Begun{}, R"("kind":"begun")");
  is(Completed{}, R"("kind":"completed")");
  is(Synced{}, R"("kind":"synced")");
}

TEST_CASE("each kind of trace has a name of its own in a ledger") {
  std::set<std::string_view> seen;
  for (const auto name : names<Trace::Kind>) CHECK(seen.insert(name).second);
  CHECK(names<Trace::Kind>[static_cast<size_t>(Trace::Kind::process)] == "process");  // the last one
  CHECK(names<Trace::Kind>.size() == static_cast<size_t>(Trace::Kind::process) + 1);
}

TEST_CASE("the words of the older formats become the same types") {
  const auto is = [](const std::string& kind, const std::string& target, const std::string& before,
                     const Change& expected) {
    INFO(kind << " " << target << " " << before);
    const auto read = parse(told(kind, target, before), 2);
    REQUIRE(read);
    CHECK(read->change == expected);
    CHECK(read->sequence == 7);
    CHECK(read->step == "a");
    CHECK(read->inputs == "1");
    CHECK(read->time == "2026-01-01T00:00:00Z");
  };
  const FileSpec spec{0640, 3, 4};
  is("file", "/f", "absent", FileWritten{"/f", {}});
  is("file", "/run/f", "volatile", FileWritten{"/run/f", {.kind = Kind::transient}});
  is("file", "/f", "file mode=640 uid=3 gid=4 size=1 " + kDigest.text() + " kept",
     FileWritten{"/f", {.kind = Kind::file, .spec = spec, .size = 1, .digest = kDigest, .kept = true}});
  is("remove", "/f", "file mode=640 uid=3 gid=4 size=9000000 " + kDigest.text(),
     PathRemoved{"/f", {.kind = Kind::file, .spec = spec, .size = 9'000'000, .digest = kDigest}});
  is("directory", "/d", "directory mode=640 uid=3 gid=4", DirectoryMade{"/d", {.kind = Kind::directory, .spec = spec}});
  is("symlink", "/l", "symlink to a place", SymlinkMade{"/l", {.kind = Kind::symlink, .target = "to a place"}});
  is("symlink", "/l", "other mode=640 uid=3 gid=4", SymlinkMade{"/l", {.kind = Kind::other, .spec = spec}});
  is("run", "kubeadm init", "unit sealift-kubeadm", CommandRun{"kubeadm init", "sealift-kubeadm"});
  is("run", "true", "", CommandRun{"true", {}});
  is("unit", "enable a.service", "enabled=false active=failed",
     UnitChanged{UnitAction::enable, "a.service", UnitChanged::Before{false, "failed"}});
  is("unit", "restart a.service", "enabled=true active=active",
     UnitChanged{UnitAction::restart, "a.service", UnitChanged::Before{true, "active"}});
  is("unit", "daemon-reload a.service", "", UnitChanged{UnitAction::reload_daemon, "", {}});
  is("module", "overlay", "loaded", ModuleLoaded{"overlay", true});
  is("module", "overlay", "absent", ModuleLoaded{"overlay", false});
  is("sysctl", "a.b=1=2", "0", SysctlSet{"a.b", "1=2", "0"});
  is("sysctl", "a.b=1", "absent", SysctlSet{"a.b", "1", {}});
  is("store", "/p", "absent", PayloadStored{"/p", false});
  is("store", "/p", "incomplete", PayloadStored{"/p", true});
  is("begun", "", "", Begun{});
  is("completed", "", "", Completed{});
  is("synced", "", "", Synced{});
  const auto none = [](const std::string& kind, const std::string& target, const std::string& before) {
    INFO(kind << " " << target << " " << before);
    const auto read = parse(told(kind, target, before), 2);
    REQUIRE_FALSE(read);
    CHECK(read.error().code == ErrorCode::corrupt);
  };
  none("unheard-of", "/f", "absent");
  none("file", "/f", "something");
  none("file", "/f", "file mode=9 uid=3 gid=4 size=1");
  none("file", "/f", "file mode=640 uid=3 gid=4 size=x");
  none("unit", "explode a.service", "enabled=true active=active");
  none("unit", "start a.service", "enabled=true");
  none("sysctl", "a.b", "0");
}
